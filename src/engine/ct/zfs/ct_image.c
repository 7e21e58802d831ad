/* SPDX-License-Identifier: MIT */
/* Datasets of images. There is one for an image, not for each of its layers: what two images have
 * in common is there twice. */

#include "engine/ct/zfs/ct_image.h"

#include "base/mem.h"
#include "engine/ct/ct_template.h"
#include "engine/ct/zfs/ct_pool.h"
#include "image/store.h"

#define LOCK "datasets.lock"

int ct_image_lock(const struct lxcri_engine *engine, struct lxcri_error *err)
{
	return engine_lock_file(engine->root, LOCK, err);
}

int ct_image_try_lock(const struct lxcri_engine *engine, struct lxcri_error *err)
{
	return engine_try_lock_file(engine->root, LOCK, err);
}

int ct_image_ensure(struct lxcri_engine *engine, const struct ct_image *image, int lock,
		    char **ret_ready, struct lxcri_error *err)
{
	autofree char *group = ct_dataset_group(image->pool, engine->data);
	struct image_store *store = NULL;
	char init[SHA256_HEX_SIZE];
	const struct ct_dataset dataset = { .group = group,
					    .data_dir = engine->data,
					    .digest = image->digest,
					    .init = init,
					    .owner = image->owner };
	int r;

	if (ct_template_sum_init(init, err) < 0 || image_store_open(engine->data, &store, err) < 0)
		return -1;
	r = ct_dataset_ensure(store, &dataset, lock, ret_ready, err);
	image_store_free(store);
	return r;
}

static int look_in(struct lxcri_engine *engine, const char *pool, ct_image_fn look, void *userdata,
		   struct lxcri_error *err)
{
	autofree char *group = ct_dataset_group(pool, engine->data);
	autorun(strings_finish) struct strings names = {};
	int r = ct_dataset_has_group(group, engine->data, err);

	if (r <= 0)
		return r;
	if (ct_dataset_list(group, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct ct_dataset_state state;

		if (ct_dataset_look(names.items[i], &state, err) < 0 ||
		    look(userdata, names.items[i], &state, err) < 0)
			return -1;
	}
	return 0;
}

int ct_image_each(struct lxcri_engine *engine, ct_image_fn look, void *userdata,
		  struct lxcri_error *err)
{
	autorun(strings_finish) struct strings pools = {};
	autoclose int lock = -1;

	ct_pool_list(engine, &pools);
	if (pools.count == 0)
		return 0;
	lock = ct_image_lock(engine, err);
	if (lock < 0)
		return -1;
	for (size_t i = 0; i < pools.count; i++)
		if (look_in(engine, pools.items[i], look, userdata, err) < 0)
			return -1;
	return 0;
}
