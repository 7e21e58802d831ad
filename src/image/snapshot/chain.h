/* SPDX-License-Identifier: MIT */
#pragma once

/* Layers of which each has something with all that is in it and below, made of that of the layer
 * below it: what prepare() is of drivers that merge layers. */

#include "image/layout.h"
#include "image/snapshot/snapshot.h"

/* A chain that is being made, under the store's lock. All is borrowed. */
struct chain {
	const struct snapshot_place *place;
	const struct layout *layout;
	const struct strings *layers; /* topmost first */
};

/* What drivers differ by. */
struct chain_ops {
	/* Tells whether the layer has it. */
	bool (*has)(const struct snapshot_place *place, const char *layer_dir);
	/* Makes what all need, before the first is made; or NULL. */
	int (*begin)(const struct snapshot_place *place, struct lxcri_error *err);
	/* Makes that of the layer @number, where the one below has it. */
	int (*make)(const struct chain *chain, size_t number, struct lxcri_error *err);
};

/* Makes what @layers (topmost first) have not, from the lowest up; quick where there is nothing to
 * make. Fails as @ops do, or with LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int chain_make(const struct snapshot_place *place, const struct strings *layers,
			     const struct chain_ops *ops, struct lxcri_error *err);

/* Returns the directory of the layer below @number, borrowed, or NULL. */
const char *chain_below(const struct chain *chain, size_t number);
