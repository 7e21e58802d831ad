/* SPDX-License-Identifier: MIT */
/* Removing what no image needs any more: mark, then sweep. */

#include "image/collect.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "image/collect/access.h"
#include "image/collect/sweep.h"
#include "image/snapshot/snapshot.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
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

/* Only names that this store gives are touched. */
static bool is_ours(const char *name)
{
	return strlen(name) == SHA256_HEX_SIZE - 1 &&
	       strspn(name, "0123456789abcdef") == SHA256_HEX_SIZE - 1;
}

/* Who had the lock before could not remove it: it is ours too, and was never used. */
static bool is_left(const char *name)
{
	return text_starts_with(name, LAYOUT_TEMPORARY);
}

/* A layer first takes a temporary name, so that one half removed is never taken for whole. */
static int remove_layer(int dirfd, const char *name)
{
	autofree char *temporary = NULL;

	if (is_left(name))
		return path_remove_tree(dirfd, name);
	temporary = xformat("%s%s", LAYOUT_TEMPORARY, name);
	if (renameat(dirfd, name, dirfd, temporary) < 0)
		return -errno;
	return path_remove_tree(dirfd, temporary);
}

static int remove_blob(int dirfd, const char *name)
{
	return unlinkat(dirfd, name, 0) < 0 ? -errno : 0;
}

static bool is_spared(const struct victim *victim, const struct collect_options *options)
{
	return (options->only && !strings_has(options->only, victim->name)) ||
	       access_is_young(victim->used_ns, options->grace_seconds);
}

/* Adds what is not marked of the directory @dirfd (-1: there is none) to @sweep. What is spared all
 * the same is marked. */
static int find_victims(int dirfd, enum collect_part part, struct strings *marked,
			const struct collect_options *options, struct sweep *sweep)
{
	autorun(strings_finish) struct strings names = {};
	int r = dirfd < 0 ? 0 : path_list_names(dirfd, &names);

	sort(marked);
	size_t n_sorted = marked->count;

	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		const struct strings sorted = { marked->items, n_sorted };
		bool is_blob = part == COLLECT_BLOB;
		struct victim victim = { .part = part,
					 .dirfd = dirfd,
					 .name = name,
					 .remove = is_blob ? remove_blob : remove_layer };

		if (!is_left(name) && (!is_ours(name) || is_marked(&sorted, name)))
			continue;
		if (!is_left(name))
			victim.used_ns = is_blob ? access_of_blob(dirfd, name)
						 : access_of_layer(dirfd, name);
		if (!is_left(name) && is_spared(&victim, options))
			strings_add(marked, name);
		else
			sweep_add(sweep, &victim);
	}
	sort(marked);
	return r;
}

static int open_broken(const struct layout *layout)
{
	int fd = openat(layout->data_fd, LAYOUT_BROKEN,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Adds what repairs have put aside in @dirfd. */
static int find_broken(int dirfd, const struct collect_options *options, struct sweep *sweep)
{
	autorun(strings_finish) struct strings names = {};
	int r = path_list_names(dirfd, &names);

	for (size_t i = 0; i < names.count; i++) {
		const struct victim victim = { .part = COLLECT_BLOB,
					       .dirfd = dirfd,
					       .name = names.items[i],
					       .used_ns = access_of_arrival(dirfd, names.items[i]),
					       .remove = path_remove_tree };

		if (!is_spared(&victim, options))
			sweep_add(sweep, &victim);
	}
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

/* Looked at once more, for meanwhile somebody may have taken it up. */
static int remove_download(int dirfd, const char *name)
{
	autoclose int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return is_abandoned(fd) ? path_remove_tree(dirfd, name) : -EBUSY;
}

int collect_downloads(const struct layout *layout, const struct collect_options *options,
		      struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	autorun(sweep_finish) struct sweep sweep = {};
	autoclose int dirfd = openat(layout->images_fd, LAYOUT_DOWNLOADS,
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = dirfd < 0 ? 0 : path_list_names(dirfd, &names); /* maybe nothing was ever fetched */

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "list the downloads in %s",
				       layout->data_dir);
	for (size_t i = 0; i < names.count; i++) {
		autoclose int fd = openat(dirfd, names.items[i],
					  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		const struct victim victim = { .part = COLLECT_BLOB,
					       .dirfd = dirfd,
					       .name = names.items[i],
					       .used_ns = access_of_blob(dirfd, names.items[i]),
					       .remove = remove_download };

		if (is_abandoned(fd))
			sweep_add(&sweep, &victim);
	}
	return sweep_run(&sweep, layout, options, err);
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

static int mark_images(struct marks *marks, struct json_object *index, struct lxcri_error *err)
{
	struct json_object *list = json_get(index, "manifests");

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct descriptor descriptor;

		if (descriptor_read(json_object_array_get_idx(list, i), "manifests[]", &descriptor,
				    err) < 0 ||
		    mark(marks, &descriptor, 0, err) < 0)
			return fail_while(err, "look for what images still need");
	}
	return 0;
}

/* Sweeps what is not marked. */
static int sweep_store(struct marks *marks, const struct collect_options *options,
		       struct lxcri_error *err)
{
	const struct layout *layout = marks->layout;
	autorun(sweep_finish) struct sweep sweep = {};
	autoclose int broken = open_broken(layout);
	int r = find_victims(layout->blobs_fd, COLLECT_BLOB, &marks->blobs, options, &sweep);

	if (r == 0)
		r = find_victims(layout->layers_fd, COLLECT_LAYER, &marks->layers, options, &sweep);
	if (r == 0 && broken != -ENOENT)
		r = broken < 0 ? broken : find_broken(broken, options, &sweep);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "look for what no image needs in %s", layout->data_dir);
	r = sweep_run(&sweep, layout, options, err);
	if (broken >= 0 && !options->dry_run)
		(void)unlinkat(layout->data_fd, LAYOUT_BROKEN, AT_REMOVEDIR); /* once it is empty */
	return r;
}

int collect_garbage(const struct layout *layout, struct json_object *index,
		    const struct collect_options *options, struct lxcri_error *err)
{
	autorun(marks_finish) struct marks marks = { .layout = layout };
	autorun(snapshot_place_finish) struct snapshot_place place = {
		.data_dir = layout->data_dir, .dataset = xstrdup(options->dataset)
	};
	struct lxcri_error later = {};
	int r;

	if (mark_images(&marks, index, err) < 0)
		return -1;
	mark_in_use(&marks, options->layers_in_use);
	r = sweep_store(&marks, options, err);
	return snapshot_collect(&place, &marks.layers, options, r < 0 ? &later : err) < 0 ? -1 : r;
}
