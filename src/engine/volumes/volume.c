/* SPDX-License-Identifier: MIT */
/* Volumes of one data directory.
 *
 * How it works: a volume is filled in volumes/.owned/<container>/.new and renamed to its name, so
 * that it is there completely or not at all. An anonymous one is announced first: an empty file
 * volumes/.owned/<container>/<volume> stands before the volume does and goes after it, so that
 * whatever kills us, the owner's removal finds all that is left. */

#include "engine/volumes/volume.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/text.h"
#include "engine/bundle/merged_copy.h"
#include "engine/volumes/volume_notes.h"
#include "image/layer/merged.h"
#include "os/owner.h"
#include "os/path.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#define NEW_NAME ".new" /* no volume's name; one is made at a time for a container */
#define DIGITS   64     /* of an anonymous one's name */

bool volume_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > NAME_MAX || !isalnum((unsigned char)*name))
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_.-", *c))
			return false;
	return true;
}

char *volume_name_of(const char *data_dir, const char *source)
{
	autofree char *prefix = xformat("%s/volumes/", data_dir);
	const char *name = source + strlen(prefix);

	return text_starts_with(source, prefix) ? xstrndup(name, strcspn(name, "/")) : NULL;
}

bool volume_is_anonymous(const char *name)
{
	return strlen(name) == DIGITS && name[strspn(name, "0123456789abcdef")] == '\0';
}

char *volume_make_name(void)
{
	uint8_t bytes[DIGITS / 2];
	char *name = xzalloc(2 * sizeof(bytes) + 1);

	/* Up to 256 bytes come whole once the pool is filled, which it was long before us. */
	while (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)sprintf(name + 2 * i, "%02x", bytes[i]);
	return name;
}

/* Nobody else may pass: a set-user-ID program in a volume would make its caller root of the host.
 */
