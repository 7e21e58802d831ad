/* SPDX-License-Identifier: MIT */
/* One layer on its way into the store. */

#include "image/import_layer.h"

#include "base/mem.h"
#include "image/layer/unpack.h"
#include "image/layer/layer_record.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static char *download_path(const struct import_layer *layer)
{
	return xformat("%s/%s", LAYOUT_DOWNLOADS, layer->source->blob.hex);
}

/* Others may have removed what they found wrong: it has to be fetched again then. */
static int open_download(struct import_layer *layer, const struct layout *layout,
			 struct lxcri_error *err)
{
	autofree char *path = download_path(layer);
	struct span *blob = &layer->source->blob;

	if (blob->fd >= 0)
		return 0;
	blob->fd = openat(layout->images_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (blob->fd >= 0)
		return 0;
	if (errno == ENOENT)
		growth_judge(blob->growth, blob->hex, GROWTH_WRONG);
	return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open a download");
}

int import_layer_link(struct import_layer *layer, const struct layout *layout,
		      struct lxcri_error *err)
{
	autofree char *name = xformat("%sblob-%u", LAYOUT_TEMPORARY, layer->number);
	autofree char *download = download_path(layer);
	struct stat verified;
	struct stat linked;

	if (linkat(layout->images_fd, download, layout->blobs_fd, name, 0) < 0)
		return errno == ENOENT
			       ? 0
			       : fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "store a blob");
	layer->blob_name = steal(name);
	if (fstat(layer->source->blob.fd, &verified) < 0 ||
	    fstatat(layout->blobs_fd, layer->blob_name, &linked, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "store a blob");
	return verified.st_ino == linked.st_ino && verified.st_dev == linked.st_dev;
}

static int open_blob(struct import_layer *layer, const struct layout *layout, int *ret_fd,
		     struct lxcri_error *err)
{
	if (layer->source->is_download)
		return open_download(layer, layout, err);

	autofree char *name = xformat("%sblob-%u", LAYOUT_TEMPORARY, layer->number);
	int fd = openat(layout->blobs_fd, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "store a blob");
	layer->blob_name = steal(name);
	*ret_fd = fd;
	return 0;
}

static int make_tree(struct import_layer *layer, const struct layout *layout, struct budget *budget,
		     struct lxcri_error *err)
{
	layer->tree_name = xformat("%s%s", layer->place, layer->chain_id);

	autofree char *path = xformat("%s/%s", layer->tree_name, LAYOUT_TREE);

	if (mkdirat(layout->layers_fd, layer->tree_name, 0700) < 0 ||
	    mkdirat(layout->layers_fd, path, 0755) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "make the directory of a layer");
	layer->tree_fd =
		openat(layout->layers_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (layer->tree_fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "open the directory of a layer");
	layer->tree = tree_create(layer->tree_fd, budget);
	return 0;
}

static int check_blob(const struct import_layer *layer, struct lxcri_error *err)
{
	const char *expected = layer->source->digest;

	if (!expected || !*layer->digests.blob ||
	    strcmp(expected + strlen("sha256:"), layer->digests.blob) == 0)
		return 0;
	return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
		    "the blob %s holds bytes with the digest sha256:%s", expected,
		    layer->digests.blob);
}

/* A stream that can't be read, or is too much, may just not be the one that was announced: that is
 * the better news, and it decides whose fault it is. */
static int explain(struct import_layer *layer, struct work *work, struct lxcri_error *err)
{
	const struct span *blob = &layer->source->blob;
	bool is_suspect = err->code == LXCRI_E_EXTRACT_FAILED ||
			  (err->code == LXCRI_E_LIMIT_EXCEEDED && blob->growth);
	struct lxcri_error other = {};

	if (is_suspect && layer->source->digest &&
	    stream_hash_source(blob, work, layer->digests.blob, &other) == 0 &&
	    check_blob(layer, &other) < 0)
		*err = other;
	return -1;
}

/* Tells who fetches it of a blob that is not what was announced; it may still be where the config
 * speaks of other content. */
static int judge(struct import_layer *layer, int r, const struct lxcri_error *err)
{
	const struct span *blob = &layer->source->blob;
	struct lxcri_error ignored;

	if (r < 0 && blob->growth && err->code == LXCRI_E_INTEGRITY_CHECK_FAILED &&
	    (!*layer->digests.blob || check_blob(layer, &ignored) < 0))
		growth_judge(blob->growth, blob->hex, GROWTH_WRONG);
	return r;
}

static int check_digests(const struct import_layer *layer, struct lxcri_error *err)
{
	if (check_blob(layer, err) < 0)
		return -1;
	if (strcmp(layer->digests.content, layer->diff_id + strlen("sha256:")) != 0)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the content has the digest sha256:%s, the config says %s",
			    layer->digests.content, layer->diff_id);
	return 0;
}

