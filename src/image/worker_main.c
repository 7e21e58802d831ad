/* SPDX-License-Identifier: MIT */
/* lxcri-worker: the process that parses archives, compressed streams and tar headers from outside.
 *
 *	lxcri-worker [--workers N] import DATA SOURCE [NAME]
 *	lxcri-worker [--workers N] unpack DATA DIGEST
 *	lxcri-worker [--workers N] store DATA DIGEST TYPE NAME
 *	lxcri-worker [--workers N] load DATA FILE
 *	lxcri-worker layer DATA DIGEST BELOW...
 *	lxcri-worker hash DATA HEX...
 *	lxcri-worker save DATA PLACE TAG SOURCE...
 *
 * It holds the libraries that the command is spared, and as few rights as the work allows: the
 * capabilities to write a tree with its owners, and files of images and layers alone. The
 * result is one JSON object on standard output, whose "code" tells of a failure. */

#include "base/json.h"
#include "base/scope.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/version.h"
#include "image/import.h"
#include "image/worker/add_layer.h"
#include "image/worker/load.h"
#include "image/worker/rehash.h"
#include "image/worker/save.h"
#include "image/worker.h"
#include "image/worker/worker_confine.h"
#include "image/worker/worker_serve.h"
#include "oci/reference.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Layers at a time; 0 is one for each CPU. */
static unsigned int workers;

/* What the import did with its pool and its cache. */
static void tell_counters(const struct import_result *imported, struct json_object *result)
{
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{ "contextsMade", imported->pool.made },
		{ "contextsReused", imported->pool.reused },
		{ "recordsFound", imported->cache.hits },
		{ "recordsMissed", imported->cache.misses },
		{ "recordsStored", imported->cache.stored },
	};
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < ARRAY_LEN(counters); i++)
		json_object_object_add(object, counters[i].name,
				       json_object_new_uint64(counters[i].value));
	json_object_object_add(result, WORKER_COUNTERS, object);
}

/* An image on its way in. */
struct taking {
	struct layout layout;
	struct source *source;
	struct source_image image;
};
#define TAKING_NULL ((struct taking){ .layout = LAYOUT_NULL })

static void taking_finish(struct taking *taking)
{
	source_image_finish(&taking->image);
	source_free(taking->source);
	layout_finish(&taking->layout);
}

static int take_in(struct taking *taking, const char *name, enum import_index what_index,
		   struct json_object *result, struct lxcri_error *err)
{
	struct layout *layout = &taking->layout;
	struct import_result imported = {};
	autoclose int lock = -1;
	const struct confine_path from = { source_fd(taking->source), CONFINE_READ };

	lock = layout_lock(layout, err);
	if (lock < 0 || worker_confine(layout, &from, 1, err) < 0 ||
	    source_load(taking->source, layout->blobs_fd, &taking->image, err) < 0)
		return -1;
	if (!name)
		name = taking->image.name;

	const struct import_options options = { name, what_index, workers };

	if (import_image(layout, &taking->image, &options, &imported, err) < 0)
		return -1;
	json_set_text(result, WORKER_NAME, name ? name : imported.digest);
	json_set_text(result, WORKER_DIGEST, imported.digest);
	tell_counters(&imported, result);
	free(imported.digest);
	return 0;
}

static int run_import(char **args, struct json_object *result, struct lxcri_error *err)
{
	autorun(taking_finish) struct taking taking = TAKING_NULL;
	autorun(image_ref_finish) struct image_ref ref = {};
	autofree char *name = NULL;

	if (args[2]) {
		if (image_ref_parse(args[2], &ref, err) < 0)
			return -1;
		name = image_ref_format(&ref);
	}
	if (source_open(args[1], &taking.source, err) < 0 ||
	    layout_create(args[0], &taking.layout, err) < 0)
		return -1;
	if (take_in(&taking, name, IMPORT_RECORD, result, err) < 0)
		return fail_while(err, "import %s", args[1]);
	return 0;
}

