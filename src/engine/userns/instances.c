/* SPDX-License-Identifier: MIT */
/* The list of instances: a directory of links, each called by a sum of the path that it leads to.
 * So it needs no form, an entry is made by one call, and a lock of the directory is enough.
 *
 * An entry whose directory is gone is dropped when a new one is made: else it costs nobody
 * anything, and the directory may be back when its disk is. */

#include "engine/userns/instances.h"

#include "base/fnv.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strings.h"
#include "config/config.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LIST CONFIG_DEFAULT_DATA_PATH "/.instances"

static int open_list(void)
{
	int fd = open(LIST, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

int instances_open(void)
{
	int fd = open_list();

	return fd < 0 ? -1 : fd;
}

/* Returns the list, locked; -ENOENT where there is no usual data directory. */
static int open_locked(void)
{
	autoclose int list = open_list();

	if (list == -ENOENT) {
		if (mkdir(LIST, 0700) < 0 && errno != EEXIST)
			return -errno;
		list = open_list();
	}
	while (list >= 0 && flock(list, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	return list < 0 ? list : steal_fd(&list);
}

/* Returns where the entry @name of @list leads to, owned by the caller, or NULL. */
static char *target_of(int list, const char *name)
{
	char path[PATH_MAX];
	ssize_t length = readlinkat(list, name, path, sizeof(path));

	return length > 0 && (size_t)length < sizeof(path) && *path == '/'
		       ? xstrndup(path, (size_t)length)
		       : NULL;
}

static void drop_stale(int list)
{
	autorun(strings_finish) struct strings names = {};

	if (path_list_names(list, &names) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		autofree char *path = target_of(list, names.items[i]);

		if (path && access(path, F_OK) < 0 && errno == ENOENT)
			(void)unlinkat(list, names.items[i], 0);
	}
}

static int write_down(int list, const char *data_dir)
{
	autofree char *path = realpath(data_dir, NULL);
	uint64_t sum = FNV_START;
	char name[17];

	if (!path)
		return -errno;
	for (const char *c = path; *c; c++)
		sum = fnv_add(sum, (unsigned char)*c);
	(void)snprintf(name, sizeof(name), "%016" PRIx64, sum);
	if (symlinkat(path, list, name) < 0)
		return errno == EEXIST ? 0 : -errno;
	drop_stale(list);
	return fsync(list) < 0 ? -errno : 0;
}

static bool is_usual(const struct lxcri_engine *engine)
{
	struct stat own;
	struct stat usual;

	return stat(engine->data, &own) == 0 && stat(CONFIG_DEFAULT_DATA_PATH, &usual) == 0 &&
	       own.st_dev == usual.st_dev && own.st_ino == usual.st_ino;
}

int instances_enter(const struct lxcri_engine *engine, int *ret_lock, struct lxcri_error *err)
{
	autoclose int list = open_locked();
	int r = list;

	*ret_lock = -1;
	if (list == -ENOENT)
		return 0;
	if (r >= 0)
		r = is_usual(engine) ? 0 : write_down(list, engine->data);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "write down in " LIST " that %s has ranges of ids",
				       engine->data);
	*ret_lock = steal_fd(&list);
	return 0;
}

/* Its database is read as root, and must be root's. */
static bool is_trusted(const struct lxcri_engine *engine, const char *path)
{
	struct stat own;
	struct stat other;

	if (lstat(path, &other) < 0 || !S_ISDIR(other.st_mode))
		return false;
	if (stat(engine->data, &own) == 0 && own.st_dev == other.st_dev &&
	    own.st_ino == other.st_ino)
		return false;
	if (other.st_uid == 0 && (other.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return true;
	log_debug("the id ranges of %s are not read: it is not root's alone", path);
	return false;
}

void instances_each(const struct lxcri_engine *engine, int list,
		    void (*each)(void *userdata, const char *data_dir), void *userdata)
{
	autorun(strings_finish) struct strings names = {};

	autofree char *usual = realpath(CONFIG_DEFAULT_DATA_PATH, NULL);

	if (usual && is_trusted(engine, usual))
		each(userdata, usual);
	if (list >= 0 && path_list_names(list, &names) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		autofree char *path = target_of(list, names.items[i]);

		if (path && is_trusted(engine, path))
			each(userdata, path);
	}
}
