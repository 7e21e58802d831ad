/* SPDX-License-Identifier: MIT */
/* The image that somebody wants. */

#include "engine/images/obtain.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/event.h"
#include "engine/images/open.h"
#include "image/collect/access.h"
#include "image/pull.h"

#include <string.h>

/* Brings the image into the store. Its name and digest are owned by the caller. */
static int fetch(struct lxcri_engine *engine, struct image_store *store,
		 const struct image_wish *wish, char **ret_name, char **ret_digest,
		 struct lxcri_error *err)
{
	const char *reference = wish->reference;
	const bool is_docker = text_starts_with(reference, IMAGE_DOCKER_PREFIX);
	const bool is_source = !is_docker && image_is_source(reference);
	const struct image_pull pull = {
		.reference = reference + (is_docker ? strlen(IMAGE_DOCKER_PREFIX) : 0),
		.config = engine->config,
		.progress = wish->progress,
		.userdata = wish->userdata,
	};
	int r = is_source ? image_store_import(store, reference, NULL, ret_name, ret_digest, err)
			  : image_store_pull(store, &pull, ret_name, ret_digest, err);

	if (r < 0)
		return -1;

	const char *const attributes[] = { "digest", *ret_digest, NULL };

	engine_event(engine, "image", is_source ? "import" : "pull", *ret_name, attributes);
	return 0;
}

/* Asks for the image, where that is to be done before the store is. */
static int fetch_first(struct lxcri_engine *engine, struct image_store *store,
		       const struct image_wish *wish, char **ret_name, char **ret_digest,
		       struct lxcri_error *err)
{
	struct lxcri_error ignored;
	bool is_stored;

	if (!text_starts_with(wish->reference, IMAGE_DOCKER_PREFIX) &&
	    !image_is_source(wish->reference) && wish->pull != LXCRI_PULL_ALWAYS &&
	    wish->pull != LXCRI_PULL_NEWER)
		return 0;
	if (fetch(engine, store, wish, ret_name, ret_digest, err) == 0)
		return 0;
	is_stored = !image_is_source(wish->reference) &&
		    image_store_has(store, wish->reference, &ignored);
	if (wish->pull != LXCRI_PULL_NEWER || !is_stored)
		return -1;
	log_warning("the stored image is used: %s", err->text);
	*err = (struct lxcri_error){};
	return 0;
}

int image_obtain(struct lxcri_engine *engine, const struct image_wish *wish,
		 struct image *ret_image, struct lxcri_error *err)
{
	autoptr(image_store) store = NULL;
	autofree char *name = NULL;
	autofree char *digest = NULL;
	int r;

	if (images_open(engine, engine->data, &store, err) < 0)
		return -1;
	if (fetch_first(engine, store, wish, &name, &digest, err) < 0)
		return -1;
	/* By digest: another import may have taken the name over since. */
	r = image_store_get(store, digest ? digest : wish->reference, ret_image, err);
	/* A digest alone names no registry. */
	if (r < 0 && err->code == LXCRI_E_IMAGE_NOT_FOUND && !digest &&
	    wish->pull == LXCRI_PULL_MISSING && !text_starts_with(wish->reference, "sha256:")) {
		r = fetch(engine, store, wish, &name, &digest, err);
		if (r == 0)
			r = image_store_get(store, digest, ret_image, err);
	}
	if (r < 0)
		return -1;
	access_note(image_store_data_dir(store), ret_image->digest, &ret_image->layer_dirs);
	if (name) {
		free(ret_image->name);
		ret_image->name = steal(name);
	}
	return 0;
}
