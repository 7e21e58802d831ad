/* SPDX-License-Identifier: MIT */
/* Taking in one layer that belongs to no image. What it is called shows only when all of it has
 * been read, so it is unpacked under a temporary name in any case. */

#include "image/worker/add_layer.h"

#include "base/mem.h"
#include "image/layer/layer_record.h"
#include "image/layer/stream.h"
#include "image/layer/unpack.h"
#include "image/worker.h"
#include "image/worker/worker_confine.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TEMPORARY LAYOUT_TEMPORARY "added"
#define PREFIX    "sha256:"

struct adding {
	struct layout layout;
	int lock;
	struct span source;
	struct budget budget;
	struct work *work;
	struct tree *tree;
	int dir; /* of the layer, under its temporary name */
	int tree_fd;
	int *lowers; /* of those below, topmost first */
	size_t n_lowers;
};
#define ADDING_NULL                              \
	((struct adding){ .layout = LAYOUT_NULL, \
			  .lock = -1,            \
			  .source = SPAN_NULL,   \
			  .dir = -1,             \
			  .tree_fd = -1 })

static void adding_finish(struct adding *adding)
{
	tree_free(adding->tree);
	work_free(adding->work);
	span_finish(&adding->source);
	closep(&adding->tree_fd);
	closep(&adding->dir);
	for (size_t i = 0; i < adding->n_lowers; i++)
		closep(&adding->lowers[i]);
	freep(&adding->lowers);
	if (adding->layout.layers_fd >= 0)
		(void)path_remove_tree(adding->layout.layers_fd, TEMPORARY);
	closep(&adding->lock);
	layout_finish(&adding->layout);
}

static int open_dir(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_lowers(struct adding *adding, char *const *below, struct lxcri_error *err)
{
	for (; below[adding->n_lowers]; adding->n_lowers++) {
		autofree char *path = xformat("%s/" LAYOUT_TREE, below[adding->n_lowers]);
		int fd = open_dir(adding->layout.layers_fd, path);

		if (fd < 0)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, fd, "open the layer %s",
					       below[adding->n_lowers]);
		adding->lowers = xreallocarray(adding->lowers, adding->n_lowers + 1, sizeof(int));
		adding->lowers[adding->n_lowers] = fd;
	}
	return 0;
}

static int open_source(struct adding *adding, int fd, struct lxcri_error *err)
{
	struct stat status;

	adding->source.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (adding->source.fd < 0 || fstat(fd, &status) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open the layer's bytes");
	adding->source.size = (uint64_t)status.st_size;
	return 0;
}

static int make_tree(struct adding *adding, struct lxcri_error *err)
{
	int layers = adding->layout.layers_fd;
	int r = mkdirat(layers, TEMPORARY, 0700) < 0 ? -errno : open_dir(layers, TEMPORARY);

	adding->dir = r;
	if (r >= 0)
		r = mkdirat(adding->dir, LAYOUT_TREE, 0755) < 0
			    ? -errno
			    : open_dir(adding->dir, LAYOUT_TREE);
	adding->tree_fd = r;
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "make the directory of a layer");
	adding->tree = tree_create(adding->tree_fd, &adding->budget);
	return 0;
}

static int unpack(struct adding *adding, struct stream_digests *ret_digests,
		  struct lxcri_error *err)
{
	const struct stream_options options = { .source = &adding->source,
						.copy_fd = -1,
						.budget = &adding->budget,
						.work = adding->work };
	autoptr(stream) stream = stream_create(&options);

	if (unpack_layer(stream, adding->tree, &adding->budget, err) < 0)
		return -1;
	stream_end(stream, ret_digests);
	return tree_settle(adding->tree, adding->lowers, adding->n_lowers, err);
}

static char *name_of(const char *below, const char *content)
{
	autofree char *pair = below ? xformat(PREFIX "%s " PREFIX "%s", below, content) : NULL;
	char hex[SHA256_HEX_SIZE];

	if (!pair)
		return xstrdup(content);
	sha256_hex(pair, strlen(pair), hex);
	return xstrdup(hex);
}

/* One that is there has been used now, which is what collecting goes by. */
static int keep(struct adding *adding, const char *name, const char *below,
		const struct stream_digests *digests)
{
	autofree char *diff_id = xformat(PREFIX "%s", digests->content);
	autofree char *parent = below ? xformat(PREFIX "%s", below) : NULL;
	const struct lxcri_layer_record record = { .diff_id = diff_id,
						   .parent = parent,
						   .content_bytes = digests->content_size };
	int layers = adding->layout.layers_fd;
	int r;

	if (layout_has_layer(&adding->layout, name))
		return utimensat(layers, name, NULL, 0) < 0 ? -errno : 0;
	r = layer_record_write(adding->dir, &record);
	if (r < 0)
		return r;
	return syncfs(layers) < 0 || renameat(layers, TEMPORARY, layers, name) < 0 ||
			       fsync(layers) < 0
		       ? -errno
		       : 0;
}

static int begin(struct adding *adding, const char *data_dir, int fd, struct lxcri_error *err)
{
	const struct confine_path from = { fd, CONFINE_READ };

	adding->work = work_create();
	if (layout_create(data_dir, &adding->layout, err) < 0)
		return -1;
	adding->lock = layout_lock(&adding->layout, err);
	return adding->lock < 0 ? -1 : worker_confine(&adding->layout, &from, 1, err);
}

int add_layer(const char *data_dir, const char *digest, char *const *below, int fd,
	      struct json_object *result, struct lxcri_error *err)
{
	autorun(adding_finish) struct adding adding = ADDING_NULL;
	struct stream_digests digests = {};
	autofree char *name = NULL;
	int r;

	if (begin(&adding, data_dir, fd, err) < 0 || open_lowers(&adding, below, err) < 0 ||
	    open_source(&adding, fd, err) < 0 || make_tree(&adding, err) < 0 ||
	    unpack(&adding, &digests, err) < 0)
		return fail_while(err, "layer %s", digest);
	if (strncmp(digest, PREFIX, strlen(PREFIX)) != 0 ||
	    strcmp(digest + strlen(PREFIX), digests.blob) != 0)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "layer %s: its bytes have the digest " PREFIX "%s", digest,
			    digests.blob);
	name = name_of(below[0], digests.content);
	r = keep(&adding, name, below[0], &digests);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "store the layer %s", digest);
	json_set_text(result, WORKER_DIGEST, name);
	return 0;
}
