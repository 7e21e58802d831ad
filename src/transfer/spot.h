/* SPDX-License-Identifier: MIT */
#pragma once

/* The name that one entry of an archive gets: its directory, open, and its last component. */

#include "base/fail.h"

#include <stdbool.h>
#include <sys/types.h>

struct spot {
	int dir;    /* O_PATH */
	char *name; /* NULL: the top directory itself */
};
#define SPOT_NULL ((struct spot){ .dir = -1 })

/* Returns @name of an archive without what means nothing ("/" in front, "." between), owned by the
 * caller; NULL where it has "..", is empty of characters, or is longer than a path may be. */
[[nodiscard]] char *spot_clean(const char *name);

/* Opens the directory of @path, a cleaned name, below @top. No component may be a symlink. With
 * @owner (uid and gid) directories that are missing are made. LXCRI_E_EXTRACT_FAILED,
 * LXCRI_E_COPY_FAILED. */
[[nodiscard]] int spot_find(int top, const char *path, const uid_t *owner, struct spot *ret_spot,
			    struct lxcri_error *err);

/* Frees what @spot holds. Safe to repeat. */
void spot_finish(struct spot *spot);

/* What is at a spot. */
enum spot_kind {
	SPOT_FREE,
	SPOT_REPLACEABLE, /* a file, a link, a fifo, a socket */
	SPOT_DIR,
	SPOT_DEVICE,
	SPOT_MOUNTED, /* a file that is a mount of its own: a rename would take the mount away */
};

/* Looks what is at @spot. A kind, or -errno. */
[[nodiscard]] int spot_look(const struct spot *spot);
