/* SPDX-License-Identifier: MIT */
/* The store of images, as the config has it. */

#include "engine/images/open.h"

#include "config/config.h"
#include "image/images_dir.h"

#include <string.h>

int images_open(const struct lxcri_engine *engine, const char *data_dir,
		struct image_store **ret_store, struct lxcri_error *err)
{
	const struct lxcri_config *config = engine->config;
	const char *images_dir = config_text(config, CONFIG_STORAGE_IMAGE_PATH);
	struct image_store *store = NULL;

	if (images_dir && strcmp(data_dir, engine->data) == 0 &&
	    images_dir_put(data_dir, images_dir, err) < 0)
		return -1;
	if (image_store_open(data_dir, &store, err) < 0)
		return -1;
	image_store_search(store, config_json(config, CONFIG_REGISTRIES_UNQUALIFIED));
	image_store_set_workers(store,
				(unsigned int)config_u64(config, CONFIG_STORAGE_MAX_WORKERS));
	*ret_store = store;
	return 0;
}
