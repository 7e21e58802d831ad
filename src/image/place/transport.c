/* SPDX-License-Identifier: MIT */
/* Images on their way between the store and places outside. The worker does it; here files are
 * opened that it is given, and what it wrote gets its name. */

#include "image/place/transport.h"

#include "base/mem.h"
#include "base/text.h"
#include "image/layout.h"
#include "image/worker.h"
#include "oci/reference.h"
#include "os/path.h"
#include "os/storage/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Adds the stored image that @name means: the worker knows of no registries to look it up at. */
static int add_stored(struct strings *args, struct image_store *store, const char *name,
		      struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autojson index = NULL;
	autofree char *wanted = NULL;

	if (layout_open(image_store_data_dir(store), &layout, err) < 0 ||
	    layout_read_index(&layout, &index, err) < 0)
		return -1;
	wanted = image_store_name(store, index, name, err);
	if (!wanted)
		return -1;
	strings_addf(args, "%s%s", WORKER_STORED, wanted);
	return 0;
}

/* Runs the worker's save: @args, to which nothing is added any more, with @file for an archive. */
static int run_save(struct strings *args, const char *file, struct lxcri_error *err)
{
	const struct worker_call call = { .program = "lxcri-worker",
					  .args = (const char *const *)args->items,
					  .object = file ? file : args->items[2] };
	autorun(out_file_finish) struct out_file out = OUT_FILE_NULL;
	autojson answer = NULL;

	if (file && out_file_open(file, 0666, &out, err) < 0)
		return -1;
	if (worker_ask(&call, out.fd, &answer, err) < 0)
		return -1;
	return file ? out_file_commit(&out, err) : 0;
}

int image_store_save(struct image_store *store, const struct image_save *save,
		     struct lxcri_error *err)
{
	autorun(strings_finish) struct strings args = {};

	strings_add(&args, WORKER_SAVE);
	strings_add(&args, image_store_data_dir(store));
	strings_addf(&args, "%s:archive", image_place_kind_name(save->kind));
	strings_add(&args, "");
	for (size_t i = 0; save->names[i]; i++)
		if (add_stored(&args, store, save->names[i], err) < 0)
			return -1;
	return run_save(&args, save->file, err);
}

/* What an OCI layout may call an image (image-spec, "org.opencontainers.image.ref.name"). */
static bool is_ref_name(const char *tag)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	return strspn(tag, letters) > 0 && strlen(tag) <= 255 &&
	       tag[strspn(tag, "-._:@+/"
			       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] ==
		       '\0';
}

/* The name that an image gets at @place, @own where that has none; "" for its own. Owned by the
 * caller, or NULL. */
static char *name_at(const struct image_place *place, const char *own, struct lxcri_error *err)
{
	autorun(image_ref_finish) struct image_ref ref = {};

	if (!place->selector)
		return xstrdup(own ? own : "");
	if (place->kind != PLACE_DOCKER_ARCHIVE && is_ref_name(place->selector))
		return xstrdup(place->selector);
	if (place->kind != PLACE_DOCKER_ARCHIVE)
		(void)fail(err, LXCRI_E_INVALID_REFERENCE,
			   "\"%s\" is not what an OCI layout may call an image", place->selector);
	else if (image_ref_parse(place->selector, &ref, err) == 0)
		return image_ref_format(&ref);
	return NULL;
}

int image_store_copy_out(struct image_store *store, const struct image_copy_out *copy,
			 struct lxcri_error *err)
{
	autorun(image_place_finish) struct image_place place = {};
	autorun(strings_finish) struct strings args = {};
	autofree char *tag = NULL;
	int r;

	if (image_place_parse(copy->dest, &place, err) < 0)
		return -1;
	if (place.kind == PLACE_TARBALL)
		return fail(
			err, LXCRI_E_UNSUPPORTED_OPERATION,
			"an image is not copied to a tarball; image convert --format ct-template "
			"writes one");
	tag = name_at(&place, copy->name, err);
	if (!tag)
		return -1;
	strings_add(&args, copy->all_platforms ? WORKER_SAVE_ALL : WORKER_SAVE);
	strings_add(&args, image_store_data_dir(store));
	strings_addf(&args, "%s:%s", image_place_kind_name(place.kind), place.path);
	strings_add(&args, tag);
	if (image_is_source(copy->source) || text_starts_with(copy->source, WORKER_FETCHED))
		strings_add(&args, copy->source);
	else if (add_stored(&args, store, copy->source, err) < 0)
		return -1;
	if (place.kind != PLACE_OCI_DIR)
		return run_save(&args, place.path, err);
	r = path_make_dirs(place.path, 0755);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make the directory %s",
				       place.path);
	return run_save(&args, NULL, err);
}

static int open_input(const char *file, struct lxcri_error *err)
{
	struct stat status;
	int fd = strcmp(file, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
					: open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return fail_code_errno(
			err, errno == ENOENT ? LXCRI_E_IMAGE_NOT_FOUND : LXCRI_E_STORAGE_ERROR,
			errno, "open %s", file);
	if (!isatty(fd) && fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode))
		return fd;
	(void)close(fd);
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "load: %s is a terminal or a directory: expected an archive, in a file or "
		    "through a pipe",
		    file);
}

int image_store_load(struct image_store *store, const char *file,
		     void (*each)(void *userdata, const char *name, const char *digest),
		     void *userdata, struct lxcri_error *err)
{
	const char *const args[] = { WORKER_LOAD, image_store_data_dir(store), file, NULL };
	const struct worker_call call = { .program = "lxcri-worker", .args = args, .object = file };
	autoclose int fd = open_input(file, err);
	autojson answer = NULL;
	struct json_object *images;

	if (fd < 0 || worker_ask(&call, fd, &answer, err) < 0)
		return -1;
	images = json_get(answer, WORKER_IMAGES);
	for (size_t i = 0; i < json_count(images); i++) {
		struct json_object *image = json_object_array_get_idx(images, i);

		each(userdata, json_get_text(image, WORKER_NAME),
		     json_get_text(image, WORKER_DIGEST));
	}
	return 0;
}
