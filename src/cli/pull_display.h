/* SPDX-License-Identifier: MIT */
#pragma once

/* How a pull or a push goes on, for people: on a terminal one line for each layer, which changes;
 * elsewhere a line when something begins or ends. All on standard error. */

#include "lxcri/pull.h"

#include <stdbool.h>
#include <stddef.h>

/* One layer's line. */
struct pull_line {
	char digest[20];
	enum lxcri_pull_state state;
	bool is_told;
	bool is_push;
	uint64_t bytes, size;
	uint64_t first_bytes; /* that were there when we began to look */
	int64_t first_ms;
};

/* Zeroed is one that nothing was shown of. */
struct pull_display {
	struct pull_line *lines;
	size_t count;
	size_t shown; /* lines on the terminal */
	bool is_terminal;
};

/* A lxcri_pull_fn whose userdata is a struct pull_display. */
void pull_display_show(void *display, const struct lxcri_pull_progress *progress);

/* Shows the last state and frees what @display holds. Safe to repeat. */
void pull_display_finish(struct pull_display *display);
