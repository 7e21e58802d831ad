/* SPDX-License-Identifier: MIT */
/* Mounts of a mount namespace of our own.
 *
 * An overlay names its directories by the numbers of descriptors: no character in a path can be
 * taken for a separator of options then, and the 256 bytes of one fsconfig() value suffice. Kernels
 * before 6.8, which know no "lowerdir+", take all in one page of options: seen from /proc/self/fd
 * the names are so short that the 500 lowers which overlayfs can have fit into it. */

#include "os/mount.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define ZFS_MAGIC           0x2fc12fc1
#define MOUNTINFO_BYTES_MAX ((size_t)16 << 20)

#define FD_NAME_MAX  32
#define FD_DIRECTORY "/proc/self/fd"

int mount_own_namespace(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ? -errno : 0;
}

/* A clone of the mount that a directory is in, detached, with other owners. */
struct clone {
	char *path; /* of the directory */
	int fd;
};

/* The directories of an overlay, held open while they are named by number. Lowers for a user
 * namespace are found in clones of the directories above them, mostly a single one: to make and to
 * drop a mount is what takes time. */
struct held {
	int *lowers;
	size_t n_lowers;
	struct clone *clones;
	size_t n_clones;
	int upper;
	int work;
	unsigned int attributes; /* MOUNT_ATTR_* of the overlay */
};
#define HELD_NULL ((struct held){ .upper = -1, .work = -1 })

static void held_finish(struct held *held)
{
	for (size_t i = 0; i < held->n_lowers; i++)
		closep(&held->lowers[i]);
	freep(&held->lowers);
	for (size_t i = 0; i < held->n_clones; i++) {
		closep(&held->clones[i].fd);
		free(held->clones[i].path);
	}
	freep(&held->clones);
	closep(&held->upper);
	closep(&held->work);
}

static bool is_mapped(const struct mount_owner *owner)
{
	return owner && owner->userns >= 0;
}

