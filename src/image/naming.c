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
	char *wanted; /* what an image is called there */
};
#define NAMING_NULL ((struct naming){ .layout = LAYOUT_NULL, .lock = -1 })

static void naming_finish(struct naming *naming)
{
	json_freep(&naming->index);
	free(naming->wanted);
	closep(&naming->lock);
	layout_finish(&naming->layout);
}

/* Opens the store and finds out which of its names @name means. */
static int begin(struct naming *naming, const struct image_store *store, const char *name,
		 struct lxcri_error *err)
{
	autofree char *plain = image_stored_name(name, err);

	if (!plain)
		return -1;
	if (layout_open(image_store_data_dir(store), &naming->layout, err) < 0)
		return -1;
	if (naming->layout.images_fd < 0)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store", plain);
	naming->lock = layout_lock(&naming->layout, err);
	if (naming->lock < 0 || layout_read_index(&naming->layout, &naming->index, err) < 0)
		return -1;
	naming->wanted = image_store_name(store, naming->index, name, err);
	return naming->wanted ? 0 : -1;
}

/* Finds the entry of what is wanted. Its documents are read: a name is given to no image that is
 * broken, and an unlisted one must be there. @unlisted is the caller's to end. */
static struct json_object *find(struct naming *naming, const struct image_store *store,
				struct json_object **unlisted, struct lxcri_error *err)
{
	autorun(stored_image_finish) struct stored_image stored = {};
	struct json_object *entry;

	if (stored_image_find(store, &naming->layout, naming->wanted, &stored, err) < 0)
		return NULL;
	entry = image_index_find(naming->index, naming->wanted);
	if (!entry)
		entry = *unlisted = stored_image_unlisted(&naming->layout, naming->wanted);
	return entry;
}

int image_store_tag(struct image_store *store, const char *name, const char *new_name,
		    char **ret_name, char **ret_digest, struct lxcri_error *err)
{
	autorun(naming_finish) struct naming naming = NAMING_NULL;
	autofree char *wished = image_stored_name(new_name, err);
	autofree char *digest = NULL;
	autojson unlisted = NULL;
	struct json_object *entry;

	if (!wished)
		return -1;
	if (text_starts_with(wished, "sha256:") || strchr(wished, '@'))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "tag %s: a digest says what the bytes are; it cannot be given", wished);
	if (begin(&naming, store, name, err) < 0)
		return -1;
	entry = find(&naming, store, &unlisted, err);
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

int image_store_untag(struct image_store *store, const char *name, char **ret_name,
		      char **ret_digest, struct lxcri_error *err)
{
	autorun(naming_finish) struct naming naming = NAMING_NULL;
	autofree char *digest = NULL;
	struct json_object *entry;

	if (begin(&naming, store, name, err) < 0)
		return -1;
	entry = image_index_find(naming.index, naming.wanted);
	if (!entry)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store",
			    naming.wanted);
	digest = xstrdup(json_get_text(entry, "digest"));
	while (entry && image_index_name(entry)) {
		image_index_untag(naming.index, entry);
		entry = image_index_find(naming.index, naming.wanted);
	}
	if (layout_write_index(&naming.layout, naming.index, err) < 0)
		return -1;
	*ret_name = steal(naming.wanted);
	*ret_digest = steal(digest);
	return 0;
}
