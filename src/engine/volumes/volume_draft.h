/* SPDX-License-Identifier: MIT */
#pragma once

/* A volume that is being made, beside those that there are, until it is whole. Whoever dies over it
 * leaves what looks like a volume whose removal was interrupted. */

#include "base/fail.h"
#include "base/scope.h"

struct volume_draft {
	char *data_dir;
	char *name; /* for the time being */
	int volumes;
	int dir;  /* of the volume, locked */
	int data; /* what is mounted of it */
};
#define VOLUME_DRAFT_NULL ((struct volume_draft){ .volumes = -1, .dir = -1, .data = -1 })

/* Makes an empty one. LXCRI_E_STORAGE_ERROR. The caller ends *@ret_draft with
 * volume_draft_finish(). */
[[nodiscard]] int volume_draft_open(const char *data_dir, struct volume_draft *ret_draft,
				    struct lxcri_error *err);

enum volume_place {
	VOLUME_NEW,     /* one of that name is left alone */
	VOLUME_REPLACE, /* takes the place of one of that name, which goes */
};

/* Makes it the volume @name, with all that it has on the disk, at once or not at all. Returns 1, or
 * 0 with VOLUME_NEW where there is one of that name, or with VOLUME_REPLACE where there is none.
 * LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int volume_draft_commit(struct volume_draft *draft, const char *name,
				      enum volume_place place, struct lxcri_error *err);

/* Removes what has not become a volume, and frees. Safe to repeat. */
void volume_draft_finish(struct volume_draft *draft);
