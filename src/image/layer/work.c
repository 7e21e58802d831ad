/* SPDX-License-Identifier: MIT */
/* What it takes to work on one layer. */

#include "image/layer/work.h"

#include "base/mem.h"

struct work *work_create(void)
{
	struct work *work = xnew(struct work);

	work->blob_hash = hash_create();
	work->content_hash = hash_create();
	work->inflate = inflate_create(COMPRESSION_NONE);
	work->source = xcalloc(WORK_SOURCE_BYTES, 1);
	for (size_t i = 0; i < WORK_SLOTS; i++)
		work->slots[i] = xcalloc(WORK_SLOT_BYTES, 1);
	return work;
}

void work_free(struct work *work)
{
	if (!work)
		return;
	hash_free(work->blob_hash);
	hash_free(work->content_hash);
	inflate_free(work->inflate);
	free(work->source);
	for (size_t i = 0; i < WORK_SLOTS; i++)
		free(work->slots[i]);
	free(work);
}

void work_reset(struct work *work)
{
	hash_reset(work->blob_hash);
	hash_reset(work->content_hash);
	inflate_reset(work->inflate, COMPRESSION_NONE);
}
