/* SPDX-License-Identifier: MIT */
#pragma once

/* What is known of a volume besides its data, in a file beside them. */

#include "base/fail.h"
#include "base/strings.h"

#include <stdint.h>

/* Zeroed is nothing. */
struct volume_notes {
	int64_t created_ns;    /* 0: an earlier release made it */
	struct strings labels; /* NAME=VALUE */
};

/* Frees what @notes hold. Safe to repeat. */
void volume_notes_finish(struct volume_notes *notes);

/* Writes them into the volume's directory @dir. 0 or -errno. */
[[nodiscard]] int volume_notes_save(int dir, const struct volume_notes *notes);

/* Reads those of the volume @name; none are nothing. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int volume_notes_load(const char *data_dir, const char *name,
				    struct volume_notes *ret_notes, struct lxcri_error *err);
