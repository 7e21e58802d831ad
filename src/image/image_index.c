/* SPDX-License-Identifier: MIT */
/* The entries of the store's index.json, in place: fields that other tools wrote stay. */

#include "image/image_index.h"

#include "base/text.h"

#include <string.h>

const char *image_index_name(struct json_object *entry)
{
	struct json_object *annotations = json_get(entry, "annotations");
	const char *name = json_get_text(annotations, ANNOTATION_FULL_NAME);

	return name ? name : json_get_text(annotations, ANNOTATION_REF_NAME);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

/* Returns the place of the last entry called @name, or with that digest, or -1. */
static ssize_t place_of(struct json_object *list, const char *name)
{
	bool by_digest = text_starts_with(name, "sha256:");

	for (size_t i = json_object_array_length(list); i-- > 0;) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		const char *found =
			by_digest ? json_get_text(entry, "digest") : image_index_name(entry);

		if (same(found, name))
			return (ssize_t)i;
	}
	return -1;
}

struct json_object *image_index_find(struct json_object *index, const char *name)
{
	struct json_object *list = json_get(index, "manifests");
	ssize_t place = place_of(list, name);

	return place < 0 ? NULL : json_object_array_get_idx(list, (size_t)place);
}

struct json_object *image_index_take(struct json_object *index, const char *name)
{
	struct json_object *list = json_get(index, "manifests");
	struct json_object *entry = json_object_get(image_index_find(index, name));

	if (entry)
		(void)json_object_array_del_idx(list, (size_t)place_of(list, name), 1);
	return entry;
}

size_t image_index_remove(struct json_object *index, const char *name)
{
	size_t removed = 0;

	for (struct json_object *entry; (entry = image_index_take(index, name)); removed++)
		(void)json_object_put(entry);
	return removed;
}

static void remove_nameless(struct json_object *index, const char *digest)
{
	struct json_object *list = json_get(index, "manifests");

	for (size_t i = json_object_array_length(list); i-- > 0;) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (!image_index_name(entry) && same(json_get_text(entry, "digest"), digest))
			(void)json_object_array_del_idx(list, i, 1);
	}
}

void image_index_set(struct json_object *index, const struct image_index_entry *entry)
{
	struct json_object *item = json_object_new_object();

	json_set_text(item, "mediaType", entry->media_type);
	json_set_text(item, "digest", entry->digest);
	json_object_object_add(item, "size", json_object_new_uint64(entry->size));
	if (entry->architecture && entry->os) {
		struct json_object *platform = json_object_new_object();

		json_set_text(platform, "architecture", entry->architecture);
		json_set_text(platform, "os", entry->os);
		json_set_text(platform, "variant", entry->variant);
		json_object_object_add(item, "platform", platform);
	}
	remove_nameless(index, entry->digest);
	if (entry->name) {
		struct json_object *annotations = json_object_new_object();

		(void)image_index_remove(index, entry->name);
		json_set_text(annotations, ANNOTATION_FULL_NAME, entry->name);
		json_set_text(annotations, ANNOTATION_REF_NAME, entry->name);
		json_object_object_add(item, "annotations", annotations);
	}
	json_object_array_add(json_get(index, "manifests"), item);
}
