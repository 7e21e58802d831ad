/* SPDX-License-Identifier: MIT */
/* The entries of the store's index.json, in place: fields that other tools wrote stay. */

#include "image/image_index.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What a list shows of an image, so that it needs no other file: "SIZE LAYERS CREATED". */
#define ANNOTATION_SUMMARY "io.github.proxmox-lxcri.summary"

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

int64_t image_index_parse_time(const char *text)
{
	int64_t ns;

	return text && moment_parse_rfc3339(text, strlen(text), &ns) == 0 && ns > 0 ? ns : 0;
}

bool image_index_summary(struct json_object *entry, struct image_summary *ret)
{
	const char *text = json_get_text(json_get(entry, "annotations"), ANNOTATION_SUMMARY);
	struct image_summary found;
	int length = 0;

	if (!text ||
	    sscanf(text, "%" SCNu64 " %u %" SCNd64 "%n", &found.size_bytes, &found.layers,
		   &found.created_ns, &length) != 3 ||
	    text[length] != '\0')
		return false;
	*ret = found;
	return true;
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

static void annotate(struct json_object *item, const struct image_index_entry *entry)
{
	struct json_object *annotations = json_object_new_object();

	if (!entry->is_bare_tag)
		json_set_text(annotations, ANNOTATION_FULL_NAME, entry->name);
	json_set_text(annotations, ANNOTATION_REF_NAME, entry->name);
	if (entry->summary) {
		const struct image_summary *summary = entry->summary;
		autofree char *text = xformat("%" PRIu64 " %u %" PRId64, summary->size_bytes,
					      summary->layers, summary->created_ns);

		json_set_text(annotations, ANNOTATION_SUMMARY, text);
	}
	if (json_object_object_length(annotations) > 0)
		json_object_object_add(item, "annotations", annotations);
	else
		json_free(annotations);
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
	if (entry->name)
		(void)image_index_remove(index, entry->name);
	annotate(item, entry);
	json_object_array_add(json_get(index, "manifests"), item);
}

static struct json_object *copy_of(struct json_object *entry)
{
	struct json_object *copy = NULL;

	(void)json_object_deep_copy(entry, &copy, NULL);
	return copy;
}

static void set_name(struct json_object *entry, const char *name)
{
	struct json_object *annotations = json_get(entry, "annotations");

	if (!json_object_is_type(annotations, json_type_object)) {
		annotations = json_object_new_object();
		json_object_object_add(entry, "annotations", annotations);
	}
	json_object_object_del(annotations, ANNOTATION_FULL_NAME);
	json_object_object_del(annotations, ANNOTATION_REF_NAME);
	json_set_text(annotations, ANNOTATION_FULL_NAME, name);
	json_set_text(annotations, ANNOTATION_REF_NAME, name);
	if (json_object_object_length(annotations) == 0)
		json_object_object_del(entry, "annotations");
}

void image_index_untag(struct json_object *index, struct json_object *entry)
{
	struct json_object *list = json_get(index, "manifests");
	const char *digest = json_get_text(entry, "digest");

	for (size_t i = json_object_array_length(list); i-- > 0;) {
		struct json_object *other = json_object_array_get_idx(list, i);

		if (other == entry || !same(json_get_text(other, "digest"), digest))
			continue;
		for (size_t at = json_object_array_length(list); at-- > 0;)
			if (json_object_array_get_idx(list, at) == entry)
				(void)json_object_array_del_idx(list, at, 1);
		return;
	}
	set_name(entry, NULL);
}

void image_index_tag(struct json_object *index, struct json_object *entry, const char *name)
{
	struct json_object *named = copy_of(entry);
	struct json_object *before;

	set_name(named, name);
	while ((before = image_index_find(index, name)))
		image_index_untag(index, before);
	remove_nameless(index, json_get_text(named, "digest"));
	json_object_array_add(json_get(index, "manifests"), named);
}
