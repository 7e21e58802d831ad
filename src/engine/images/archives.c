/* SPDX-License-Identifier: MIT */
/* Images that come from archives and layouts, or go there. */

#include "base/mem.h"
#include "base/text.h"
#include "engine/event.h"
#include "engine/images/manager.h"
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

int lxcri_image_copy(struct lxcri_image_manager *manager, const char *source, const char *dest,
		     struct lxcri_error *err)
{
	autofree char *digest = NULL;

	if (text_starts_with(dest, IMAGE_DOCKER_PREFIX))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "copy %s to %s: nothing is pushed to registries, only to oci:DIR, "
			    "oci-archive:FILE, docker-archive:FILE and the store",
			    source, dest);
	if (text_starts_with(source, IMAGE_DOCKER_PREFIX) && image_is_source(dest))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "copy %s to %s: from a registry images come into the store only; "
			    "pull it, and copy the stored image",
			    source, dest);
	if (image_is_source(dest)) {
		if (image_store_copy_out(manager->store, source, dest, err) < 0)
			return fail_while(err, "copy %s to %s", source, dest);
		return 0;
	}
	if (!image_is_source(source))
		return lxcri_image_tag(manager, source, dest, err);
	return lxcri_image_import(manager, source, dest, &digest, err);
}
