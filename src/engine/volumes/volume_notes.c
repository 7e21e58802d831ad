/* SPDX-License-Identifier: MIT */
/* What is known of a volume besides its data. */

#include "engine/volumes/volume_notes.h"

#include "base/json.h"
#include "base/mem.h"
#include "engine/volumes/volume.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define BYTES_MAX ((size_t)1 << 20)

void volume_notes_finish(struct volume_notes *notes)
{
	strings_finish(&notes->labels);
	*notes = (struct volume_notes){};
}

int volume_notes_save(int dir, const struct volume_notes *notes)
{
	autojson object = json_object_new_object();
	autofree char *text = NULL;

	json_object_object_add(object, "version", json_object_new_int(1));
	json_object_object_add(object, "created", json_object_new_int64(notes->created_ns));
	json_object_object_add(object, "labels", json_from_texts(&notes->labels));
	text = json_format_line(object);
	return file_write_atomic(dir, VOLUME_NOTES, text, strlen(text), 0600, FILE_VOLATILE);
}

int volume_notes_load(const char *data_dir, const char *name, struct volume_notes *ret_notes,
		      struct lxcri_error *err)
{
	autofree char *path = xformat("%s/volumes/%s/" VOLUME_NOTES, data_dir, name);
	autofree char *text = NULL;
	autojson object = NULL;
	struct json_object *labels;
	size_t size;
	int r = file_read(AT_FDCWD, path, BYTES_MAX, &text, &size);

	*ret_notes = (struct volume_notes){};
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s", path);
	if (json_parse(text, size, &json_limits_config, &object, err) < 0) {
		err->code = LXCRI_E_STORAGE_ERROR;
		return fail_while(err, "read %s", path);
	}
	ret_notes->created_ns = json_get_i64(object, "created", 0);
	labels = json_get(object, "labels");
	for (size_t i = 0; i < json_count(labels); i++) {
		const char *label = json_object_get_string(json_object_array_get_idx(labels, i));

		if (label)
			strings_add(&ret_notes->labels, label);
	}
	return 0;
}
