/* SPDX-License-Identifier: MIT */
#pragma once

/* A directory of its own for what an image consists of on its way from one place to another. It is
 * locked for as long as it is used, and one that was left behind by a kill goes with the next
 * garbage. */

#include "base/fail.h"

struct scratch {
	char *path; /* absolute; NULL: none */
	char *name; /* below the images of the store: "downloads/.copy-..." */
	int fd;     /* of the directory, whose lock it holds */
};
#define SCRATCH_NULL ((struct scratch){ .fd = -1 })

/* Makes one in the store of @data_dir. The caller ends *@ret with scratch_finish().
 * LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int scratch_open(const char *data_dir, struct scratch *ret, struct lxcri_error *err);

/* Removes it with all that is in it. Safe to repeat. */
void scratch_finish(struct scratch *scratch);
