/* SPDX-License-Identifier: MIT */
#pragma once

/* The options of update and rollback that say how a container is put on another root file system.
 */

#include "cli/cli.h"
#include "lxcri/update.h"

/* As the command line has them; times in seconds, -1: not given. */
struct gate_options {
	const char *health_cmd;
	int health_timeout;
	int settle;
	int grace_seconds;
};

/* What they are in a verb's options_defaults. */
#define GATE_OPTIONS_DEFAULTS                                           \
	{                                                               \
		.health_timeout = -1, .settle = -1, .grace_seconds = -1 \
	}

/* Their rows for the table of `struct NAME_options`; without a command @otherwise_ is asked. */
#define GATE_OPTIONS(struct_, member_, otherwise_)                                              \
	OPTION(struct_, member_.health_cmd, "health-cmd", 0, OPTION_TEXT, "COMMAND",            \
	       "what tells inside that it is well (" otherwise_ ")"),                           \
		OPTION(struct_, member_.health_timeout, "health-timeout", 0, OPTION_COUNT,      \
		       "SECONDS", "within which that has to succeed (60)"),                     \
		OPTION(struct_, member_.settle, "settle", 0, OPTION_COUNT, "SECONDS",           \
		       "how long it has to go on running (3); 0: do not look after it at all"), \
		OPTION(struct_, member_.grace_seconds, "time", 't', OPTION_COUNT, "SECONDS",    \
		       "how long to wait before the kill (10)")

/* Tells whether one of them was given. */
bool gate_options_are_given(const struct gate_options *options);

/* Fills in what the engine takes; the configuration is loaded. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int gate_options_fill(const struct cli *cli, const struct gate_options *options,
				    struct lxcri_image_update_options *ret,
				    struct lxcri_error *err);