/* Makes a detached mount one of @owner. */
static int own(int mount, const struct mount_owner *owner)
{
	struct mount_attr attributes = {};

	if (is_mapped(owner)) {
		attributes.attr_set |= MOUNT_ATTR_IDMAP;
		attributes.userns_fd = (uint64_t)owner->userns;
	}
	if (owner && owner->no_nodes)
		attributes.attr_set |= MOUNT_ATTR_NODEV;
	if (attributes.attr_set &&
	    mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
		return -errno;
	return 0;
}

/* Clones the mount at @path, alone and detached, for @owner. */
static int clone_for(const char *path, const struct mount_owner *owner)
{
	autoclose int mount = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int r = mount < 0 ? -errno : own(mount, owner);

	return r < 0 ? r : steal_fd(&mount);
}

static int hold_in(int dirfd, const char *path, int *ret_fd)
{
	*ret_fd = openat(dirfd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

/* Returns a clone of the directory @path, borrowed from @held. */
static int clone_once(struct held *held, const char *path, const struct mount_owner *owner)
{
	int fd;

	for (size_t i = 0; i < held->n_clones; i++)
		if (strcmp(held->clones[i].path, path) == 0)
			return held->clones[i].fd;
	fd = clone_for(path, owner);
	if (fd < 0)
		return fd;
	held->clones = xreallocarray(held->clones, held->n_clones + 1, sizeof(*held->clones));
	held->clones[held->n_clones++] = (struct clone){ .path = xstrdup(path), .fd = fd };
	return fd;
}

/* Returns the last two names of @path: layers are told apart by the first of them. */
static const char *last_two(const char *path)
{
	const char *name = path + strlen(path);

	for (int slashes = 0; name > path; name--)
		if (name[-1] == '/' && ++slashes == 2)
			break;
	return name;
}

static int hold_lower(struct held *held, const char *path, const struct mount_owner *owner,
		      int *ret_fd)
{
	const char *name = last_two(path);
	autofree char *above = name > path ? xstrndup(path, (size_t)(name - path)) : xstrdup(".");
	int clone;

	if (!is_mapped(owner))
		return hold_in(AT_FDCWD, path, ret_fd);
	clone = clone_once(held, above, owner);
	return clone < 0 ? clone : hold_in(clone, *name ? name : ".", ret_fd);
}

static int hold_all(const struct mount_overlay *overlay, struct held *held)
{
	int r = 0;

	held->lowers = xcalloc(overlay->n_lowers, sizeof(int));
	while (r == 0 && held->n_lowers < overlay->n_lowers) {
		r = hold_lower(held, overlay->lowers[held->n_lowers], overlay->owner,
			       &held->lowers[held->n_lowers]);
		held->n_lowers++;
	}
	if (r == 0 && overlay->upper)
		r = hold_in(AT_FDCWD, overlay->upper, &held->upper);
	if (r == 0 && overlay->upper)
		r = hold_in(AT_FDCWD, overlay->work, &held->work);
	held->attributes = overlay->upper ? 0 : MOUNT_ATTR_RDONLY;
	if (overlay->owner && overlay->owner->no_nodes)
		held->attributes |= MOUNT_ATTR_NODEV;
	return r;
}

static int set_option(int context, const char *key, const char *value)
{
	return fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

static int set_directory(int context, const char *key, int fd)
{
	char name[FD_NAME_MAX];

	(void)snprintf(name, sizeof(name), FD_DIRECTORY "/%d", fd);
	return set_option(context, key, name);
}

static int set_lowers(int context, const struct held *held)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < held->n_lowers; i++)
		r = set_directory(context, "lowerdir+", held->lowers[i]);
	return r;
}

/* The index would tie the upper directory to one stack of lowers. Metadata-only copies and
 * redirected directories would leave an upper that cannot be read by itself. */
static int make_overlay(const struct held *held)
{
	autoclose int context = fsopen("overlay", FSOPEN_CLOEXEC);
	int r;

	if (context < 0)
		return -errno;
	r = set_lowers(context, held);
	if (r == 0 && held->upper >= 0)
		r = set_directory(context, "upperdir", held->upper);
	if (r == 0 && held->upper >= 0)
		r = set_directory(context, "workdir", held->work);
	if (r == 0)
		r = set_option(context, "index", "off");
	if (r == 0)
		r = set_option(context, "metacopy", "off");
	if (r == 0)
		r = set_option(context, "redirect_dir", "off");
	if (r < 0)
		return r;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;

	int mount = fsmount(context, FSMOUNT_CLOEXEC, held->attributes);

	return mount < 0 ? -errno : mount;
}

/* Kernels without "lowerdir+" take all lowers as one value, which is too long for fsconfig().
 * Names are found from the working directory, which is that of the descriptors meanwhile, so the
 * target needs one that does not start there. */
static int mount_overlay_by_string(const struct held *held, const char *target)
{
	autorun(text_finish) struct text options = {};
	autoclose int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int place = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned long flags = (held->attributes & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0) |
			      (held->attributes & MOUNT_ATTR_NODEV ? MS_NODEV : 0);
	char number[FD_NAME_MAX];
	int r;

	if (before < 0 || place < 0 || chdir(FD_DIRECTORY) < 0)
		return -errno;
	text_add(&options, "index=off,metacopy=off,redirect_dir=off,lowerdir=");
	for (size_t i = 0; i < held->n_lowers; i++)
		text_addf(&options, "%s%d", i > 0 ? ":" : "", held->lowers[i]);
	if (held->upper >= 0)
		text_addf(&options, ",upperdir=%d,workdir=%d", held->upper, held->work);
	(void)snprintf(number, sizeof(number), "%d", place);
	r = mount("overlay", number, "overlay", flags, options.data) < 0 ? -errno : 0;
	return fchdir(before) < 0 ? -errno : r;
}

/* A target may be a descriptor's name, which is a link. */
static int place(int mount, const char *target)
{
	const unsigned int flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS;

	return move_mount(mount, "", AT_FDCWD, target, flags) < 0 ? -errno : 0;
}

static int clone_read_only(int dirfd, const char *path)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };
	autoclose int mount =
		open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (mount < 0 ||
	    mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
		return -errno;
	return steal_fd(&mount);
}

int mount_open_read_only(const char *path)
{
	return clone_read_only(AT_FDCWD, path);
}

static int bind_read_only(int directory, const char *target)
{
	autoclose int mount = clone_read_only(directory, "");

	return mount < 0 ? mount : place(mount, target);
}

static int make_and_place(const struct held *held, const char *target)
{
	autoclose int mount = make_overlay(held);

	return mount < 0 ? mount_overlay_by_string(held, target) : place(mount, target);
}

/* Puts each clone over its original, at which no other process can see it, and takes them away
 * again; the overlay has clones of its own by then. Overlayfs before Linux 6.15 takes none that are
 * mounted nowhere. */
static int make_from_placed(const struct held *held, const char *target)
{
	/* Found before something lies over what leads to it. */
	autoclose int place_fd = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char place_name[FD_NAME_MAX];
	size_t placed = 0;
	int r = place_fd < 0 ? -errno : 0;

	while (r == 0 && placed < held->n_clones) {
		r = place(held->clones[placed].fd, held->clones[placed].path);
		placed += r == 0;
	}
	(void)snprintf(place_name, sizeof(place_name), FD_DIRECTORY "/%d", place_fd);
	if (r == 0)
		r = make_and_place(held, place_name);
	while (placed-- > 0)
		(void)umount2(held->clones[placed].path, MNT_DETACH);
	return r;
}

int mount_overlay(const struct mount_overlay *overlay, const char *target)
{
	autorun(held_finish) struct held held = HELD_NULL;
	int r = overlay->n_lowers > 0 ? hold_all(overlay, &held) : -EINVAL;

	if (r < 0)
		return r;
	if (held.n_lowers == 1 && held.upper < 0)
		return bind_read_only(held.lowers[0], target);
	r = make_and_place(&held, target);
	return r < 0 && held.n_clones > 0 ? make_from_placed(&held, target) : r;
}

int mount_bind(const char *source, const char *target, const struct mount_owner *owner)
{
	autoclose int mount = clone_for(source, owner);

	return mount < 0 ? mount : place(mount, target);
}

int mount_can_map(const char *dir, int userns)
{
	const struct mount_owner owner = { .userns = userns };
	autoclose int mount = clone_for(dir, &owner);

	return mount < 0 ? mount : 0;
}

/* One mount of a dataset is enough for all: its attributes are the mount's, not the dataset's. */
int mount_open_dataset(const char *dataset, const struct mount_owner *owner)
{
	autoclose int context = fsopen("zfs", FSOPEN_CLOEXEC);
	int r = context < 0 ? -errno : set_option(context, "source", dataset);

	if (r < 0)
		return r;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;

	autoclose int mount = fsmount(context, FSMOUNT_CLOEXEC, 0);

	if (mount < 0)
		return -errno;
	r = own(mount, owner);
	return r < 0 ? r : steal_fd(&mount);
}

int mount_dataset(const char *dataset, const char *target, const struct mount_owner *owner)
{
	autoclose int mount = mount_open_dataset(dataset, owner);

	return mount < 0 ? mount : place(mount, target);
}

/* Returns the dataset of a line of mountinfo(5) if it is the mount @id, owned by the caller. */
static char *take_dataset(char *line, uint64_t id)
{
	char *end;
	char *type = strstr(line, " - zfs ");

	if (!type || strtoull(line, &end, 10) != id || *end != ' ')
		return NULL;
	type += strlen(" - zfs ");
	return xstrndup(type, strcspn(type, " "));
}

char *mount_find_dataset(const char *dir)
{
	struct statfs status;
	struct statx mount;
	autofree char *lines = NULL;
	char *found = NULL;
	char *at = NULL;
	size_t size;

	if (statfs(dir, &status) < 0 || status.f_type != ZFS_MAGIC ||
	    statx(AT_FDCWD, dir, 0, STATX_MNT_ID, &mount) < 0 ||
	    file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_BYTES_MAX, &lines, &size) < 0)
		return NULL;
	for (char *line = strtok_r(lines, "\n", &at); line && !found;
	     line = strtok_r(NULL, "\n", &at))
		found = take_dataset(line, mount.stx_mnt_id);
	return found;
}

int mount_tmpfs(const char *target, uint64_t size_bytes)
{
	char options[64];

	(void)snprintf(options, sizeof(options), "mode=0755,size=%llu",
		       (unsigned long long)size_bytes);
	return mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0
		       ? -errno
		       : 0;
}
