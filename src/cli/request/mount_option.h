/* SPDX-License-Identifier: MIT */
#pragma once

/* The value of --mount: "type=volume,source=db,target=/data,readonly". */

#include "base/fail.h"

#include <stdbool.h>

struct mount_option {
	bool is_tmpfs;
	char *source;      /* path on the host, or a volume's name; NULL: none */
	char *destination; /* absolute */
	char *options;     /* as those of --volume, or of --tmpfs; or NULL */
};

/* Reads @value. LXCRI_E_INVALID_ARGUMENT says what is wrong with it. The caller ends *@ret_mount
 * with mount_option_finish(), also after a failure. */
[[nodiscard]] int mount_option_parse(const char *value, struct mount_option *ret_mount,
				     struct lxcri_error *err);

/* Frees what @mount holds. Safe to repeat. */
void mount_option_finish(struct mount_option *mount);
