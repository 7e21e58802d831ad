/* SPDX-License-Identifier: MIT */
#pragma once

/* Control groups as they are mounted below /sys/fs/cgroup: version 1, version 2, or both (hybrid).
 * A path here is absolute and names a directory of one hierarchy. */

#include "base/strings.h"

#include <stdbool.h>
#include <sys/types.h>

/* Tells whether version 2 is all that the host mounts. */
bool cgroup_is_version_2(void);

/* Tells whether the host mounts version 1 with version 2 beside it at /sys/fs/cgroup/unified, and
 * the latter has controllers. */
bool cgroup_is_hybrid_with_controllers(void);

/* Appends the cgroups of the process @pid, one a hierarchy, that are not the calling process's as
 * well. 0 or -errno. */
[[nodiscard]] int cgroup_list_own(pid_t pid, struct strings *paths);

/* Returns the directory of one cgroup that the calling process is in, version 2 where it is
 * mounted; NULL when that cannot be told. The caller owns it. */
[[nodiscard]] char *cgroup_of_self(void);

/* Appends the directories in which a command-line runtime makes the cgroups of a container that
 * names none, when the calling process starts it. 0 or -errno. */
[[nodiscard]] int cgroup_list_parents(struct strings *paths);

/* Thaws the cgroup @path and sends SIGKILL to all processes in it and below but the caller. What is
 * absent counts as done. 0 or -errno. */
[[nodiscard]] int cgroup_kill(const char *path);

/* Removes the cgroup @path with those below it. A cgroup stays busy for a moment after its last
 * process: up to @timeout_ms are spent waiting. What is absent counts as removed. 0 or -errno. */
[[nodiscard]] int cgroup_remove(const char *path, int timeout_ms);

/* Appends the paths of all cgroups directly below the root of each hierarchy whose name begins with
 * @prefix. */
void cgroup_list_named(const char *prefix, struct strings *paths);

/* Tells whether a process is in the cgroup @path or below it; one that can't be read counts as
 * having some. */
bool cgroup_has_processes(const char *path);

/* Removes the cgroup @path if nothing is in it or below, waiting up to @timeout_ms for its last
 * processes. What is absent counts as removed. 0 or -errno. */
[[nodiscard]] int cgroup_remove_one(const char *path, int timeout_ms);

/* Removes the cgroup called @name ("/NAME") of every hierarchy, where it is empty, waiting up to
 * @timeout_ms for its last processes. */
void cgroup_remove_empty(const char *name, int timeout_ms);
