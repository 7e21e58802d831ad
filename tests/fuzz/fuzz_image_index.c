/* SPDX-License-Identifier: MIT */
#include "image/image_index.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every entry that has a name can lose it, and get another. */
static void retag(struct json_object *index)
{
	struct json_object *list = json_get(index, "manifests");
	struct image_summary summary;

	for (size_t i = 0; i < json_object_array_length(list); i++)
		(void)image_index_summary(json_object_array_get_idx(list, i), &summary);
	for (size_t i = 0; i < json_object_array_length(list) && i < 100; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (!image_index_name(entry))
			continue;
		image_index_tag(index, entry, "b");
		entry = image_index_find(index, "b");
		assert(entry);
		image_index_untag(index, entry);
		assert(!image_index_find(index, "b"));
	}
}

/* Whatever stands in index.json, an entry that is set is there, and gone when it is removed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct image_index_entry entry = { .name = "docker.io/library/a:1",
							.media_type = "type",
							.digest = "sha256:a",
							.size = 1 };
	autojson index = NULL;
	struct lxcri_error err = {};

	if (json_parse((const char *)data, size, &json_limits_image, &index, &err) < 0 ||
	    !json_object_is_type(json_get(index, "manifests"), json_type_array))
		return 0;
	image_index_set(index, &entry);
	assert(image_index_remove(index, entry.name) == 1);
	assert(image_index_remove(index, entry.name) == 0);
	retag(index);
	return 0;
}
