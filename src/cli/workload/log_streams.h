/* SPDX-License-Identifier: MIT */
#pragma once

/* The logs of several containers at once, each line with whose it is. */

#include "base/strings.h"
#include "cli/cli.h"

struct log_streams {
	const struct strings *ids;
	const struct strings *flags; /* of `logs`, for each */
	bool together;               /* as they come; else one after the other */
};

/* Prints them until all have ended, each by a command of its own. Colours are for a terminal. */
[[nodiscard]] int log_streams_print(struct cli *cli, const struct log_streams *streams,
				    struct lxcri_error *err);
