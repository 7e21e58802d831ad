/* SPDX-License-Identifier: MIT */
/* The layers of stored images. */

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/images/manager.h"
#include "image/layer/stored_layer.h"

#include <string.h>

int lxcri_layer_list(struct lxcri_image_manager *manager, lxcri_layer_info_fn each, void *userdata,
		     struct lxcri_error *err)
{
	size_t entries = (size_t)config_u64(manager->engine->config, CONFIG_STORAGE_CACHE_ENTRIES);

	return stored_layers_list(manager->data, entries, each, userdata, err);
}

/* The layer that is looked for. */
struct layer_search {
	const char *digits;
	lxcri_layer_info_fn each;
	void *userdata;
	bool is_found;
};

static int compare_layer(void *userdata, const struct lxcri_layer_info *info)
{
	struct layer_search *search = userdata;
	const char *const names[] = { info->chain_id, info->diff_id, info->digest };

	for (size_t i = 0; i < ARRAY_LEN(names) && !search->is_found; i++)
		search->is_found = text_starts_with(names[i] + strlen("sha256:"), search->digits);
	if (!search->is_found)
		return 0;
	(void)search->each(search->userdata, info);
	return -1;
}

int lxcri_layer_find(struct lxcri_image_manager *manager, const char *name,
		     lxcri_layer_info_fn each, void *userdata, struct lxcri_error *err)
{
	const char *digits = text_starts_with(name, "sha256:") ? name + strlen("sha256:") : name;
	struct layer_search search = { .digits = digits, .each = each, .userdata = userdata };

	if (strlen(digits) >= 8 && lxcri_layer_list(manager, compare_layer, &search, err) < 0)
		return -1;
	if (!search.is_found)
		return fail(err, LXCRI_E_LAYER_NOT_FOUND, "no stored image has a layer %.100s",
			    name);
	return 0;
}
