/* SPDX-License-Identifier: MIT */
/* Layers merged into one directory.
 *
 * The layers are copied from the lowest up, each entry in place of what is there by then. Names are
 * opened one component at a time relative to directory descriptors, and no symlink is followed: the
 * trees are ours, but the names in them come from images. */

#include "image/rootfs.h"

#include "base/mem.h"
#include "base/scope.h"
#include "image/copy.h"
#include "os/mount.h"
#include "os/owner.h"
#include "os/path.h"
#include "os/process.h"
#include "os/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

/* A directory of the layer and the one it is merged into. */
struct merge {
	int from; /* both are borrowed */
	int to;
	const char *path; /* below the root; "" there */
	struct copy_links *links;
};

static int merge_entries(const struct merge *merge);

static int open_dir(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static char *join(const char *dir, const char *name)
{
	return *dir ? xformat("%s/%s", dir, name) : xstrdup(name);
}

static bool is_opaque(int fd)
{
	char value;

	return fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static int merge_dir(const struct merge *merge, const char *name)
{
	autoclose int from = open_dir(merge->from, name);
	struct stat there;
	int r = 0;

	if (from < 0)
		return from;
	if (fstatat(merge->to, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (!S_ISDIR(there.st_mode) || is_opaque(from)))
		r = path_remove_tree(merge->to, name);
	if (r < 0)
		return r;
	if (mkdirat(merge->to, name, 0700) < 0 && errno != EEXIST)
		return -errno;

	autoclose int to = open_dir(merge->to, name);
	autofree char *path = join(merge->path, name);
	const struct merge below = { .from = from, .to = to, .path = path, .links = merge->links };

	if (to < 0)
		return to;
	r = merge_entries(&below);
	return r < 0 ? r : copy_attributes(from, to);
}

static int merge_entry(const struct merge *merge, const char *name)
{
	autofree char *path = join(merge->path, name);
	struct stat status;
	int r;

	if (fstatat(merge->from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return merge_dir(merge, name);
	r = path_remove_tree(merge->to, name);
	if (r < 0 || (S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0)))
		return r;
	return copy_node(merge->from, merge->to, path, &status, merge->links);
}

static int merge_entries(const struct merge *merge)
{
	autorun(strings_finish) struct strings names = {};
	int r = path_list_names(merge->from, &names);

	for (size_t i = 0; i < names.count && r == 0; i++)
		r = merge_entry(merge, names.items[i]);
	return r;
}

int rootfs_merge_layer(const char *layer_dir, int target)
{
	autoclose int from = open_dir(AT_FDCWD, layer_dir);
	struct copy_links links = { .root_fd = target };
	const struct merge merge = { .from = from, .to = target, .path = "", .links = &links };
	int r;

	if (from < 0)
		return from;
	r = merge_entries(&merge);
	copy_links_finish(&links);
	return r < 0 ? r : copy_attributes(from, target);
}

static bool is_empty(int fd)
{
	autorun(strings_finish) struct strings names = {};

	return path_list_names(fd, &names) == 0 && names.count == 0;
}

static int give_to(int fd, const struct id_map *owners)
{
	const struct owner_change change = { .map = owners };

	return owners ? owner_change_tree(fd, &change) : 0;
}

/* Fills the empty directory @fd, which is @target. */
static int fill(const struct strings *layer_dirs, int fd, const char *target,
		const struct id_map *owners, struct lxcri_error *err)
{
	int r;

	for (size_t i = layer_dirs->count; i-- > 0;) {
		r = rootfs_merge_layer(layer_dirs->items[i], fd);
		if (r < 0)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
					       "copy the layer %s to %s", layer_dirs->items[i],
					       target);
	}
	r = give_to(fd, owners);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "change the owners in %s",
				       target)
		     : 0;
}

int rootfs_prepare_dir(const struct strings *layer_dirs, const char *target,
		       const struct id_map *owners, struct lxcri_error *err)
{
	int r = path_make_dirs(target, 0711);
	autoclose int fd = r < 0 ? r : open_dir(AT_FDCWD, target);

	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, fd, "make the directory %s",
				       target);
	if (!is_empty(fd))
		return fail(err, LXCRI_E_STORAGE_ERROR, "the directory %s is not empty", target);
	if (fill(layer_dirs, fd, target, owners, err) == 0)
		return 0;
	(void)path_remove_tree(AT_FDCWD, target);
	return -1;
}

/* Any ids that are not those of the disk will do. */
#define TRIED_ID 1000000

/* Relative names from inside the directory: a path could hold what separates mount options. The
 * directory is entered in the new mount namespace: overlayfs takes no upper directory that was
 * reached through a mount of another one. */
static bool try_plain(const char *dir)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && chdir(dir) == 0 &&
	       mkdir("lower", 0700) == 0 && mkdir("upper", 0700) == 0 && mkdir("work", 0700) == 0 &&
	       mkdir("merged", 0700) == 0 &&
	       mount("overlay", "merged", "overlay", 0,
		     "lowerdir=lower,upperdir=upper,workdir=work") == 0 &&
	       mkdir("merged/new", 0700) == 0 && access("upper/new", F_OK) == 0 &&
	       setxattr("lower", "trusted.overlay.opaque", "y", 1, 0) == 0;
}

