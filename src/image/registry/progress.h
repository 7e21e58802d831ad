/* SPDX-License-Identifier: MIT */
#pragma once

/* News of a pull for the command: a line of JSON on standard output for each change, and not more
 * often than a person can read. */

#include <stddef.h>
#include <stdint.h>

enum progress_state { PROGRESS_PRESENT, PROGRESS_WAITING, PROGRESS_FETCHING, PROGRESS_DONE };

/* Of one layer. Zeroed is one that nothing was told of. */
struct progress {
	size_t layer; /* from 0 */
	size_t layers;
	const char *digest;
	uint64_t size;
	int64_t told_ms; /* when bytes were told last */
};

/* Tells that @progress is in @state with @bytes there. */
void progress_tell(struct progress *progress, enum progress_state state, uint64_t bytes);
