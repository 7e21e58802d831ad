/* SPDX-License-Identifier: MIT */
/* Removing what no image needs any more: mark, then sweep. */

#include "image/collect.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "image/snapshot/snapshot.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "os/disk_usage.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

/* An interrupted pull is taken up again soon, or not at all. */
#define DOWNLOAD_SECONDS 3600

struct marks {
	const struct layout *layout;
	struct strings blobs;  /* hexadecimal */
	struct strings layers; /* chain ids */
};

static void marks_finish(struct marks *marks)
{
	strings_finish(&marks->blobs);
	strings_finish(&marks->layers);
}

static int mark_layers(struct marks *marks, const struct descriptor *descriptor,
		       struct lxcri_error *err)
{
	autoptr(image_config) config = NULL;
	autofree char *bytes = NULL;
	struct strings diff_ids = {};
	size_t size;

	if (layout_read_document(marks->layout, descriptor->digest.text, &bytes, &size, err) < 0 ||
	    image_config_parse(bytes, size, &config, err) < 0)
		return -1;
	for (size_t i = 0; i < config->n_diff_ids; i++)
		strings_add(&diff_ids, config->diff_ids[i].text);
	layout_chain_ids(&diff_ids, &marks->layers);
	strings_finish(&diff_ids);
	return 0;
}

static int mark_manifest(struct marks *marks, const char *bytes, size_t size,
			 struct lxcri_error *err)
{
	autoptr(manifest) manifest = NULL;

	if (manifest_parse(bytes, size, NULL, &manifest, err) < 0)
		return -1;
	strings_add(&marks->blobs, manifest->config.digest.hex);
	for (size_t i = 0; i < manifest->n_layers; i++)
		strings_add(&marks->blobs, manifest->layers[i].digest.hex);
	/* What another tool stored here may be no image; its blobs stay, and it has no layers. */
	if (manifest->config.type.kind != MEDIA_CONFIG)
		return 0;
	return mark_layers(marks, &manifest->config, err);
}

/* Marks the document of @descriptor and all that it leads to. */
static int mark(struct marks *marks, const struct descriptor *descriptor, unsigned int nested,
		struct lxcri_error *err)
{
	autoptr(index) index = NULL;
	autofree char *bytes = NULL;
	size_t size;

