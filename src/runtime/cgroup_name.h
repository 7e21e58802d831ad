/* SPDX-License-Identifier: MIT */
#pragma once

/* What our cgroups are called where a specification does not say. Names are flat, so that
 * containers share no directory that one could remove while another is made, and hold the
 * container's id and a mark of its run directory, so that engines with different directories never
 * meet. */

/* Returns "proxmox-lxcri.ROLE.ID.MARK", below the root of each hierarchy and without a leading
 * slash; owned by the caller. */
[[nodiscard]] char *cgroup_name(const char *role, const char *id, const char *run_dir);

/* The role of the cgroup that the container's own processes are in. */
#define CGROUP_PAYLOAD "payload"
