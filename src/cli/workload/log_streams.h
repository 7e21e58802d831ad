/* SPDX-License-Identifier: MIT */
#pragma once

/* The logs of several containers at once, each line with whose it is. */

#include "base/strings.h"
#include "cli/cli.h"

struct log_streams {
	const struct strings *ids;
	const struct strings *flags;          /* of `logs`, for each */
	const struct strings *flags_of_later; /* for each that comes later */
	bool together;                        /* as they come; else one after the other */

	/* Finds those that there are at a later time, and that have begun to run since they were
	 * seen last: by turns the id, and from which moment on, "" for all. Returns 0 when none can
	 * come any more; < 0 ends it. NULL: there are no others. */
	int (*find)(void *userdata, struct strings *ret_later, struct lxcri_error *err);
	void *userdata;
};

/* Prints them, each by a command of its own, until all have ended, or where others may come until
 * none can. Colours are for a terminal. One that cannot be printed is LXCRI_E_SYSTEM once the
 * others are, but where others may come. */
[[nodiscard]] int log_streams_print(struct cli *cli, const struct log_streams *streams,
				    struct lxcri_error *err);
