/* SPDX-License-Identifier: MIT */
/* How an image came to be. The history in a config and the layers in a manifest are two lists by
 * different hands: neither is trusted to be as long as the other says. */

#include "image/history.h"

#include "base/mem.h"
#include "image/image_index.h"
#include "image/stored_image.h"

static void set_layer(struct image_step *step, const struct manifest *manifest, size_t layer)
{
	if (layer >= manifest->n_layers)
		return;
	step->digest = manifest->layers[layer].digest.text;
	step->size_bytes = manifest->layers[layer].size;
}

/* Fills @steps in, the oldest first, and returns their number. */
static size_t list_steps(const struct stored_image *stored, struct image_step *steps)
{
	const struct image_config *config = stored->config;
	size_t count = 0;
	size_t layer = 0;

	for (size_t i = 0; i < config->n_history; i++) {
		const struct image_history *history = &config->history[i];
		struct image_step *step = &steps[count++];

		*step = (struct image_step){
			.created_ns = image_index_parse_time(history->created),
			.created_by = history->created_by,
			.author = history->author,
			.comment = history->comment,
		};
		if (!history->empty_layer)
			set_layer(step, stored->manifest, layer++);
	}
	for (; layer < stored->manifest->n_layers; layer++)
		set_layer(&steps[count++], stored->manifest, layer);
	return count;
}

int image_store_history(struct image_store *store, const char *name,
			int (*each)(void *userdata, const struct image_step *step), void *userdata,
			struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autorun(stored_image_finish) struct stored_image stored = {};
	autofree struct image_step *steps = NULL;
	size_t count;

	if (layout_open(image_store_data_dir(store), &layout, err) < 0 ||
	    stored_image_find(store, &layout, name, &stored, err) < 0)
		return -1;
	steps = xcalloc(stored.config->n_history + stored.manifest->n_layers + 1, sizeof(steps[0]));
	count = list_steps(&stored, steps);
	while (count > 0)
		if (each(userdata, &steps[--count]) < 0)
			break;
	return 0;
}
