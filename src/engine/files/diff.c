/* SPDX-License-Identifier: MIT */
/* What a container's root file system has that its image has not, and the other way round.
 *
 * How it works: the image is its layers seen as one tree. Against it stands the overlay's upper
 * directory, where all that is there was changed and a whiteout is what was deleted; or, with every
 * other driver, the whole root file system, where what is not there was deleted and what
 * differs was changed. An upper directory that is opaque is whole as well. The mounts of this
 * program neither redirect directories nor copy metadata alone (os/mount.c). */

#include "lxcri/files.h"

#include "base/mem.h"
#include "engine/container.h"
#include "engine/ct/ct.h"
#include "engine/driver.h"
#include "engine/files/root.h"
#include "image/layer/merged.h"
#include "image/store.h"
#include "transfer/copy_ids.h"
#include "os/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

struct change {
	enum lxcri_change change;
	char *path;
};

struct diff {
	bool is_upper; /* an overlay's, else a whole tree */
	struct strings mount_points;
	struct copy_ids uids;
	struct copy_ids gids;
	struct change *changes;
	size_t count;
};

/* A directory of both. */
struct pair {
	int now;                   /* borrowed */
	const struct merged *then; /* borrowed; empty where the image has no such directory */
	const char *path;          /* "" for the root */
	bool is_whole;             /* what is not in `now` is gone */
};

static void diff_finish(struct diff *diff)
{
	for (size_t i = 0; i < diff->count; i++)
		free(diff->changes[i].path);
	freep(&diff->changes);
	strings_finish(&diff->mount_points);
	diff->count = 0;
}

