/* SPDX-License-Identifier: MIT */
/* Owners of whole trees of files. Each file is held open while it is changed: somebody who can
 * write in the tree could put another one in its place. */

#include "os/owner.h"

#include "base/scope.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* Each level holds two descriptors and stack. */
#define DEPTH_MAX 256

/* The id that stands for nobody in most passwd files, and for ids without a mapping in the
 * kernel. */
#define NOBODY 65534

#define CAPABILITY           "security.capability"
#define CAPABILITY_BYTES_MAX 24

struct walk {
	const struct owner_change *change;
	dev_t device;
};

/* An id that is one of the host already has been changed under another name. */
static uint32_t map_id(const struct id_extents *extents, uint32_t id)
{
	uint32_t mapped;

	for (size_t i = 0; i < extents->count; i++)
		if (id >= extents->items[i].outside &&
		    id - extents->items[i].outside < extents->items[i].size)
			return id;
	if (id_extents_to_host(extents, id, &mapped) == 0 ||
	    id_extents_to_host(extents, NOBODY, &mapped) == 0)
		return mapped;
	return extents->items[0].outside;
}

/* What a change of owner takes away from a program, to be put back. */
struct privileges {
	mode_t mode;
	char capability[CAPABILITY_BYTES_MAX];
	ssize_t capability_bytes;
};

static int put_back(const char *name, const struct privileges *privileges)
{
	if (privileges->mode & (S_ISUID | S_ISGID) && chmod(name, privileges->mode & 07777) < 0)
		return -errno;
	if (privileges->capability_bytes > 0 &&
	    setxattr(name, CAPABILITY, privileges->capability, (size_t)privileges->capability_bytes,
		     0) < 0)
		return -errno;
	return 0;
}

/* As Kubernetes gives rights to the group of a pod. */
static mode_t shared_mode(const struct stat *status)
{
	mode_t mode = status->st_mode & 07777;

	return S_ISDIR(status->st_mode) ? mode | S_ISGID | 0770 : mode | 0660;
}

bool owner_is_group_of(const struct stat *status, gid_t gid)
{
	return status->st_gid == gid && shared_mode(status) == (status->st_mode & 07777);
}

static int share_one(int fd, const struct stat *status, gid_t gid)
{
	struct privileges privileges = {};
	char name[32];

	if (S_ISLNK(status->st_mode))
		return fchownat(fd, "", (uid_t)-1, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
	if (owner_is_group_of(status, gid))
		return 0;
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (S_ISREG(status->st_mode))
		privileges.capability_bytes = getxattr(name, CAPABILITY, privileges.capability,
						       sizeof(privileges.capability));
	if (status->st_gid != gid && fchownat(fd, "", (uid_t)-1, gid, AT_EMPTY_PATH) < 0)
		return -errno;
	/* A change of the owner has taken away what is put back with the mode. */
	if (chmod(name, shared_mode(status)) < 0)
		return -errno;
	return put_back(name, &privileges);
}

static int change_one(int fd, const struct stat *status, const struct owner_change *change)
{
	struct privileges privileges = { .mode = status->st_mode };
	char name[32];
	uid_t uid = change->map ? map_id(&change->map->uids, status->st_uid) : change->uid;
	gid_t gid = change->map ? map_id(&change->map->gids, status->st_gid) : change->gid;

	if (change->to_group)
		return share_one(fd, status, change->gid);
	if (uid == status->st_uid && gid == status->st_gid)
		return 0;
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (S_ISREG(status->st_mode))
		privileges.capability_bytes = getxattr(name, CAPABILITY, privileges.capability,
						       sizeof(privileges.capability));
	if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		return -errno;
	if (!change->map || S_ISLNK(status->st_mode))
		return 0;
	return put_back(name, &privileges);
}

static int change_entries(const struct walk *walk, int fd, unsigned int depth);

static int change_entry(const struct walk *walk, int dirfd, const char *name, unsigned int depth)
{
	autoclose int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	int r = 0;

	if (fd < 0 || fstat(fd, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (status.st_dev != walk->device)
		return 0;
	if (S_ISDIR(status.st_mode)) {
		autoclose int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		r = dir < 0 ? -errno : change_entries(walk, dir, depth + 1);
	}
	return r < 0 ? r : change_one(fd, &status, walk->change);
}

static int change_entries(const struct walk *walk, int fd, unsigned int depth)
{
	autorun(strings_finish) struct strings names = {};
	int r = depth > DEPTH_MAX ? -ELOOP : path_list_names(fd, &names);

	for (size_t i = 0; i < names.count && r == 0; i++)
		r = change_entry(walk, fd, names.items[i], depth);
	return r;
}

int owner_change_tree(int fd, const struct owner_change *change)
{
	struct walk walk = { .change = change };
	struct stat status;
	int r;

	if (fstat(fd, &status) < 0)
		return -errno;
	walk.device = status.st_dev;
	r = S_ISDIR(status.st_mode) ? change_entries(&walk, fd, 0) : 0;
	return r < 0 ? r : change_one(fd, &status, change);
}
