/* SPDX-License-Identifier: MIT */
/* The devices of the host, for a container from which nothing is kept. */

#include "engine/bundle/part.h"

#include "base/mem.h"
#include "base/scope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Deeper than any directory of devices is. */
#define DEPTH_MAX 8

/* What every container has of its own, and directories that hold no devices of the host. */
static bool is_own(const char *path)
{
	static const char *const own[] = { "/dev/null", "/dev/zero",    "/dev/full",
					   "/dev/tty",  "/dev/random",  "/dev/urandom",
					   "/dev/ptmx", "/dev/console", "/dev/pts",
					   "/dev/shm",  "/dev/mqueue",  "/dev/hugepages" };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcmp(own[i], path) == 0)
			return true;
	return false;
}

void bundle_add_device(struct json_object *devices, const char *path, const struct stat *status)
{
	struct json_object *object = json_object_new_object();

	json_set_text(object, "path", path);
	json_set_text(object, "type", S_ISCHR(status->st_mode) ? "c" : "b");
	json_object_object_add(object, "major", json_object_new_int64(major(status->st_rdev)));
	json_object_object_add(object, "minor", json_object_new_int64(minor(status->st_rdev)));
	json_object_object_add(object, "fileMode", json_object_new_int64(status->st_mode & 07777));
	json_object_object_add(object, "uid", json_object_new_int64(status->st_uid));
	json_object_object_add(object, "gid", json_object_new_int64(status->st_gid));
	json_object_array_add(devices, object);
}

static int add_directory(const char *path, unsigned int depth, struct json_object *devices)
{
	DIR *dir = opendir(path);

	if (!dir)
		return errno == ENOENT ? 0 : -errno;

	int r = 0;

	for (struct dirent *entry = readdir(dir); entry && r == 0; entry = readdir(dir)) {
		autofree char *below = xformat("%s/%s", path, entry->d_name);
		struct stat status;

		/* A device can go at any time; a link leads to one that has its own name. */
		if (entry->d_name[0] == '.' || is_own(below) ||
		    fstatat(AT_FDCWD, below, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(status.st_mode) && depth < DEPTH_MAX)
			r = add_directory(below, depth + 1, devices);
		else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
			bundle_add_device(devices, below, &status);
	}
	(void)closedir(dir);
	return r;
}

int bundle_add_host_devices(struct json_object *devices, struct lxcri_error *err)
{
	int r = add_directory("/dev", 0, devices);

	return r < 0 ? fail_errno(err, r, "list the devices of the host") : 0;
}
