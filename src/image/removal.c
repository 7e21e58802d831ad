/* SPDX-License-Identifier: MIT */
/* Removing images: the lock, the question what is in use, the index, and then what it led to. */

#include "image/removal.h"

#include "base/mem.h"
#include "image/collect/access.h"
#include "image/image_index.h"

#include <stdlib.h>
#include <string.h>

/* How long ago somebody may have found the image that he is about to use. */
#define AWAITED_SECONDS 1

void image_usage_finish(struct image_usage *usage)
{
	strings_finish(&usage->layers);
	strings_finish(&usage->digests);
	strings_finish(&usage->users);
	strings_finish(&usage->roots);
	freep(&usage->dataset);
}

const char *image_usage_find(const struct image_usage *usage, const char *digest)
{
	for (size_t i = 0; digest && i < usage->digests.count; i++)
		if (strcmp(usage->digests.items[i], digest) == 0)
			return usage->users.items[i];
	return NULL;
}

/* A removal under way: the store, locked, and what is in use. */
struct removal {
	struct layout layout;
	int lock;
	struct json_object *index;
	struct image_usage usage;
	struct strings gone;  /* names and digests of images, by turns, taken out of `index` */
	struct strings reach; /* blobs and layers that a removed image led to */
};

static void removal_finish(struct removal *removal)
{
	json_freep(&removal->index);
	image_usage_finish(&removal->usage);
	strings_finish(&removal->gone);
	strings_finish(&removal->reach);
	closep(&removal->lock);
	layout_finish(&removal->layout);
}

/* Opens the store and takes its lock. Returns 1, or 0 where there is no store. */
static int begin(const struct image_store *store, const struct removal_listener *listener,
		 struct removal *removal, struct lxcri_error *err)
{
	if (layout_open(image_store_data_dir(store), &removal->layout, err) < 0)
		return -1;
	if (removal->layout.images_fd < 0)
		return 0;
	removal->lock = layout_lock(&removal->layout, err);
	if (removal->lock < 0 || layout_read_index(&removal->layout, &removal->index, err) < 0 ||
	    listener->use(listener->userdata, &removal->usage, err) < 0)
		return -1;
	return 1;
}

static struct collect_options options_of(const struct removal *removal,
					 const struct removal_listener *listener)
{
	return (struct collect_options){
		.layers_in_use = &removal->usage.layers,
		.roots_in_use = removal->usage.has_roots ? &removal->usage.roots : NULL,
		.dataset = removal->usage.dataset,
		.removed = listener->removed,
		.failed = listener->failed,
		.userdata = listener->userdata,
	};
}

static void note_gone(struct removal *removal, struct json_object *entry)
{
	const char *name = image_index_name(entry);
	const char *digest = json_get_text(entry, "digest");

	digest = digest ? digest : "";
	strings_add(&removal->gone, name ? name : digest);
	strings_add(&removal->gone, digest);
}

/* Makes the index in memory the one on the disk, and tells what is gone by that. */
static int commit(const struct removal *removal, bool dry_run,
		  const struct removal_listener *listener, struct lxcri_error *err)
{
	const struct strings *gone = &removal->gone;

	if (gone->count > 0 && !dry_run &&
	    layout_write_index(&removal->layout, removal->index, err) < 0)
		return -1;
	for (size_t i = 0; i < gone->count && listener->removed_image; i += 2)
		listener->removed_image(listener->userdata, gone->items[i], gone->items[i + 1]);
	return 0;
}

/* What can't be read leads to nothing more, which is left to a collection. */
static void note_reach(struct removal *removal, struct json_object *entry)
{
	struct lxcri_error ignored;

	(void)collect_reach(&removal->layout, entry, &removal->reach, &removal->reach, &ignored);
}

/* Takes @name out of the index in memory. */
static int take_out(struct removal *removal, const char *name, struct lxcri_error *err)
{
	struct json_object *entry = image_index_take(removal->index, name);
	autofree char *digest = NULL;
	const char *user;

	if (!entry)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store", name);
	digest = xstrdup(json_get_text(entry, "digest"));
	for (; entry; entry = image_index_take(removal->index, name)) {
		note_gone(removal, entry);
		note_reach(removal, entry);
		json_object_put(entry);
	}
	user = image_usage_find(&removal->usage, digest);
	/* Another name may still lead to it. */
	if (!user || image_index_find(removal->index, digest))
		return 0;
	if (!*user)
		return fail(err, LXCRI_E_IMAGE_IN_USE,
			    "image %s is being converted or held; see image prepared", name);
	return fail(err, LXCRI_E_IMAGE_IN_USE,
		    "image %s: container %s was made from it; delete the container first", name,
		    user);
}

