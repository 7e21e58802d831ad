/* SPDX-License-Identifier: MIT */
#pragma once

/* The cgroups of an LXC container: what they are called, and what the monitor does with them when
 * it needs no liblxc for it. Names are flat, so that containers share no directory that one could
 * remove while another is made, and hold the container's id and a mark of its run directory, so
 * that several instances never meet. */

#include "base/fail.h"
#include "base/strings.h"

#include <stdbool.h>

/* Below the root of each hierarchy, without a leading slash. */
struct lxc_cgroup_names {
	char *payload; /* the container's processes */
	char *monitor; /* lxcri-lxc */
	char *pivot;   /* where liblxc goes at the end, to leave the former empty */
};

/* Makes the names for the container @id whose run directory is @run_dir. @cgroups_path of the
 * specification (NULL or empty: none) becomes that of the payload; systemd's SLICE:PREFIX:NAME is
 * SLICE/PREFIX-NAME.scope. One that would leave the hierarchy is LXCRI_E_INVALID_SPEC. */
[[nodiscard]] int lxc_cgroup_names(const char *id, const char *run_dir, const char *cgroups_path,
				   struct lxc_cgroup_names *ret, struct lxcri_error *err);

/* Makes the names where @path, absolute, is that of the payload in a scope of systemd, and all
 * others go there as well. */
void lxc_cgroup_names_in_scope(const char *path, struct lxc_cgroup_names *ret);

/* Keeps @names below @run_dir, for lxc_cgroup_names_load(). */
[[nodiscard]] int lxc_cgroup_names_save(const char *run_dir, const struct lxc_cgroup_names *names,
					struct lxcri_error *err);

/* Reads the names that were kept below @run_dir; without any *@ret is zeroed. The caller ends it.
 */
[[nodiscard]] int lxc_cgroup_names_load(const char *run_dir, struct lxc_cgroup_names *ret,
					struct lxcri_error *err);

/* Frees what @names holds. Safe to repeat. */
void lxc_cgroup_names_finish(struct lxc_cgroup_names *names);

/* Tells whether a process is in the payload's cgroup or below. */
bool lxc_cgroup_in_use(const struct lxc_cgroup_names *names);

/* Freezes or thaws the processes of the cgroups @names and waits until they are. 0 or -errno. */
[[nodiscard]] int lxc_cgroup_freeze(const struct lxc_cgroup_names *names, bool frozen);

/* Sends @signal to every process of the payload and thaws them, also when that fails. 0 or -errno.
 */
[[nodiscard]] int lxc_cgroup_kill(const struct lxc_cgroup_names *names, int signal);

/* Kills what is left in the cgroups @names and removes them from every hierarchy. What is absent
 * counts as removed. 0 or -errno. */
[[nodiscard]] int lxc_cgroup_remove(const struct lxc_cgroup_names *names);