int volume_open_all(const char *data_dir)
{
	autofree char *path = xformat("%s/volumes", data_dir);
	int r = path_make_dirs(path, 0700);

	if (r < 0)
		return r;

	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Fills the directory @to with what the image has at the destination, and puts it on disk. What is
 * no directory there, or is not there, leaves @to empty. */
static int fill(const struct volume_request *request, int to)
{
	autorun(merged_finish) struct merged dir = {};
	const struct owner_change change = { .map = request->owners };
	int r = -ENOENT;

	if (request->layer_dirs)
		r = merged_open_dir(request->layer_dirs, request->destination, &dir);
	if (r == 0)
		r = merged_copy(&dir, to);
	else if (r == -ENOENT || r == -ENOTDIR || r == -EINVAL)
		r = 0;
	if (r == 0 && request->owners)
		r = owner_change_tree(to, &change);
	if (r < 0)
		return r;
	if (dir.count == 0)
		return fsync(to) < 0 ? -errno : 0;
	/* One call for all of it: a flush for each file would cost more than the copy. */
	return syncfs(to) < 0 ? -errno : 0;
}

/* Makes the volume's directory in @owned, under its temporary name. */
static int make_filled(int owned, const struct volume_request *request)
{
	autoclose int dir = -1;
	autoclose int data = -1;
	int r = path_remove_tree(owned, NEW_NAME); /* of a command that was killed */

	if (r < 0)
		return r;
	if (mkdirat(owned, NEW_NAME, 0700) < 0)
		return -errno;
	dir = openat(owned, NEW_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fchmod(dir, 0700) < 0 || mkdirat(dir, VOLUME_DATA, 0755) < 0)
		return -errno;
	data = openat(dir, VOLUME_DATA, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (data < 0 || fchmod(data, 0755) < 0)
		return -errno;
	r = volume_notes_save(dir, &(const struct volume_notes){ .created_ns = moment_now() });
	if (r == 0)
		r = fill(request, data);
	if (r < 0)
		return r;
	return fsync(dir) < 0 ? -errno : 0;
}

/* Makes the volume @name, unless somebody else was faster: theirs is as good. */
static int make_volume(int volumes, int owned, const char *name,
		       const struct volume_request *request)
{
	int r = make_filled(owned, request);

	if (r == 0 && renameat2(owned, NEW_NAME, volumes, name, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r < 0)
		(void)path_remove_tree(owned, NEW_NAME);
	if (r < 0 && r != -EEXIST)
		return r;
	return fsync(volumes) < 0 ? -errno : 0;
}

/* Opens the list of what @container_id owns, making it. */
static int make_owned(int volumes, const char *container_id)
{
	autofree char *list = xformat(".owned/%s", container_id);
	autoclose int made = path_make_dirs_in(volumes, list, 0700);

	return made < 0 ? made : path_open_plain(volumes, list, O_RDONLY | O_DIRECTORY);
}

/* Writes down in @owned that its container owns the volume @name that is about to be made. */
static int announce(int owned, const char *name)
{
	autoclose int entry = openat(owned, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (entry < 0)
		return -errno;
	return fsync(entry) < 0 || fsync(owned) < 0 ? -errno : 0;
}

/* Makes the volume @name in @volumes where it is missing; an anonymous one is announced first. */
static int ensure_in(int volumes, const char *name, const struct volume_request *request)
{
	struct stat status;

	if (fstatat(volumes, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
	if (errno != ENOENT)
		return -errno;

	autoclose int owned = make_owned(volumes, request->container_id);
	int r = owned < 0 ? owned : request->name ? 0 : announce(owned, name);

	return r < 0 ? r : make_volume(volumes, owned, name, request);
}

int volume_ensure(const struct volume_request *request, char **ret_source, struct lxcri_error *err)
{
	autofree char *anonymous = request->name ? NULL : volume_make_name();
	const char *name = request->name ? request->name : anonymous;
	const char *shown = request->name ? request->name : request->destination;

	if (!volume_name_is_valid(name))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%s\" is not a name for a volume",
			    name);

	autoclose int volumes = volume_open_all(request->data_dir);

	if (volumes < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, volumes,
				       "make the directory %s/volumes", request->data_dir);

	int r = ensure_in(volumes, name, request);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make the volume for %s",
				       shown);
	*ret_source = xformat("%s/volumes/%s/" VOLUME_DATA, request->data_dir, name);
	return 0;
}

/* Removes each volume that has an entry in @owned, and then the entry. */
static int remove_listed(int volumes, DIR *owned)
{
	for (struct dirent *entry = readdir(owned); entry; entry = readdir(owned)) {
		int r = 0;

		if (!volume_name_is_valid(entry->d_name))
			continue;
		r = path_remove_tree(volumes, entry->d_name);
		if (r < 0)
			return r;
		if (unlinkat(dirfd(owned), entry->d_name, 0) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* Opens the list of what @container_id owns; -ENOENT when it owns nothing, as most do. */
static int open_owned(int volumes, const char *list, DIR **ret)
{
	int fd = path_open_plain(volumes, list, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return fd;
	*ret = fdopendir(fd);
	if (*ret)
		return 0;

	int r = -errno;

	(void)close(fd);
	return r;
}

int volume_remove_owned(const char *data_dir, const char *container_id, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/volumes", data_dir);
	autofree char *list = xformat(".owned/%s", container_id);
	autoclose int volumes = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *owned = NULL;
	int r = volumes < 0 ? -errno : open_owned(volumes, list, &owned);

	if (r == -ENOENT)
		return 0;
	if (r == 0) {
		r = remove_listed(volumes, owned);
		(void)closedir(owned);
	}
	if (r == 0)
		r = path_remove_tree(volumes, list); /* with what a killed command did not finish */
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "remove the volumes of container %s", container_id);
	return 0;
}

int volume_rename_owner(const char *data_dir, const char *from, const char *to,
			struct lxcri_error *err)
{
	autofree char *path = xformat("%s/volumes/.owned", data_dir);
	autoclose int owned = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (owned < 0 && errno == ENOENT)
		return 0;
	if (owned < 0 ||
	    (renameat2(owned, from, owned, to, RENAME_NOREPLACE) < 0 && errno != ENOENT) ||
	    fsync(owned) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "give the volumes of container %s to %s", from, to);
	return 0;
}

int volume_remove(const char *data_dir, const char *name, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/volumes", data_dir);
	autofree char *digits = volume_make_name(); /* with its own name it could be too long */
	autofree char *gone = xformat(VOLUME_GONE "%s", digits);
	autoclose int volumes = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = volumes < 0 ? -errno : 0;
	autoclose int dir = r < 0 ? r : path_open_plain(volumes, name, O_RDONLY | O_DIRECTORY);

	/* As long as that is locked nobody takes what goes for a leftover. */
	if (dir >= 0)
		(void)flock(dir, LOCK_EX | LOCK_NB);
	/* Half of a volume must not look like a volume, nor may a removed one come back. */
	if (r == 0 &&
	    (renameat2(volumes, name, volumes, gone, RENAME_NOREPLACE) < 0 || fsync(volumes) < 0))
		r = -errno;
	if (r == 0)
		r = path_remove_tree(volumes, gone);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "remove the volume %s", name)
		     : 0;
}

static bool is_leftover(const char *name)
{
	return text_starts_with(name, VOLUME_GONE);
}

/* Appends the names that @wanted chooses. */
static int list(const char *data_dir, bool (*wanted)(const char *name), struct strings *names,
		struct lxcri_error *err)
{
	autofree char *path = xformat("%s/volumes", data_dir);
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autorun(strings_finish) struct strings all = {};
	int r = dir < 0 ? -errno : path_list_names(dir, &all);

	if (r < 0 && r != -ENOENT)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "list %s", path);
	for (size_t i = 0; i < all.count; i++)
		if (wanted(all.items[i]))
			strings_add(names, all.items[i]);
	return 0;
}

int volume_list(const char *data_dir, struct strings *names, struct lxcri_error *err)
{
	return list(data_dir, volume_name_is_valid, names, err);
}

/* Somebody who makes one has it locked. */
static bool is_busy(const char *data_dir, const char *name)
{
	autofree char *path = xformat("%s/volumes/%s", data_dir, name);
	autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int volume_list_leftovers(const char *data_dir, struct strings *names, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings all = {};

	if (list(data_dir, is_leftover, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.count; i++)
		if (!is_busy(data_dir, all.items[i]))
			strings_add(names, all.items[i]);
	return 0;
}

char *volume_find_owner(const char *data_dir, const char *name)
{
	autofree char *path = xformat("%s/volumes/.owned", data_dir);
	autorun(strings_finish) struct strings ids = {};

	(void)path_list_shown(path, &ids); /* what can't be read has no owner that we know */
	for (size_t i = 0; i < ids.count; i++) {
		autofree char *entry = xformat("%s/%s/%s", path, ids.items[i], name);

		if (path_exists(entry) == 1)
			return xstrdup(ids.items[i]);
	}
	return NULL;
}

int volume_remove_leftovers(const char *data_dir, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};

	if (volume_list_leftovers(data_dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		autofree char *path = xformat("%s/volumes/%s", data_dir, names.items[i]);
		int r = path_remove_tree(AT_FDCWD, path);

		if (r < 0)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "remove %s", path);
	}
	return 0;
}
