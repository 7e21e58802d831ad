/* SPDX-License-Identifier: MIT */
#pragma once

/* Small questions to the host, for the doctor and for info. */

#include "base/strings.h"
#include "lxcri/system.h"

/* Returns what the small file @path holds without the line end, owned by the caller; NULL when it
 * can't be read. */
[[nodiscard]] char *probe_read(const char *path);

/* Reads the unsigned number in @path; 0, or -errno (-EINVAL for what is none). */
[[nodiscard]] int probe_read_number(const char *path, uint64_t *ret);

/* Runs "@path --version" with an empty environment and appends what it prints, line by line.
 * Returns 0, -errno when it can't be run, or -ENOEXEC when it ends with a failure. */
[[nodiscard]] int probe_ask_version(const char *path, struct strings *lines);

/* Returns what a line "@name VERSION" of @lines says, borrowed, or NULL. */
const char *probe_find_version(const struct strings *lines, const char *name);

/* Fills in the versions that can be found; the rest is NULL. @engine's configuration says where the
 * programs are. The caller owns the members. */
void probe_versions(const struct lxcri_engine *engine, struct lxcri_versions *ret);

/* Frees what @versions holds. Safe to repeat. */
void probe_versions_finish(struct lxcri_versions *versions);

/* Returns the deepest directory of the path @path that exists; owned by the caller. */
[[nodiscard]] char *probe_existing(const char *path);

/* How the control groups are mounted. */
enum probe_cgroups { PROBE_CGROUPS_NONE, PROBE_CGROUPS_V1, PROBE_CGROUPS_HYBRID, PROBE_CGROUPS_V2 };

/* Tells how the control groups are mounted at /sys/fs/cgroup. */
enum probe_cgroups probe_cgroups(void);

/* Tells whether AppArmor is switched on. */
bool probe_apparmor(void);

/* Tells whether SELinux is switched on. */
bool probe_selinux(void);

/* Tells whether the kernel filters system calls. */
bool probe_seccomp(void);

/* Returns the type of the file system that @path is on, as the mount table calls it; owned by the
 * caller, NULL when unknown. */
[[nodiscard]] char *probe_file_system(const char *path);