int import_layer_run(struct import_layer *layer, const struct layout *layout, struct work *work,
		     const struct import_means *means, struct lxcri_error *err)
{
	autoclose int copy = -1;
	struct stream_options options = { .source = &layer->source->blob,
					  .is_verified = layer->has_blob,
					  .budget = means->budget,
					  .flusher = means->flusher,
					  .work = work };
	int r;

	if (layer->has_tree && layer->has_blob)
		return 0;
	if (!layer->has_blob && open_blob(layer, layout, &copy, err) < 0)
		return -1;
	if (!layer->has_tree && make_tree(layer, layout, means->budget, err) < 0)
		return -1;
	options.copy_fd = copy;

	autoptr(stream) stream = stream_create(&options);

	r = layer->has_tree ? stream_drain(stream, err)
			    : unpack_layer(stream, layer->tree, means->budget, err);
	if (r == 0) {
		stream_end(stream, &layer->digests);
		return judge(layer, check_digests(layer, err), err);
	}
	stream_free(steal(stream));
	return judge(layer, explain(layer, work, err), err);
}

int import_layer_open(struct import_layer *layer, const struct layout *layout,
		      struct lxcri_error *err)
{
	autofree char *path = xformat("%s/%s", layer->chain_id, LAYOUT_TREE);

	if (layer->tree_fd >= 0)
		return 0;
	layer->tree_fd =
		openat(layout->layers_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (layer->tree_fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open the layer %s",
				       layer->chain_id);
	return 0;
}

int import_layer_record(const struct import_layer *layer, const char *parent,
			const struct layout *layout, struct lxcri_metadata_cache *cache,
			struct lxcri_error *err)
{
	autofree char *parent_id = parent ? xformat("sha256:%s", parent) : NULL;
	const struct lxcri_layer_record record = { .diff_id = layer->diff_id,
						   .parent = parent_id,
						   .content_bytes = layer->digests.content_size };
	autoclose int dir = openat(layout->layers_fd, layer->tree_name,
				   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (dir < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "open the directory of a layer");
	r = layer_record_write(dir, &record);
	if (r == 0 && fchmod(dir, 0700) < 0)
		r = -errno;
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "write the record of a layer");
	lxcri_metadata_cache_put(cache, layer->chain_id, &record);
	return 0;
}

int import_layer_check(const struct import_layer *layer, const char *parent,
		       const struct layout *layout, struct lxcri_metadata_cache *cache,
		       struct lxcri_error *err)
{
	autofree char *parent_id = parent ? xformat("sha256:%s", parent) : NULL;
	const struct lxcri_layer_record *record = layer_record_get(layout, layer->chain_id, cache);
	bool fits = record && record->diff_id && strcmp(record->diff_id, layer->diff_id) == 0 &&
		    strcmp(record->parent ? record->parent : "", parent_id ? parent_id : "") == 0;

	lxcri_metadata_cache_release(cache, record);
	if (!fits)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "layers/%s/%s is not the record of that layer", layer->chain_id,
			    LAYOUT_RECORD);
	return 0;
}

void import_layer_finish(struct import_layer *layer, const struct layout *layout)
{
	tree_free(layer->tree);
	closep(&layer->tree_fd);
	/* What can't be removed is left to the next holder of the lock. */
	if (layer->tree_name)
		(void)path_remove_tree(layout->layers_fd, layer->tree_name);
	if (layer->blob_name)
		(void)unlinkat(layout->blobs_fd, layer->blob_name, 0);
	free(layer->tree_name);
	free(layer->blob_name);
	*layer = IMPORT_LAYER_NULL;
}
