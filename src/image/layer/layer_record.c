/* SPDX-License-Identifier: MIT */
/* What is known of an unpacked layer. */

#include "image/layer/layer_record.h"

#include "base/json.h"
#include "base/mem.h"
#include "os/file.h"

#include <errno.h>
#include <string.h>

#define RECORD_BYTES_MAX ((size_t)16 << 10)

static void load(const struct layout *layout, const char *path, const char *chain_id,
		 struct lxcri_metadata_cache *cache)
{
	autojson document = NULL;
	autofree char *bytes = NULL;
	struct lxcri_layer_record record = {};
	struct lxcri_error ignored;
	size_t size = 0;
	int r = file_read(layout->layers_fd, path, RECORD_BYTES_MAX, &bytes, &size);

	if (r == -ENOENT || r == -ENOTDIR)
		return;
	if (r == 0 && json_parse(bytes, size, &json_limits_image, &document, &ignored) == 0) {
		record.diff_id = json_get_text(document, "diffId");
		record.parent = json_get_text(document, "parent");
		record.content_bytes = (uint64_t)json_get_i64(document, "contentBytes", 0);
	}
	lxcri_metadata_cache_put(cache, chain_id, &record);
}

const struct lxcri_layer_record *layer_record_get(const struct layout *layout, const char *chain_id,
						  struct lxcri_metadata_cache *cache)
{
	const struct lxcri_layer_record *record = lxcri_metadata_cache_get(cache, chain_id);
	autofree char *path = xformat("%s/%s", chain_id, LAYOUT_RECORD);

	if (record || layout->layers_fd < 0)
		return record;
	load(layout, path, chain_id, cache);
	return lxcri_metadata_cache_get(cache, chain_id);
}

int layer_record_write(int dir_fd, const struct lxcri_layer_record *record)
{
	autojson document = json_object_new_object();
	autofree char *text = NULL;

	json_set_text(document, "diffId", record->diff_id);
	json_set_text(document, "parent", record->parent);
	json_object_object_add(document, "contentBytes",
			       json_object_new_uint64(record->content_bytes));
	text = json_format_line(document);
	return file_write_atomic(dir_fd, LAYOUT_RECORD, text, strlen(text), 0600, FILE_VOLATILE);
}