int removal_of_image(const struct image_store *store, const char *name,
		     const struct removal_listener *listener, struct lxcri_error *err)
{
	autorun(removal_finish) struct removal removal = { .layout = LAYOUT_NULL, .lock = -1 };
	autofree char *stored = image_stored_name(name, err);
	int r = stored ? begin(store, listener, &removal, err) : -1;

	if (r == 0)
		return fail(err, LXCRI_E_IMAGE_NOT_FOUND, "image %s is not in the store", stored);
	if (r > 0) {
		free(stored);
		stored = image_store_name(store, removal.index, name, err);
	}
	if (r < 0 || !stored || take_out(&removal, stored, err) < 0 ||
	    commit(&removal, false, listener, err) < 0)
		return -1;

	struct collect_options options = options_of(&removal, listener);

	options.only = &removal.reach;
	return collect_garbage(&removal.layout, removal.index, &options, err);
}

/* An entry of the index that is to go. */
struct candidate {
	struct json_object *entry; /* borrowed */
	int64_t used_ns;
};

static int compare_uses(const void *a, const void *b)
{
	const struct candidate *left = a;
	const struct candidate *right = b;

	return left->used_ns < right->used_ns ? -1 : left->used_ns > right->used_ns;
}

static bool is_unused(const struct removal *removal, const struct removal_sweep *sweep,
		      struct json_object *entry, int64_t *ret_used_ns)
{
	const char *digest = json_get_text(entry, "digest");
	uint64_t grace = sweep->grace_seconds;

	if (grace == 0 && removal->usage.is_awaited)
		grace = AWAITED_SECONDS;
	*ret_used_ns =
		digest ? access_of_blob(removal->layout.blobs_fd, digest + strcspn(digest, ":") + 1)
		       : 0;
	return (sweep->extent == REMOVAL_UNUSED || !image_index_name(entry)) &&
	       !image_usage_find(&removal->usage, digest) && !access_is_young(*ret_used_ns, grace);
}

static void take_entry(struct removal *removal, struct json_object *entry)
{
	struct json_object *list = json_get(removal->index, "manifests");
	size_t i = 0;

	while (json_object_array_get_idx(list, i) != entry)
		i++;
	note_gone(removal, entry);
	(void)json_object_array_del_idx(list, i, 1);
}

/* Takes every image out of the index in memory that nobody uses, what was used longest ago first.
 */
static void take_out_unused(struct removal *removal, const struct removal_sweep *sweep)
{
	struct json_object *list = json_get(removal->index, "manifests");
	size_t count = json_object_array_length(list), found = 0;
	autofree struct candidate *candidates = xcalloc(count + 1, sizeof(struct candidate));

	for (size_t i = 0; i < count; i++) {
		struct candidate one = { .entry = json_object_array_get_idx(list, i) };

		if (is_unused(removal, sweep, one.entry, &one.used_ns))
			candidates[found++] = one;
	}
	qsort(candidates, found, sizeof(*candidates), compare_uses);
	for (size_t i = 0; i < found; i++)
		take_entry(removal, candidates[i].entry);
}

int removal_of_unused(const struct image_store *store, const struct removal_sweep *sweep,
		      const struct removal_listener *listener, struct lxcri_error *err)
{
	autorun(removal_finish) struct removal removal = { .layout = LAYOUT_NULL, .lock = -1 };
	int r = begin(store, listener, &removal, err);

	if (r <= 0)
		return r;
	take_out_unused(&removal, sweep);
	if (commit(&removal, sweep->dry_run, listener, err) < 0)
		return -1;

	struct collect_options options = options_of(&removal, listener);
	struct lxcri_error later;

	options.dry_run = sweep->dry_run;
	options.grace_seconds = sweep->grace_seconds;
	r = collect_garbage(&removal.layout, removal.index, &options, err);
	return collect_downloads(&removal.layout, &options, r < 0 ? &later : err) < 0 ? -1 : r;
}
