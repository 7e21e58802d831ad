/* SPDX-License-Identifier: MIT */
#pragma once

/* What update --check tells. */

#include "cli/cli.h"

/* Prints which of the containers @ids, or of all where there are none, have another image than
 * their registry. Returns the exit code: 100 when one is outdated, 1 when of one it could not be
 * told. */
[[nodiscard]] int outdated_print(struct cli *cli, char **ids, const char *format,
				 struct lxcri_error *err);
