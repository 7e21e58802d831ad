/* SPDX-License-Identifier: MIT */
/* Writing images to a place outside the store. */

#include "image/worker/save.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "image/dest/dest.h"
#include "image/image_index.h"
#include "image/store.h"
#include "image/worker.h"
#include "image/worker/worker_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

struct item {
	struct source *source;
	struct source_image image;
	struct source_root root; /* instead, for every platform */
	struct strings names;
};

struct save {
	const struct save_request *request;
	struct layout layout;
	struct image_place place;
	struct item *items;
	size_t count;
	int dir; /* where the place is one */
};

static void save_finish(struct save *save)
{
	for (size_t i = 0; i < save->count; i++) {
		source_free(save->items[i].source);
		source_image_finish(&save->items[i].image);
		source_root_finish(&save->items[i].root);
		strings_finish(&save->items[i].names);
	}
	free(save->items);
	image_place_finish(&save->place);
	layout_finish(&save->layout);
	closep(&save->dir);
}

/* Finds the image @name of the store. */
static int open_stored(struct save *save, const char *name, struct item *item,
		       struct lxcri_error *err)
{
	autofree char *wanted = image_stored_name(name, err);
	autojson index = NULL;
	struct json_object *entry;
	const char *digest;

	if (!wanted || layout_read_index(&save->layout, &index, err) < 0)
		return -1;
	entry = image_index_find(index, wanted);
	digest = json_get_text(entry, "digest");
	if (!digest)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store", wanted);
	if (!text_starts_with(wanted, "sha256:"))
		strings_add(&item->names, wanted);
	return source_open_stored(save->layout.images_fd, digest, &item->source, err);
}

/* Opens "DIR:DIGEST:TYPE" of the store. */
static int open_fetched(struct save *save, const char *text, struct item *item,
			struct lxcri_error *err)
{
	const char *digest = strchr(text, ':');
	const char *type = digest ? strrchr(text, ':') : NULL;

	if (!digest || type == digest || !text_starts_with(digest, ":sha256:"))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%s\" is not what was fetched", text);

	autofree char *dir = xstrndup(text, (size_t)(digest - text));
	autofree char *name = xstrndup(digest + 1, (size_t)(type - digest - 1));

	return source_open_fetched_in(save->layout.images_fd, dir, name, type + 1, &item->source,
				      err);
}

static int open_item(struct save *save, const char *source, struct item *item,
		     struct lxcri_error *err)
{
	if (text_starts_with(source, WORKER_STORED))
		return open_stored(save, source + strlen(WORKER_STORED), item, err);
	if (text_starts_with(source, WORKER_FETCHED))
		return open_fetched(save, source + strlen(WORKER_FETCHED), item, err);
	return source_open(source, &item->source, err);
}

static int open_sources(struct save *save, struct lxcri_error *err)
{
	size_t count = 0;

	while (save->request->sources[count])
		count++;
	save->items = xcalloc(count, sizeof(save->items[0]));
	for (; save->count < count; save->count++)
		if (open_item(save, save->request->sources[save->count], &save->items[save->count],
			      err) < 0)
			return -1;
	return 0;
}

/* A descriptor for each layer of each image may be needed. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int confine(struct save *save, struct lxcri_error *err)
{
	autofree struct confine_path *paths = xcalloc(save->count + 1, sizeof(struct confine_path));

	paths[0] = (struct confine_path){ save->dir, CONFINE_WRITE };
	for (size_t i = 0; i < save->count; i++)
		paths[1 + i] =
			(struct confine_path){ source_fd(save->items[i].source), CONFINE_READ };
	return worker_confine(&save->layout, paths, save->count + 1, err);
}

static int load_item(struct save *save, struct item *item, struct lxcri_error *err)
{
	if (save->request->platforms == SAVE_EVERY_PLATFORM)
		return source_find_root(item->source, save->layout.blobs_fd, &item->root, err);
	return source_load(item->source, save->layout.blobs_fd, &item->image, err);
}

static int load_all(struct save *save, struct lxcri_error *err)
{
	const char *tag = save->request->tag;

	for (size_t i = 0; i < save->count; i++) {
		struct item *item = &save->items[i];
		const char *own;

		if (load_item(save, item, err) < 0)
			return -1;
		own = item->root.digest ? item->root.name : item->image.name;
		if (*tag)
			strings_finish(&item->names);
		if (*tag)
			strings_add(&item->names, tag);
		else if (!text_starts_with(save->request->sources[i], WORKER_STORED) && own)
			strings_add(&item->names, own);
	}
	return 0;
}

static int open_place(struct save *save, struct lxcri_error *err)
{
	if (image_place_parse(save->request->place, &save->place, err) < 0)
		return -1;
	if (save->place.kind != PLACE_OCI_DIR)
		return 0;
	save->dir = open(save->place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return save->dir < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open %s",
					       save->place.path)
			     : 0;
}

/* For messages. */
static const char *name_of(const char *source)
{
	return source +
	       (text_starts_with(source, WORKER_STORED) ? strlen(WORKER_STORED) : (size_t)0);
}

static int write_all(struct save *save, struct lxcri_error *err)
{
	int fd = save->place.kind == PLACE_OCI_DIR ? save->dir : save->request->fd;
	autoptr(dest) dest = NULL;

	if (dest_open(save->place.kind, fd, &dest, err) < 0)
		return -1;
	for (size_t i = 0; i < save->count; i++) {
		struct item *item = &save->items[i];
		int r = item->root.digest
				? dest_add_all(dest, item->source, &item->root, &item->names, err)
				: dest_add(dest, &item->image, &item->names, err);

		if (r < 0)
			return fail_while(err, "image %s", name_of(save->request->sources[i]));
	}
	return dest_finish(dest, err);
}

int save_images(const struct save_request *request, struct lxcri_error *err)
{
	autorun(save_finish) struct save save = { .request = request,
						  .layout = LAYOUT_NULL,
						  .dir = -1 };
	autoclose int lock = -1;

	allow_descriptors();
	if (layout_create(request->data_dir, &save.layout, err) < 0 ||
	    layout_lock_shared(&save.layout, &lock, err) < 0 || open_place(&save, err) < 0 ||
	    open_sources(&save, err) < 0 || confine(&save, err) < 0 || load_all(&save, err) < 0)
		return -1;
	closep(&lock);
	return write_all(&save, err);
}

int save_find(const char *data_dir, const char *text, enum save_platforms platforms,
	      struct json_object *result, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autorun(source_image_finish) struct source_image image = {};
	autorun(source_root_finish) struct source_root root = {};
	autoptr(source) source = NULL;
	char hex[SHA256_HEX_SIZE];

	if (layout_create(data_dir, &layout, err) < 0 || source_open(text, &source, err) < 0)
		return -1;

	const struct confine_path from = { source_fd(source), CONFINE_READ };

	if (worker_confine(&layout, &from, 1, err) < 0)
		return -1;
	if (platforms == SAVE_EVERY_PLATFORM) {
		if (source_find_root(source, layout.blobs_fd, &root, err) < 0)
			return -1;
	} else {
		if (source_load(source, layout.blobs_fd, &image, err) < 0)
			return -1;
		sha256_hex(image.manifest, image.manifest_size, hex);
		root.digest = xformat("sha256:%s", hex);
		root.media_type = xstrdup(image.media_type);
	}
	json_set_text(result, WORKER_DIGEST, root.digest);
	json_set_text(result, WORKER_TYPE, root.media_type);
	return 0;
}
