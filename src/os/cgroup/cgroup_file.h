/* SPDX-License-Identifier: MIT */
#pragma once

/* The files of a controller: which version of cgroups has it, in which of a container's cgroups
 * they are, and what they say. Controllers are named as version 1 names them; version 2 calls
 * "blkio" "io" and has "cpuacct" in "cpu". */

#include "base/strings.h"

#include <stdbool.h>
#include <stdint.h>

/* How the host mounts cgroups. */
struct cgroup_host {
	const char *root;     /* "/sys/fs/cgroup"; a test's own */
	bool unified;         /* version 2 alone, at `root` */
	bool without_unified; /* of a host with both only version 1 may be used */
};

/* The controller is in none, or in a hierarchy of that version. */
enum cgroup_version { CGROUP_ABSENT, CGROUP_V1, CGROUP_V2 };

/* Returns how this host mounts them. */
struct cgroup_host cgroup_host_get(void);

/* Returns the name of @controller in version 2, borrowed. */
const char *cgroup_name_v2(const char *controller);

/* Tells which version has @controller. */
enum cgroup_version cgroup_version_of(const struct cgroup_host *host, const char *controller);

/* Returns the one of @cgroups (absolute paths) that has the files of @controller, borrowed; NULL
 * when there is none, or it has been removed. */
const char *cgroup_find(const struct cgroup_host *host, const struct strings *cgroups,
			const char *controller, enum cgroup_version *ret_version);

/* Reads the number in @file of the cgroup @dir; "max" is UINT64_MAX, and so is what version 1 shows
 * for no limit. 0 or -errno; *@ret is written on success only. */
[[nodiscard]] int cgroup_read_number(const char *dir, const char *file, uint64_t *ret);

/* Reads the number behind the word @key at the start of a line. -ENODATA when no line has it. */
[[nodiscard]] int cgroup_read_key(const char *dir, const char *file, const char *key,
				  uint64_t *ret);

/* Reads the whole of @file without its last line end; *@ret is the caller's. 0 or -errno. */
[[nodiscard]] int cgroup_read_text(const char *dir, const char *file, char **ret);

/* Writes @value into @file. 0 or -errno. */
[[nodiscard]] int cgroup_write(const char *dir, const char *file, const char *value);

/* Returns how many processes of the memory cgroup among @cgroups, and of those below it, the kernel
 * has killed because memory ran out. 0 as well where it cannot be told. */
uint64_t cgroup_oom_kills(const struct cgroup_host *host, const struct strings *cgroups);