/* Returns a user namespace to try with, or -errno. */
static int open_tried_userns(void)
{
	static const struct id_extent extent = { .outside = TRIED_ID, .size = 65536 };
	const struct id_map map = { .uids = { .items = { extent }, .count = 1 },
				    .gids = { .items = { extent }, .count = 1 } };

	return userns_open(&map);
}

bool rootfs_can_map(const char *dir)
{
	autoclose int userns = open_tried_userns();

	return userns >= 0 && mount_can_map(dir, userns) == 0;
}

bool rootfs_can_map_dataset(const char *name)
{
	autoclose int userns = open_tried_userns();
	const struct mount_owner owner = { .userns = userns };
	autoclose int mount = userns < 0 ? -1 : mount_open_dataset(name, &owner);

	return mount >= 0;
}

/* In the same place, the way a monitor does it. */
static bool try_mapped(void)
{
	const char *const lowers[] = { "lower" };
	const struct mount_owner owner = { .userns = open_tried_userns() };
	const struct mount_overlay overlay = {
		.lowers = lowers, .n_lowers = 1, .upper = "mine", .work = "work", .owner = &owner
	};
	struct stat status;

	return owner.userns >= 0 && umount("merged") == 0 && mkdir("lower/old", 0700) == 0 &&
	       mkdir("mine", 0700) == 0 && mount_overlay(&overlay, "merged") == 0 &&
	       stat("merged/old", &status) == 0 && status.st_uid == TRIED_ID &&
	       chmod("merged/old", 0755) == 0;
}

/* Makes the directory of a trial and locks it, so that nobody takes it for a leftover; one that was
 * taken for one before that is made again. Returns its descriptor, whose end is the end of the
 * lock, and its path, which is the caller's; or -errno. */
static int make_trial(const char *dir, char **ret_path)
{
	for (;;) {
		autofree char *path = xformat("%s/" ROOTFS_TRIAL "XXXXXX", dir);

		if (!mkdtemp(path))
			return -errno;

		autoclose int fd = open_dir(AT_FDCWD, path);

		if (fd >= 0 && flock(fd, LOCK_EX) < 0)
			return -errno;
		if (fd >= 0 && access(path, F_OK) == 0) {
			*ret_path = steal(path);
			return steal_fd(&fd);
		}
		if (fd < 0 && fd != -ENOENT)
			return fd;
	}
}

enum rootfs_overlay rootfs_try_overlay(const char *dir)
{
	autofree char *path = NULL;
	autoclose int lock = make_trial(dir, &path);
	int status = -1;

	if (lock < 0)
		return ROOTFS_NO_OVERLAY;

	pid_t pid = fork();

	if (pid == 0)
		_exit(!try_plain(path) ? ROOTFS_NO_OVERLAY
		      : !try_mapped()  ? ROOTFS_OVERLAY
				       : ROOTFS_MAPPED_OVERLAY);
	if (pid > 0)
		status = process_wait(pid);
	(void)path_remove_tree(AT_FDCWD, path);
	return status >= 0 && WIFEXITED(status) ? (enum rootfs_overlay)WEXITSTATUS(status)
						: ROOTFS_NO_OVERLAY;
}
