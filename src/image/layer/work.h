/* SPDX-License-Identifier: MIT */
#pragma once

/* What it takes to work on one layer: buffers, and the state of the decompression and of both
 * digests. Made once for each layer that is worked on at a time, and used again for the next: the
 * memory of an import does not depend on how many layers there are. */

#include "base/scope.h"
#include "image/layer/hash.h"
#include "image/layer/inflate.h"

/* Large enough that calls do not count, small enough for the second cache level. */
#define WORK_SOURCE_BYTES ((size_t)128 << 10)
#define WORK_SLOT_BYTES   ((size_t)256 << 10)
/* As far as reading may be ahead of writing: a large file is written in one go meanwhile. */
#define WORK_SLOTS 4

struct work {
	struct hash *blob_hash;
	struct hash *content_hash;
	struct inflate *inflate;
	uint8_t *source;            /* WORK_SOURCE_BYTES */
	uint8_t *slots[WORK_SLOTS]; /* each of WORK_SLOT_BYTES */
};

/* Makes the state for one layer. The caller owns it. */
[[nodiscard]] struct work *work_create(void);

/* Frees @work; NULL is fine. */
void work_free(struct work *work);
DEFINE_AUTOPTR(work)

/* Forgets the layer before. */
void work_reset(struct work *work);
