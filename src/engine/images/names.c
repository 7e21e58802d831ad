/* SPDX-License-Identifier: MIT */
/* The names and the history of images. */

#include "base/mem.h"
#include "engine/event.h"
#include "engine/images/manager.h"
#include "image/history.h"
#include "image/naming.h"

static void tell(const struct lxcri_image_manager *manager, const char *event, const char *name,
		 const char *digest)
{
	const char *const attributes[] = { "digest", digest, NULL };

	engine_event(manager->engine, "image", event, name, attributes);
}

int lxcri_image_tag(struct lxcri_image_manager *manager, const char *name, const char *new_name,
		    struct lxcri_error *err)
{
	autofree char *stored = NULL;
	autofree char *digest = NULL;

	if (image_store_tag(manager->store, name, new_name, &stored, &digest, err) < 0)
		return -1;
	tell(manager, "tag", stored, digest);
	return 0;
}

int lxcri_image_untag(struct lxcri_image_manager *manager, const char *name,
		      struct lxcri_error *err)
{
	autofree char *stored = NULL;
	autofree char *digest = NULL;

	if (image_store_untag(manager->store, name, &stored, &digest, err) < 0)
		return -1;
	tell(manager, "untag", stored, digest);
	return 0;
}

struct step_walk {
	lxcri_image_step_fn each;
	void *userdata;
};

static int show_step(void *userdata, const struct image_step *step)
{
	const struct step_walk *walk = userdata;
	const struct lxcri_image_step shown = {
		.created_ns = step->created_ns,
		.created_by = step->created_by,
		.author = step->author,
		.comment = step->comment,
		.digest = step->digest,
		.size_bytes = step->size_bytes,
	};

	return walk->each(walk->userdata, &shown);
}

int lxcri_image_history(struct lxcri_image_manager *manager, const char *name,
			lxcri_image_step_fn each, void *userdata, struct lxcri_error *err)
{
	struct step_walk walk = { .each = each, .userdata = userdata };

	return image_store_history(manager->store, name, show_step, &walk, err);
}
