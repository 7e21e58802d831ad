/* SPDX-License-Identifier: MIT */
/* An image of the store in another form. Nothing is parsed here that came from outside, but trees
 * are walked through whose names did. */

#include "image/worker/convert.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "image/convert/fill.h"
#include "image/convert/raw.h"
#include "image/convert/template.h"
#include "image/layout.h"
#include "image/stored_image.h"
#include "image/worker.h"
#include "os/confine.h"
#include "os/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>

/* SYS_ADMIN is for reading trusted.overlay.opaque. */
static const unsigned int reading[] = { CAP_DAC_OVERRIDE, CAP_SYS_ADMIN };
static const unsigned int writing[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,   CAP_FSETID,
					CAP_MKNOD, CAP_SETFCAP,      CAP_SYS_ADMIN };

static const struct {
	const char *name;
	enum template_compression compression;
	bool has_init;
	const char *below;
} compressions[] = {
	{ WORKER_ZSTD, TEMPLATE_ZSTD, false, NULL },
	{ WORKER_GZIP, TEMPLATE_GZIP, false, NULL },
	{ WORKER_PLAIN, TEMPLATE_PLAIN, false, NULL },
	{ WORKER_CT, TEMPLATE_ZSTD, true, NULL },
	{ WORKER_CT_BELOW, TEMPLATE_ZSTD, true, TEMPLATE_BELOW },
};

struct convert {
	const struct convert_request *request;
	struct layout layout;
	struct stored_image image;
	struct raw raw;
	int *layers; /* the topmost first */
	size_t n_layers;
};

static void convert_finish(struct convert *convert)
{
	raw_finish(&convert->raw);
	for (size_t i = 0; i < convert->n_layers; i++)
		closep(&convert->layers[i]);
	free(convert->layers);
	stored_image_finish(&convert->image);
	layout_finish(&convert->layout);
}

/* Each level of each layer is open while a directory is walked through. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int open_layers(struct convert *convert, struct lxcri_error *err)
{
	const struct strings *ids = &convert->image.chain_ids;

	convert->layers = xcalloc(ids->count, sizeof(*convert->layers));
	for (size_t i = ids->count; i-- > 0;) {
		autofree char *path = xformat("%s/" LAYOUT_TREE, ids->items[i]);
		int fd = openat(convert->layout.layers_fd, path,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
					       "open the layer %s", ids->items[i]);
		convert->layers[convert->n_layers++] = fd;
	}
	return 0;
}

static int open_image(struct convert *convert, struct lxcri_error *err)
{
	const struct convert_request *request = convert->request;
	autojson entry = NULL;

	if (layout_open(request->data_dir, &convert->layout, err) < 0)
		return -1;
	entry = stored_image_unlisted(&convert->layout, request->digest);
	if (!entry)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store",
			    request->digest);
	if (stored_image_read(&convert->layout, entry, &convert->image, err) < 0)
		return -1;
	return open_layers(convert, err);
}

/* Leaves reading layers, and writing below the directory @target, or with -1 to what is open. */
static int confine(const struct convert *convert, int target, struct lxcri_error *err)
{
	const struct confine_path paths[] = {
		{ convert->layout.layers_fd, CONFINE_READ },
		{ target, CONFINE_WRITE },
	};
	int r = target < 0 ? confine_capabilities(reading, ARRAY_LEN(reading))
			   : confine_capabilities(writing, ARRAY_LEN(writing));

	if (r == 0)
		r = confine_files(paths, ARRAY_LEN(paths));
	return r < 0 && r != -EOPNOTSUPP ? fail_errno(err, r, "confine a conversion") : 0;
}

static int convert_raw(struct convert *convert, struct lxcri_error *err)
{
	struct raw *raw = &convert->raw;
	uint64_t size;

	if (text_parse_u64(convert->request->how, 0, UINT64_MAX, &size) < 0)
		return fail(err, LXCRI_E_INVALID_SIZE, "\"%s\" is no size", convert->request->how);
	raw->layers = convert->layers;
	raw->n_layers = convert->n_layers;
	raw->fd = convert->request->fd;
	if (raw_prepare(raw, size, err) < 0 || confine(convert, raw->root, err) < 0)
		return -1;
	return raw_write(raw, err);
}

/* Opens the program that becomes the first process. */
static int open_init(struct lxcri_error *err)
{
	autofree char *path = helper_path("lxcri-ct-init");
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fail_errno(err, errno, "open %s", path) : fd;
}

static int convert_template(const struct convert *convert, struct lxcri_error *err)
{
	const struct convert_request *request = convert->request;
	autoclose int init = -1;

	for (size_t i = 0; i < ARRAY_LEN(compressions); i++) {
		if (strcmp(compressions[i].name, request->how) != 0)
			continue;
		if (compressions[i].has_init && (init = open_init(err)) < 0)
			return -1;

		const struct template_options options = { .compression =
								  compressions[i].compression,
							  .init_fd = init,
							  .below = compressions[i].below };

		if (confine(convert, -1, err) < 0)
			return -1;
		return template_write(convert->layers, convert->n_layers, &options, request->fd,
				      err);
	}
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%s\" is no compression", request->how);
}

static int fill_dataset(const struct convert *convert, struct lxcri_error *err)
{
	int root = convert->request->fd;
	bool no_nodes = strcmp(convert->request->how, WORKER_CT_FILES_NO_NODES) == 0;
	bool is_ct = no_nodes || strcmp(convert->request->how, WORKER_CT_FILES) == 0;
	autoclose int init = is_ct ? open_init(err) : -1;

	if ((is_ct && init < 0) || confine(convert, root, err) < 0)
		return -1;
	if (fill_dir(convert->layers, convert->n_layers, root,
		     no_nodes ? FILL_WITHOUT_DEVICES : FILL_WITH_DEVICES, err) == 0 &&
	    (!is_ct || fill_add_init(root, init, err) == 0))
		return 0;
	/* A quota is a size that somebody chose; a pool that is full is nobody's choice. */
	if (err->errnum == ENOSPC || err->errnum == EIO)
		err->code = LXCRI_E_STORAGE_ERROR;
	return -1;
}

int convert_image(const struct convert_request *request, struct lxcri_error *err)
{
	autorun(convert_finish) struct convert convert = { .request = request,
							   .layout = LAYOUT_NULL,
							   .raw = RAW_NULL };

	allow_descriptors();
	if (open_image(&convert, err) < 0)
		return -1;
	if (strcmp(request->format, WORKER_RAW) == 0)
		return convert_raw(&convert, err);
	if (strcmp(request->format, WORKER_TEMPLATE) == 0)
		return convert_template(&convert, err);
	if (strcmp(request->format, WORKER_ZFS) == 0)
		return fill_dataset(&convert, err);
	return fail(err, LXCRI_E_INVALID_FORMAT, "\"%s\" is none of raw, ct-template and zfs",
		    request->format);
}
