/* SPDX-License-Identifier: MIT */
/* Layers of which each has something with all that is in it and below. */

#include "image/snapshot/chain.h"

const char *chain_below(const struct chain *chain, size_t number)
{
	return number + 1 < chain->layers->count ? chain->layers->items[number + 1] : NULL;
}

int chain_make(const struct snapshot_place *place, const struct strings *layers,
	       const struct chain_ops *ops, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	const struct chain chain = { .place = place, .layout = &layout, .layers = layers };
	autoclose int lock = -1;
	size_t missing = 0;

	if (layers->count == 0 || ops->has(place, layers->items[0]))
		return 0;
	if (layout_open(place->data_dir, &layout, err) < 0)
		return -1;
	lock = layout_lock(&layout, err);
	if (lock < 0 || (ops->begin && ops->begin(place, err) < 0))
		return -1;
	while (missing < layers->count && !ops->has(place, layers->items[missing]))
		missing++;
	while (missing-- > 0)
		if (ops->make(&chain, missing, err) < 0)
			return -1;
	return 0;
}
