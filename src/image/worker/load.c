/* SPDX-License-Identifier: MIT */
/* Taking in every image of an archive: first all blobs and layers, of which nobody knows yet, and
 * at last one change of index.json. */

#include "image/worker/load.h"

#include "base/mem.h"
#include "image/image_index.h"
#include "image/import.h"
#include "image/worker.h"
#include "image/worker/worker_confine.h"

static void note(struct json_object *images, const char *name, const char *digest)
{
	struct json_object *object = json_object_new_object();

	json_set_text(object, WORKER_NAME, name);
	json_set_text(object, WORKER_DIGEST, digest);
	(void)json_object_array_add(images, object);
}

/* Enters @image under all of its names, or without one. */
static void enter(struct json_object *index, const struct source_image *image, const char *digest,
		  struct json_object *images)
{
	struct image_index_entry entry;
	struct image_summary summary;

	source_image_describe(image, digest, &entry, &summary);
	entry.name = image->name;
	/* An image that has names already needs no entry without one. */
	if (entry.name || !image_index_find(index, digest))
		image_index_set(index, &entry);
	note(images, image->name ? image->name : digest, digest);
	for (size_t i = 0; i < image->other_names.count; i++) {
		entry.name = image->other_names.items[i];
		image_index_set(index, &entry);
		note(images, entry.name, digest);
	}
}

static int load_each(const struct layout *layout, struct source *source, unsigned int workers,
		     struct json_object *images, struct lxcri_error *err)
{
	const struct import_options options = { NULL, IMPORT_KEEP_INDEX, workers };
	autojson index = NULL;
	size_t count;

	if (source_count(source, &count, err) < 0 || layout_read_index(layout, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		autorun(source_image_finish) struct source_image image = {};
		struct import_result imported = {};

		if (source_load_place(source, i, layout->blobs_fd, &image, err) < 0 ||
		    import_image(layout, &image, &options, &imported, err) < 0)
			return -1;
		enter(index, &image, imported.digest, images);
		free(imported.digest);
	}
	return layout_write_index(layout, index, err);
}

int load_images(const char *data_dir, const char *path, int fd, unsigned int workers,
		struct json_object *result, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autoptr(source) source = NULL;
	autoclose int lock = -1;
	struct json_object *images = json_object_new_array();

	json_object_object_add(result, WORKER_IMAGES, images);
	if (layout_create(data_dir, &layout, err) < 0)
		return -1;
	lock = layout_open_lock(&layout, err);
	if (lock < 0 || worker_confine(&layout, NULL, 0, err) < 0 ||
	    source_open_input(fd, path, layout.blobs_fd, &source, err) < 0 ||
	    layout_take_lock(&layout, lock, err) < 0)
		return fail_while(err, "load");
	if (load_each(&layout, source, workers, images, err) < 0)
		return fail_while(err, "load %s", path);
	return 0;
}
