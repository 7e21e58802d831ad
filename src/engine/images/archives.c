/* SPDX-License-Identifier: MIT */
/* Images that come from archives and layouts, or go there. */

#include "base/mem.h"
#include "base/text.h"
#include "engine/event.h"
#include "engine/images/manager.h"
#include "image/place/push.h"
#include "image/place/relay.h"
#include "image/place/transport.h"

#include <string.h>

static void tell(const struct lxcri_image_manager *manager, const char *event, const char *name,
		 const char *digest)
{
	const char *const attributes[] = { "digest", digest, NULL };

	engine_event(manager->engine, "image", event, name, attributes);
}

int lxcri_image_save(struct lxcri_image_manager *manager, const char *const *names,
		     enum lxcri_archive_type type, const char *file, struct lxcri_error *err)
{
	const struct image_save save = {
		.names = names,
		.kind = type == LXCRI_ARCHIVE_DOCKER ? PLACE_DOCKER_ARCHIVE : PLACE_OCI_ARCHIVE,
		.file = file,
	};

	if (!names[0])
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "save: no image is named");
	if (image_store_save(manager->store, &save, err) < 0)
		return fail_while(err, "save %s", file);
	return 0;
}

struct loading {
	const struct lxcri_image_manager *manager;
	lxcri_image_name_fn each;
	void *userdata;
};

static void note_loaded(void *userdata, const char *name, const char *digest)
{
	const struct loading *loading = userdata;

	tell(loading->manager, "load", name, digest);
	loading->each(loading->userdata, name, digest);
}

int lxcri_image_load(struct lxcri_image_manager *manager, const char *file,
		     lxcri_image_name_fn each, void *userdata, struct lxcri_error *err)
{
	struct loading loading = { .manager = manager, .each = each, .userdata = userdata };

	return image_store_load(manager->store, file, note_loaded, &loading, err);
}

int lxcri_image_push(struct lxcri_image_manager *manager, const char *name,
		     const struct lxcri_push_options *options, char **ret_digest,
		     struct lxcri_error *err)
{
	static const struct lxcri_push_options plain = {};
	autofree char *pushed = NULL;

	if (!options)
		options = &plain;

	const struct image_push push = { .config = manager->engine->config,
					 .reference = options->reference,
					 .news = { false, options->progress, options->userdata } };

	if (image_store_push(manager->store, name, &push, &pushed, ret_digest, err) < 0)
		return -1;
	tell(manager, "push", pushed, *ret_digest);
	return 0;
}

/* Copies into the store. */
static int copy_in(struct lxcri_image_manager *manager, const char *source, const char *dest,
		   const struct lxcri_image_copy_options *options, struct lxcri_error *err)
{
	const struct lxcri_pull_options pull = { .name = dest,
						 .progress = options->progress,
						 .userdata = options->userdata };
	autofree char *digest = NULL;

	if (options->all_platforms)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "copy %s to %s: the store keeps images for this host alone", source,
			    dest);
	if (text_starts_with(source, IMAGE_DOCKER_PREFIX))
		return lxcri_image_pull(manager, source + strlen(IMAGE_DOCKER_PREFIX), &pull,
					&digest, err);
	if (!image_is_source(source))
		return lxcri_image_tag(manager, source, dest, err);
	return lxcri_image_import(manager, source, dest, &digest, err);
}

/* Copies from a registry, or to one from outside the store. */
static int relay(struct lxcri_image_manager *manager, const char *source, const char *dest,
		 const struct lxcri_image_copy_options *options, struct lxcri_error *err)
{
	const struct image_relay relay = { .config = manager->engine->config,
					   .source = source,
					   .dest = dest,
					   .all_platforms = options->all_platforms,
					   .news = { false, options->progress,
						     options->userdata } };
	autofree char *pushed = NULL;
	autofree char *digest = NULL;

	if (image_store_relay(manager->store, &relay, &pushed, &digest, err) < 0)
		return -1;
	if (pushed)
		tell(manager, "push", pushed, digest);
	return 0;
}

static int copy_out(struct lxcri_image_manager *manager, const char *source, const char *dest,
		    const struct lxcri_image_copy_options *options, struct lxcri_error *err)
{
	const struct image_copy_out out = { .source = source,
					    .dest = dest,
					    .all_platforms = options->all_platforms };
	const struct lxcri_push_options push = {
		.reference = dest + strlen(IMAGE_DOCKER_PREFIX),
		.progress = options->progress,
		.userdata = options->userdata,
	};
	bool is_pushed = text_starts_with(dest, IMAGE_DOCKER_PREFIX);
	autofree char *digest = NULL;

	if (image_is_source(source) && (is_pushed || text_starts_with(source, IMAGE_DOCKER_PREFIX)))
		return relay(manager, source, dest, options, err);
	if (is_pushed)
		return lxcri_image_push(manager, source, &push, &digest, err);
	return image_store_copy_out(manager->store, &out, err);
}

int lxcri_image_copy(struct lxcri_image_manager *manager, const char *source, const char *dest,
		     const struct lxcri_image_copy_options *options, struct lxcri_error *err)
{
	static const struct lxcri_image_copy_options plain = {};

	if (!options)
		options = &plain;
	if (!image_is_source(dest))
		return copy_in(manager, source, dest, options, err);
	if (copy_out(manager, source, dest, options, err) < 0)
		return fail_while(err, "copy %s to %s", source, dest);
	return 0;
}