static void add(struct diff *diff, enum lxcri_change change, const char *path)
{
	diff->changes = xreallocarray(diff->changes, diff->count + 1, sizeof(*diff->changes));
	diff->changes[diff->count++] = (struct change){ change, xstrdup(path) };
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_opaque(int fd)
{
	char value = 0;

	return fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static bool is_same_target(int now, int then, const char *name)
{
	char new[PATH_MAX];
	char old[PATH_MAX];
	ssize_t new_length = readlinkat(now, name, new, sizeof(new));
	ssize_t old_length = readlinkat(then, name, old, sizeof(old));

	return new_length >= 0 && new_length == old_length &&
	       memcmp(new, old, (size_t)new_length) == 0;
}

/* Tells whether the tree still has what the layer has. A directory's time changes with what is in
 * it, and so is no change of its own. What is not mapped belongs to whom it did. */
static bool is_same(const struct diff *diff, const struct pair *pair, const char *name,
		    const struct stat *now, const struct merged_node *then)
{
	const struct stat *old = &then->status;

	if (now->st_mode != old->st_mode ||
	    now->st_uid != copy_ids_outside(&diff->uids, old->st_uid) ||
	    now->st_gid != copy_ids_outside(&diff->gids, old->st_gid))
		return false;
	if (S_ISDIR(now->st_mode))
		return true;
	if (S_ISLNK(now->st_mode))
		return is_same_target(pair->now, then->layer, name);
	return now->st_size == old->st_size && now->st_rdev == old->st_rdev &&
	       now->st_mtim.tv_sec == old->st_mtim.tv_sec &&
	       now->st_mtim.tv_nsec == old->st_mtim.tv_nsec;
}

static int compare_dir(struct diff *diff, const struct pair *pair);

/* Compares what is in a directory. Returns 0 or -errno. */
static int enter(struct diff *diff, const struct pair *above, const char *name, const char *path,
		 const struct merged_node *then)
{
	autoclose int now =
		openat(above->now, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct pair pair = {
		.now = now,
		.then = &then->dir,
		.path = path,
		.is_whole = !diff->is_upper || above->is_whole || (now >= 0 && is_opaque(now)),
	};

	return now < 0 ? -errno : compare_dir(diff, &pair);
}

/* Looks at a name on one side. Returns 1, 0 when there is nothing, or -errno. */
static int look_now(const struct diff *diff, const struct pair *pair, const char *name,
		    struct stat *ret)
{
	if (fstatat(pair->now, name, ret, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return !diff->is_upper || !S_ISCHR(ret->st_mode) || ret->st_rdev != makedev(0, 0);
}

static int look_then(const struct pair *pair, const char *name, struct merged_node *ret)
{
	int r = merged_child(pair->then, name, ret);

	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int compare_node(struct diff *diff, const struct pair *pair, const char *name)
{
	autorun(merged_node_finish) struct merged_node then = {};
	autofree char *path = xformat("%s/%s", pair->path, name);
	size_t before = diff->count;
	struct stat now;
	int old = look_then(pair, name, &then);
	int new = old < 0 ? old : look_now(diff, pair, name, &now);
	bool same;
	int r;

	if (new < 0)
		return new;
	/* Neither, or made for a mount and covered by it. */
	if (old == 0 && (new == 0 || strings_has(&diff->mount_points, path)))
		return 0;
	if (new == 0) {
		add(diff, LXCRI_CHANGE_DELETED, path);
		return 0;
	}
	same = old > 0 && (!diff->is_upper || S_ISDIR(now.st_mode)) &&
	       is_same(diff, pair, name, &now, &then);
	add(diff, old > 0 ? LXCRI_CHANGE_CHANGED : LXCRI_CHANGE_ADDED, path);
	r = S_ISDIR(now.st_mode) ? enter(diff, pair, name, path, &then) : 0;
	if (same && diff->count == before + 1)
		free(diff->changes[--diff->count].path);
	return r;
}

static int compare_dir(struct diff *diff, const struct pair *pair)
{
	autorun(strings_finish) struct strings names = {};
	int r = path_list_names(pair->now, &names);

	if (r == 0 && pair->is_whole)
		r = merged_list(pair->then, &names);
	if (r == 0 && names.count > 0)
		qsort(names.items, names.count, sizeof(*names.items), compare_names);
	for (size_t i = 0; r == 0 && i < names.count; i++)
		if (i == 0 || strcmp(names.items[i - 1], names.items[i]) != 0)
			r = compare_node(diff, pair, names.items[i]);
	return r;
}

/* Reads from the specification what is no change of the container's. */
static int read_spec(const struct lxcri_container *container, struct diff *diff,
		     struct lxcri_error *err)
{
	autojson spec = root_load_spec(container, err);
	struct json_object *mounts = json_get(spec, "mounts");
	size_t count = json_count(mounts);
	bool is_mapped = driver_of(&container->record)->open_root &&
			 !container->record.is_shifted && container->record.driver;
	/* Owners that are mapped as they are mounted are on the disk what they are in the image. */
	autofree char *uids = is_mapped ? NULL : root_format_map(spec, "uidMappings");
	autofree char *gids = is_mapped ? NULL : root_format_map(spec, "gidMappings");

	if (!spec)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const char *path =
			json_get_text(json_object_array_get_idx(mounts, i), "destination");

		if (path)
			strings_add(&diff->mount_points, path);
	}
	if (copy_ids_parse(uids, &diff->uids) < 0 || copy_ids_parse(gids, &diff->gids) < 0)
		return fail(err, LXCRI_E_INVALID_SPEC, "config.json: linux.uidMappings");
	return 0;
}

/* Finds the layers of the image; a container whose layers were copied does not name them. */
static int find_layers(struct lxcri_container *container, struct strings *layers,
		       struct lxcri_error *err)
{
	const struct record *record = &container->record;
	autoptr(image_store) store = NULL;
	struct image image = {};

	if (record->layers.count > 0) {
		strings_add_all(layers, &record->layers);
		return 0;
	}
	if (image_store_open(container->engine->data, &store, err) < 0)
		return -1;
	if (image_store_get(store, record->digest, &image, err) < 0)
		return fail_while(err, "there is nothing to compare with");
	strings_add_all(layers, &image.layer_dirs);
	image_finish(&image);
	return 0;
}

/* Opens the upper directory, or the whole tree where there is no such. */
static int open_now(const struct lxcri_container *container, bool is_upper, int *ret_fd,
		    struct lxcri_error *err)
{
	autofree char *path =
		xformat("%s/upper", home_root_dir(&container->home, &container->record));

	if (!is_upper)
		return driver_open(container, ret_fd, err);
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open %s", path)
			   : 0;
}

static int compare(struct lxcri_container *container, struct diff *diff, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings layers = {};
	autorun(merged_finish) struct merged then = {};
	autoclose int now = -1;
	int r;

	diff->is_upper = !driver_of(&container->record)->open_root;
	if (open_now(container, diff->is_upper, &now, err) < 0 ||
	    find_layers(container, &layers, err) < 0 || read_spec(container, diff, err) < 0)
		return -1;

	const struct pair root = {
		.now = now, .then = &then, .path = "", .is_whole = !diff->is_upper
	};

	r = merged_open_dir(&layers, "/", &then);
	if (r == 0)
		r = compare_dir(diff, &root);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "compare it with its image")
		     : 0;
}

int lxcri_container_diff(struct lxcri_container *container, lxcri_change_fn each, void *userdata,
			 struct lxcri_error *err)
{
	autorun(diff_finish) struct diff diff = {};

	if (!container->record.image)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "diff %s: it was made from a bundle, so there is no image to compare "
			    "it with",
			    container->home.id);
	if (ct_refuse(container, "diff", err) < 0)
		return -1;
	if (compare(container, &diff, err) < 0)
		return fail_while(err, "diff %s", container->home.id);
	for (size_t i = 0; i < diff.count; i++)
		if (each(userdata, diff.changes[i].change, diff.changes[i].path) < 0)
			break;
	return 0;
}
