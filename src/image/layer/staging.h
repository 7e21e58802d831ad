/* SPDX-License-Identifier: MIT */
#pragma once

/* A place in <data>/layers where the layers of one image are unpacked while it is still being
 * fetched, without the lock of the store: ".pull-<hex of the manifest>", locked by whoever unpacks
 * there. */

#include "base/fail.h"
#include "base/scope.h"

struct staging {
	int layers_fd; /* borrowed */
	char *name;
	int fd;
};
#define STAGING_NULL ((struct staging){ .layers_fd = -1, .fd = -1 })

/* Waits until nobody else unpacks the image @hex, and gets an empty place for it. The caller ends
 * it with staging_finish(). LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int staging_open(int layers_fd, const char *hex, struct staging *ret,
			       struct lxcri_error *err);

/* Removes the place with all that is left in it. Safe to repeat. */
void staging_finish(struct staging *staging);

/* Removes what those left who were killed; best effort. */
void staging_clean(int layers_fd);
