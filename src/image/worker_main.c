/* SPDX-License-Identifier: MIT */
/* lxcri-worker: the process that parses archives, compressed streams and tar headers from outside.
 *
 *	lxcri-worker import DATA SOURCE [NAME]
 *	lxcri-worker unpack DATA DIGEST
 *	lxcri-worker load DATA FILE
 *	lxcri-worker hash DATA HEX...
 *	lxcri-worker save DATA PLACE TAG SOURCE...
 *
 * It holds the libraries that the command is spared, and as few rights as the work allows: the
 * capabilities to write a tree with its owners, and files of images and layers alone. The
 * result is one JSON object on standard output, whose "code" tells of a failure. */

#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/version.h"
#include "image/layer/hash.h"
#include "image/import.h"
#include "image/worker/load.h"
#include "image/worker/rehash.h"
#include "image/worker/save.h"
#include "image/worker.h"
#include "image/worker/worker_confine.h"
#include "oci/reference.h"
#include "os/file.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static int take_in(struct layout *layout, struct source *source, const char *name,
		   enum import_index what_index, struct json_object *result,
		   struct lxcri_error *err)
{
	autorun(source_image_finish) struct source_image image = {};
	autofree char *digest = NULL;
	autoclose int lock = -1;
	const struct confine_path from = { source_fd(source), CONFINE_READ };

	lock = layout_lock(layout, err);
	if (lock < 0 || worker_confine(layout, &from, 1, err) < 0 ||
	    source_load(source, layout->blobs_fd, &image, err) < 0)
		return -1;
	if (!name)
		name = image.name;
	if (import_image(layout, &image, name, what_index, &digest, err) < 0)
		return -1;
	json_set_text(result, WORKER_NAME, name ? name : digest);
	json_set_text(result, WORKER_DIGEST, digest);
	return 0;
}

static int run_import(char **args, struct json_object *result, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autorun(image_ref_finish) struct image_ref ref = {};
	autoptr(source) source = NULL;
	autofree char *name = NULL;

	if (args[2]) {
		if (image_ref_parse(args[2], &ref, err) < 0)
			return -1;
		name = image_ref_format(&ref);
	}
	if (source_open(args[1], &source, err) < 0 || layout_create(args[0], &layout, err) < 0)
		return -1;
	if (take_in(&layout, source, name, IMPORT_RECORD, result, err) < 0)
		return fail_while(err, "import %s", args[1]);
	return 0;
}

static int run_unpack(char **args, struct json_object *result, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autoptr(source) source = NULL;

	if (layout_create(args[0], &layout, err) < 0 ||
	    source_open_stored(layout.images_fd, args[1], &source, err) < 0)
		return -1;
	if (take_in(&layout, source, NULL, IMPORT_KEEP_INDEX, result, err) < 0)
		return fail_while(err, "unpack %s", args[1]);
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
	if ((argc == 4 || argc == 5) && strcmp(argv[1], WORKER_IMPORT) == 0)
		return run_import(argv + 2, result, err);
	if (argc == 4 && strcmp(argv[1], WORKER_UNPACK) == 0)
		return run_unpack(argv + 2, result, err);
	if (argc == 4 && strcmp(argv[1], WORKER_LOAD) == 0)
		return load_images(argv[2], argv[3], WORKER_FD, result, err);
	if (argc >= 4 && strcmp(argv[1], WORKER_HASH) == 0)
		return rehash_blobs(argv[2], argv + 3, result, err);
	if (argc >= 6 && strcmp(argv[1], WORKER_SAVE) == 0)
		return run_save(argv + 2, err);
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "usage: lxcri-worker import DATA SOURCE [NAME] | unpack DATA DIGEST | "
		    "load DATA FILE | hash DATA HEX... | save DATA PLACE TAG SOURCE...");
}

int main(int argc, char **argv)
{
	autojson result = json_object_new_object();
	struct lxcri_error err = {};
	autofree char *text = NULL;
	int r;

	if (version_is_asked(argc, argv))
		return puts(VERSION_LINE("lxcri-worker")) < 0;
	/* Who asked is gone: nobody waits for the result, and the lock must not be held longer. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(0);
	hash_prepare();
	r = run(argc, argv, result, &err);
	if (r < 0) {
		json_set_text(result, WORKER_CODE, lxcri_code_name(err.code));
		json_set_text(result, WORKER_TEXT, err.text);
		json_object_object_add(result, WORKER_ERRNUM, json_object_new_int(err.errnum));
	}
	text = json_format_line(result);
	if (file_write_all(STDOUT_FILENO, text, strlen(text)) < 0)
		return EXIT_FAILURE;
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
