/* SPDX-License-Identifier: MIT */
#include "image/image_index.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	return 0;
}
