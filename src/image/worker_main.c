/* SPDX-License-Identifier: MIT */
/* lxcri-worker: the process that parses archives, compressed streams and tar headers from outside.
 *
 *	lxcri-worker [--workers N] import DATA SOURCE [NAME]
 *	lxcri-worker [--workers N] unpack DATA DIGEST
 *	lxcri-worker [--workers N] store DATA NAME
 *	lxcri-worker [--workers N] load DATA FILE
 *	lxcri-worker layer DATA DIGEST BELOW...
 *	lxcri-worker hash DATA HEX...
 *	lxcri-worker save|save-all DATA PLACE TAG SOURCE...
 *	lxcri-worker find|find-all DATA SOURCE
 *	lxcri-worker convert DATA DIGEST raw SIZE | ct-template COMPRESSION | zfs -
 *
 * It holds the libraries that the command is spared, and as few rights as the work allows: the
 * capabilities to write a tree with its owners, and files of images and layers alone. The
 * result is one JSON object on standard output, whose "code" tells of a failure. */

#include "base/json.h"
#include "base/scope.h"
#include "base/text.h"
#include "base/version.h"
#include "image/import.h"
#include "image/worker/add_layer.h"
#include "image/worker/convert.h"
#include "image/worker/follow.h"
#include "image/worker/load.h"
#include "image/worker/rehash.h"
#include "image/worker/save.h"
#include "image/worker.h"
#include "image/worker/worker_confine.h"
#include "image/worker/worker_serve.h"
#include "oci/reference.h"

#include <fcntl.h>
#include <limits.h>
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

static int run_store(char **args, struct json_object *result, struct lxcri_error *err)
{
	const struct follow_request request = { args[0], args[1], WORKER_FD, workers };
	struct import_result imported = {};

	if (follow_image(&request, &imported, err) < 0)
		return fail_while(err, "store %s", args[1]);
	json_set_text(result, WORKER_NAME, args[1]);
	json_set_text(result, WORKER_DIGEST, imported.digest);
	tell_counters(&imported, result);
	free(imported.digest);
	return 0;
}

static int run_load(char **args, struct json_object *result, struct lxcri_error *err)
{
	return load_images(args[0], args[1], WORKER_FD, workers, result, err);
}

static int run_hash(char **args, struct json_object *result, struct lxcri_error *err)
{
	return rehash_blobs(args[0], args + 1, result, err);
}

static int save(char **args, enum save_platforms platforms, struct lxcri_error *err)
{
	const struct save_request request = {
		.data_dir = args[0],
		.place = args[1],
		.tag = args[2],
		.sources = args + 3,
		.platforms = platforms,
		.fd = WORKER_FD,
	};

	return save_images(&request, err);
}

static int run_layer(char **args, struct json_object *result, struct lxcri_error *err)
{
	return add_layer(args[0], args[1], args + 2, WORKER_FD, result, err);
}

static int run_save(char **args, struct json_object *result, struct lxcri_error *err)
{
	return save(args, SAVE_THIS_PLATFORM, err);
}

static int run_save_all(char **args, struct json_object *result, struct lxcri_error *err)
{
	return save(args, SAVE_EVERY_PLATFORM, err);
}

static int run_find(char **args, struct json_object *result, struct lxcri_error *err)
{
	return save_find(args[0], args[1], SAVE_THIS_PLATFORM, result, err);
}

static int run_find_all(char **args, struct json_object *result, struct lxcri_error *err)
{
	return save_find(args[0], args[1], SAVE_EVERY_PLATFORM, result, err);
}

static int run_convert(char **args, struct json_object *result, struct lxcri_error *err)
{
	const struct convert_request request = {
		.data_dir = args[0],
		.digest = args[1],
		.format = args[2],
		.how = args[3],
		.fd = WORKER_FD,
	};

	return convert_image(&request, err);
}

static const struct worker_verb {
	const char *name;
	int least; /* how many arguments it takes */
	int most;
	int (*run)(char **args, struct json_object *result, struct lxcri_error *err);
} verbs[] = {
	{ WORKER_IMPORT, 2, 3, run_import },
	{ WORKER_UNPACK, 2, 2, run_unpack },
	{ WORKER_STORE, 2, 2, run_store },
	{ WORKER_LOAD, 2, 2, run_load },
	{ WORKER_HASH, 1, INT_MAX, run_hash },
	{ WORKER_SAVE, 4, INT_MAX, run_save },
	{ WORKER_SAVE_ALL, 4, INT_MAX, run_save_all },
	{ WORKER_FIND, 2, 2, run_find },
	{ WORKER_FIND_ALL, 2, 2, run_find_all },
	{ WORKER_LAYER_ADD, 2, INT_MAX, run_layer },
	{ WORKER_CONVERT, 4, 4, run_convert },
};

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
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].least &&
		    argc - 2 <= verbs[i].most)
			return verbs[i].run(argv + 2, result, err);
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "usage: lxcri-worker [--workers N] import DATA SOURCE [NAME] | unpack DATA "
		    "DIGEST | store DATA NAME | load DATA FILE | layer DATA DIGEST BELOW... | hash "
		    "DATA HEX... | "
		    "save|save-all DATA PLACE TAG SOURCE... | find|find-all DATA SOURCE | "
		    "convert DATA DIGEST raw SIZE|ct-template COMPRESSION|zfs -");
}

int main(int argc, char **argv)
{
	if (version_is_asked(argc, argv))
		return puts(VERSION_LINE("lxcri-worker")) < 0;
	(void)umask(0);
	return worker_serve(run, argc, argv);
}
