/* SPDX-License-Identifier: MIT */
/* lxcri-worker: the process that parses archives, compressed streams and tar headers from outside.
 *
 *	lxcri-worker [--workers N] import DATA SOURCE [NAME]
 *	lxcri-worker [--workers N] unpack DATA DIGEST
 *
 * It holds the libraries that the command is spared, and as few rights as the work allows: the
 * capabilities to write a tree with its owners, and files of images and layers alone. The
 * result is one JSON object on standard output, whose "code" tells of a failure. */

#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "base/version.h"
#include "image/layer/hash.h"
#include "image/import.h"
#include "image/worker.h"
#include "oci/reference.h"
#include "os/confine.h"
#include "os/file.h"
#include "os/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Several times what the budgets allow for; beyond it an allocation fails and the process ends, not
 * the host. An address sanitizer takes terabytes for itself. */
#ifdef __SANITIZE_ADDRESS__
#define DATA_BYTES_MAX RLIM_INFINITY
#else
#define DATA_BYTES_MAX ((rlim_t)256 << 20)
#endif

/* SYS_ADMIN is for trusted.overlay.opaque, and Landlock takes mounts from whoever has it. */
static const unsigned int capabilities[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,   CAP_FSETID,
					     CAP_MKNOD, CAP_SETFCAP,      CAP_SYS_ADMIN };

/* Goes on with a mount of the layers in which no device can be opened: who may make one could
 * otherwise write the host's disk through it. */
static int close_devices(struct layout *layout)
{
	const struct mount_attr closed = { .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
						       MOUNT_ATTR_NOEXEC };
	autoclose int tree = tree_clone(layout->layers_fd, 0);
	int r = tree < 0 ? tree : tree_change(tree, 0, &closed);

	if (r < 0)
		return r;
	/* A descriptor to read with, as others have: that of a tree is for paths only. */
	int layers = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (layers < 0)
		return -errno;
	closep(&layout->layers_fd);
	layout->layers_fd = layers;
	return 0;
}

/* Only images and layers can be written: not the containers, nor the database beside them. */
static int confine(struct layout *layout, const struct source *source, struct lxcri_error *err)
{
	const struct rlimit memory = { DATA_BYTES_MAX, DATA_BYTES_MAX };
	int r = close_devices(layout);

	if (r < 0)
		return fail_errno(err, r, "keep devices out of the layers in %s", layout->data_dir);

	const struct confine_path paths[] = {
		{ layout->images_fd, CONFINE_WRITE },
		{ layout->layers_fd, CONFINE_WRITE },
		{ source_fd(source), CONFINE_READ },
	};

	if (setrlimit(RLIMIT_DATA, &memory) < 0)
		return fail_errno(err, errno, "limit the memory of the worker");
	r = confine_capabilities(capabilities, ARRAY_LEN(capabilities));
	if (r < 0)
		return fail_errno(err, r, "drop the capabilities of the worker");
	r = confine_files(paths, ARRAY_LEN(paths));
	if (r < 0 && r != -EOPNOTSUPP)
		return fail_errno(err, r, "confine the worker to %s", layout->data_dir);
	return 0;
}

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

static int take_in(struct layout *layout, struct source *source, const char *name,
		   enum import_index what_index, struct json_object *result,
		   struct lxcri_error *err)
{
	autorun(source_image_finish) struct source_image image = {};
	struct import_result imported = {};
	autoclose int lock = -1;

	lock = layout_lock(layout, err);
	if (lock < 0 || confine(layout, source, err) < 0 ||
	    source_load(source, layout->blobs_fd, &image, err) < 0)
		return -1;
	if (!name)
		name = image.name;

	const struct import_options options = { name, what_index, workers };

	if (import_image(layout, &image, &options, &imported, err) < 0)
		return -1;
	json_set_text(result, WORKER_NAME, name ? name : imported.digest);
	json_set_text(result, WORKER_DIGEST, imported.digest);
	tell_counters(&imported, result);
	free(imported.digest);
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
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "usage: lxcri-worker import DATA SOURCE [NAME] | unpack DATA DIGEST");
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