static int run_unpack(char **args, struct json_object *result, struct lxcri_error *err)
{
	autorun(taking_finish) struct taking taking = TAKING_NULL;

	if (layout_create(args[0], &taking.layout, err) < 0 ||
	    source_open_stored(taking.layout.images_fd, args[1], &taking.source, err) < 0)
		return -1;
	if (take_in(&taking, NULL, IMPORT_KEEP_INDEX, result, err) < 0)
		return fail_while(err, "unpack %s", args[1]);
	return 0;
}

/* Removes what was fetched for an image that is stored now. What stays is removed with the next
 * garbage. */
static void drop_downloads(const struct taking *taking, const char *digest)
{
	const struct source_image *image = &taking->image;
	autoclose int dir = openat(taking->layout.images_fd, LAYOUT_DOWNLOADS,
				   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char config[SHA256_HEX_SIZE];

	if (dir < 0)
		return;
	sha256_hex(image->config, image->config_size, config);
	(void)unlinkat(dir, digest + strlen("sha256:"), 0);
	(void)unlinkat(dir, config, 0);
	for (size_t i = 0; i < image->n_layers; i++)
		(void)unlinkat(dir, image->layers[i].digest + strlen("sha256:"), 0);
}

static int run_store(char **args, struct json_object *result, struct lxcri_error *err)
{
	autorun(taking_finish) struct taking taking = TAKING_NULL;

	if (layout_create(args[0], &taking.layout, err) < 0 ||
	    source_open_fetched(taking.layout.images_fd, args[1], args[2], &taking.source, err) < 0)
		return -1;
	if (take_in(&taking, args[3], IMPORT_RECORD, result, err) < 0)
		return fail_while(err, "store %s", args[3]);
	drop_downloads(&taking, args[1]);
	return 0;
}

static int run_save(char **args, struct lxcri_error *err)
{
	const struct save_request request = {
		.data_dir = args[0],
		.place = args[1],
		.tag = args[2],
		.sources = args + 3,
		.fd = WORKER_FD,
	};

	return save_images(&request, err);
}

static int run(int argc, char **argv, struct json_object *result, struct lxcri_error *err)
{
	uint64_t number;

	if (argc > 2 && strcmp(argv[1], WORKER_WORKERS) == 0) {
		if (text_parse_u64(argv[2], 0, UINT32_MAX, &number) < 0)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s: \"%s\" is no number",
				    argv[1], argv[2]);
		workers = (unsigned int)number;
		argc -= 2;
		argv += 2;
	}
	if ((argc == 4 || argc == 5) && strcmp(argv[1], WORKER_IMPORT) == 0)
		return run_import(argv + 2, result, err);
	if (argc == 4 && strcmp(argv[1], WORKER_UNPACK) == 0)
		return run_unpack(argv + 2, result, err);
	if (argc == 6 && strcmp(argv[1], WORKER_STORE) == 0)
		return run_store(argv + 2, result, err);
	if (argc == 4 && strcmp(argv[1], WORKER_LOAD) == 0)
		return load_images(argv[2], argv[3], WORKER_FD, workers, result, err);
	if (argc >= 4 && strcmp(argv[1], WORKER_LAYER_ADD) == 0)
		return add_layer(argv[2], argv[3], argv + 4, WORKER_FD, result, err);
	if (argc >= 4 && strcmp(argv[1], WORKER_HASH) == 0)
		return rehash_blobs(argv[2], argv + 3, result, err);
	if (argc >= 6 && strcmp(argv[1], WORKER_SAVE) == 0)
		return run_save(argv + 2, err);
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "usage: lxcri-worker [--workers N] import DATA SOURCE [NAME] | unpack DATA "
		    "DIGEST | "
		    "store DATA DIGEST TYPE NAME | load DATA FILE | layer DATA DIGEST BELOW... | "
		    "hash DATA HEX... | "
		    "save DATA PLACE TAG SOURCE...");
}

int main(int argc, char **argv)
{
	if (version_is_asked(argc, argv))
		return puts(VERSION_LINE("lxcri-worker")) < 0;
	(void)umask(0);
	return worker_serve(run, argc, argv);
}
