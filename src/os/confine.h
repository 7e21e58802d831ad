/* SPDX-License-Identifier: MIT */
#pragma once

/* Giving rights up before bytes from outside are parsed. Nothing here can be undone; threads that
 * are started afterwards inherit it. */

#include <stddef.h>
#include <stdint.h>

/* Keeps of the capabilities that the process has only @capabilities (CAP_*), and lets no exec bring
 * any back (no_new_privs). Returns 0 or -errno. */
[[nodiscard]] int confine_capabilities(const unsigned int *capabilities, size_t count);

enum confine_access { CONFINE_READ, CONFINE_WRITE };

/* A directory or file that stays reachable, with all below it. */
struct confine_path {
	int fd; /* borrowed; -1 is passed over */
	enum confine_access access;
};

/* Denies, by Landlock, every use of files but those below @paths; execution is denied everywhere.
 * What is open stays open. Returns 0, -EOPNOTSUPP where the kernel has no Landlock that allows
 * renames between directories (before Linux 5.19, or switched off), or -errno. */
[[nodiscard]] int confine_files(const struct confine_path *paths, size_t count);