	strings_add(&marks->blobs, descriptor->digest.hex);
	if (descriptor->type.kind != MEDIA_MANIFEST && descriptor->type.kind != MEDIA_INDEX)
		return 0;
	if (layout_read_document(marks->layout, descriptor->digest.text, &bytes, &size, err) < 0)
		return -1;
	if (descriptor->type.kind == MEDIA_MANIFEST)
		return mark_manifest(marks, bytes, size, err);
	if (nested == LAYOUT_NESTED_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "indexes are nested more than %d deep",
			    LAYOUT_NESTED_MAX);
	if (index_parse(bytes, size, descriptor->media_type, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index->n_manifests; i++)
		if (mark(marks, &index->manifests[i], nested + 1, err) < 0)
			return -1;
	return 0;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct strings *strings)
{
	if (strings->count > 1)
		qsort(strings->items, strings->count, sizeof(strings->items[0]), compare_texts);
}

static bool is_marked(const struct strings *sorted, const char *name)
{
	return sorted->count > 0 && bsearch(&name, sorted->items, sorted->count,
					    sizeof(sorted->items[0]), compare_texts);
}

/* Marks the layers that containers stand on: ".../<chain id>/fs". */
static void mark_in_use(struct marks *marks, const struct strings *layers_in_use)
{
	for (size_t i = 0; layers_in_use && i < layers_in_use->count; i++) {
		autofree char *path = xstrdup(layers_in_use->items[i]);
		char *slash = strrchr(path, '/');

		if (!slash || strcmp(slash + 1, LAYOUT_TREE) != 0)
			continue;
		*slash = '\0';
		slash = strrchr(path, '/');
		strings_add(&marks->layers, slash ? slash + 1 : path);
	}
}

/* Marks the layers that were unpacked, or used, a short while ago. */
static void mark_young(struct marks *marks, uint64_t min_age_seconds)
{
	autorun(strings_finish) struct strings names = {};
	int dirfd = marks->layout->layers_fd;
	time_t now = time(NULL);
	struct stat status;

	if (min_age_seconds == 0 || dirfd < 0 || path_list_names(dirfd, &names) < 0)
		return;
	for (size_t i = 0; i < names.count; i++)
		if (fstatat(dirfd, names.items[i], &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		    now - status.st_mtime < (time_t)min_age_seconds)
			strings_add(&marks->layers, names.items[i]);
}

/* A layer first takes a temporary name, so that one half removed is never taken for whole. */
static int remove_layer(int dirfd, const char *name)
{
	autofree char *temporary = xformat("%s%s", LAYOUT_TEMPORARY, name);

	if (renameat(dirfd, name, dirfd, temporary) < 0)
		return -errno;
	return path_remove_tree(dirfd, temporary);
}

static int remove_blob(int dirfd, const char *name)
{
	return unlinkat(dirfd, name, 0) < 0 ? -errno : 0;
}

static void tell(const struct collect_options *options, enum collect_part part, int dirfd,
		 const char *name)
{
	autorun(disk_usage_finish) struct disk_usage usage = {};

	if (!options->removing)
		return;
	(void)disk_usage_add(&usage, dirfd, name); /* what can't be read is told without its size */
	options->removing(options->userdata, part, name, usage.bytes);
}

/* Only names that this store gives are touched. */
static bool is_ours(const char *name)
{
	return strlen(name) == SHA256_HEX_SIZE - 1 &&
	       strspn(name, "0123456789abcdef") == SHA256_HEX_SIZE - 1;
}

/* Removes what is not marked. */
static int sweep(int dirfd, const struct strings *marked, enum collect_part part,
		 const struct collect_options *options)
{
	autorun(strings_finish) struct strings names = {};
	int first = path_list_names(dirfd, &names);

	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		int r = 0;

		if (!is_ours(name) || is_marked(marked, name))
			continue;
		tell(options, part, dirfd, name);
		if (!options->dry_run)
			r = part == COLLECT_BLOB ? remove_blob(dirfd, name)
						 : remove_layer(dirfd, name);
		if (first == 0)
			first = r;
	}
	return first;
}

/* Removes what repairs have put aside. */
static int sweep_broken(const struct layout *layout, const struct collect_options *options)
{
	autorun(strings_finish) struct strings names = {};
	autoclose int dir = openat(layout->data_fd, LAYOUT_BROKEN,
				   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = dir < 0 ? -errno : path_list_names(dir, &names);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < names.count; i++) {
		tell(options, COLLECT_BLOB, dir, names.items[i]);
		if (!options->dry_run && r == 0)
			r = path_remove_tree(dir, names.items[i]);
	}
	if (!options->dry_run && r == 0 &&
	    unlinkat(layout->data_fd, LAYOUT_BROKEN, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

/* Tells whether nobody is at the download @fd, nor was of late: between fetching a blob and taking
 * it in there is a moment without a lock. */
static bool is_abandoned(int fd)
{
	struct stat status;

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &status) == 0 &&
	       time(NULL) - status.st_mtime > DOWNLOAD_SECONDS;
}

int collect_downloads(const struct layout *layout, const struct collect_options *options,
		      struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	autoclose int dirfd = openat(layout->images_fd, LAYOUT_DOWNLOADS,
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int first;

	if (dirfd < 0)
		return 0; /* nothing was ever fetched */
	first = path_list_names(dirfd, &names);
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		autoclose int fd =
			openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

		if (!is_abandoned(fd))
			continue;
		tell(options, COLLECT_BLOB, dirfd, name);
		if (!options->dry_run) {
			int r = path_remove_tree(dirfd, name);

			first = first < 0 ? first : r;
		}
	}
	if (first < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, first,
				       "remove downloads from %s", layout->data_dir);
	return 0;
}

int collect_reach(const struct layout *layout, struct json_object *entry, struct strings *blobs,
		  struct strings *layers, struct lxcri_error *err)
{
	autorun(marks_finish) struct marks marks = { .layout = layout };
	struct descriptor descriptor;
	int r = descriptor_read(entry, "manifests[]", &descriptor, err);

	if (r == 0)
		r = mark(&marks, &descriptor, 0, err);
	strings_add_all(blobs, &marks.blobs);
	strings_add_all(layers, &marks.layers);
	return r;
}

int collect_garbage(const struct layout *layout, struct json_object *index,
		    const struct collect_options *options, struct lxcri_error *err)
{
	autorun(marks_finish) struct marks marks = { .layout = layout };
	struct json_object *list = json_get(index, "manifests");
	int r = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct descriptor descriptor;

		if (descriptor_read(json_object_array_get_idx(list, i), "manifests[]", &descriptor,
				    err) < 0 ||
		    mark(&marks, &descriptor, 0, err) < 0)
			return fail_while(err, "look for what images still need");
	}
	mark_in_use(&marks, options->layers_in_use);
	mark_young(&marks, options->min_age_seconds);
	sort(&marks.blobs);
	sort(&marks.layers);
	if (layout->blobs_fd >= 0)
		r = sweep(layout->blobs_fd, &marks.blobs, COLLECT_BLOB, options);
	if (r == 0 && layout->layers_fd >= 0)
		r = sweep(layout->layers_fd, &marks.layers, COLLECT_LAYER, options);
	if (r == 0)
		r = sweep_broken(layout, options);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "remove what no image needs from %s", layout->data_dir);

	autorun(snapshot_place_finish) struct snapshot_place place = {
		.data_dir = layout->data_dir, .dataset = xstrdup(options->dataset)
	};

	return snapshot_collect(&place, &marks.layers, options, err);
}
