/* SPDX-License-Identifier: MIT */
#pragma once

/* How much room the merged tree of an image takes on a file system. */

#include "base/fail.h"

#include <stddef.h>
#include <stdint.h>

struct measure {
	uint64_t inodes;
	uint64_t bytes; /* in whole blocks of MEASURE_BLOCK; holes are none */
};

#define MEASURE_BLOCK 4096u

/* Measures the tree whose layers @fds are, the topmost first; they are borrowed. */
[[nodiscard]] int measure_layers(const int *fds, size_t count, struct measure *ret,
				 struct lxcri_error *err);
