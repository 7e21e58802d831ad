/* SPDX-License-Identifier: MIT */
/* Names of stored images. */

#include "image/naming.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/image_index.h"
#include "image/stored_image.h"

#include <string.h>

/* The index, under the lock that keeps others from it. */
struct naming {
	struct layout layout;
	int lock;
	struct json_object *index;
};
#define NAMING_NULL ((struct naming){ .layout = LAYOUT_NULL, .lock = -1 })

static void naming_finish(struct naming *naming)
{
	json_freep(&naming->index);
	closep(&naming->lock);
	layout_finish(&naming->layout);
}

static int begin(struct naming *naming, const struct image_store *store, const char *wanted,
		 struct lxcri_error *err)
{
	if (layout_open(image_store_data_dir(store), &naming->layout, err) < 0)
		return -1;
	if (naming->layout.images_fd < 0)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store", wanted);
	naming->lock = layout_lock(&naming->layout, err);
	return naming->lock < 0 ? -1 : layout_read_index(&naming->layout, &naming->index, err);
}

/* Finds the entry of @wanted. Its documents are read: a name is given to no image that is broken,
 * and an unlisted one must be there. @unlisted is the caller's to end. */
static struct json_object *find(struct naming *naming, const char *wanted,
				struct json_object **unlisted, struct lxcri_error *err)
{
	autorun(stored_image_finish) struct stored_image stored = {};
	struct json_object *entry;

	if (stored_image_find(&naming->layout, wanted, &stored, err) < 0)
		return NULL;
	entry = image_index_find(naming->index, wanted);
	if (!entry)
		entry = *unlisted = stored_image_unlisted(&naming->layout, wanted);
	return entry;
}

int image_store_tag(struct image_store *store, const char *name, const char *new_name,
		    char **ret_name, char **ret_digest, struct lxcri_error *err)
{
	autorun(naming_finish) struct naming naming = NAMING_NULL;
	autofree char *wanted = image_stored_name(name, err);
	autofree char *wished = wanted ? image_stored_name(new_name, err) : NULL;
	autofree char *digest = NULL;
	autojson unlisted = NULL;
	struct json_object *entry;

	if (!wished)
		return -1;
	if (text_starts_with(wished, "sha256:") || strchr(wished, '@'))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "tag %s: a digest says what the bytes are; it cannot be given", wished);
	if (begin(&naming, store, wanted, err) < 0)
		return -1;
	entry = find(&naming, wanted, &unlisted, err);
	if (!entry)
		return -1;
	digest = xstrdup(json_get_text(entry, "digest"));
	image_index_tag(naming.index, entry, wished);
	if (layout_write_index(&naming.layout, naming.index, err) < 0)
		return -1;
	*ret_name = steal(wished);
	*ret_digest = steal(digest);
	return 0;
}

int image_store_untag(struct image_store *store, const char *name, char **ret_digest,
		      struct lxcri_error *err)
{
	autorun(naming_finish) struct naming naming = NAMING_NULL;
	autofree char *wanted = image_stored_name(name, err);
	autofree char *digest = NULL;
	struct json_object *entry;

	if (!wanted || begin(&naming, store, wanted, err) < 0)
		return -1;
	entry = image_index_find(naming.index, wanted);
	if (!entry)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store", wanted);
	digest = xstrdup(json_get_text(entry, "digest"));
	while (entry && image_index_name(entry)) {
		image_index_untag(naming.index, entry);
		entry = image_index_find(naming.index, wanted);
	}
	if (layout_write_index(&naming.layout, naming.index, err) < 0)
		return -1;
	*ret_digest = steal(digest);
	return 0;
}
