/* SPDX-License-Identifier: MIT */
/* Which directory the images of a data directory are in. */

#include "image/images_dir.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/strings.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWNER                                                                              \
	".data" /* in the directory that is led to: the data directory, as a symbolic link \
		 */
#define LAYOUT "oci-layout"

/* Where a link leads; NULL for what is no link, or is not there. */
static char *read_link(int dirfd, const char *name)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(dirfd, name, target, sizeof(target));

	return length <= 0 || (size_t)length == sizeof(target) ? NULL
							       : xstrndup(target, (size_t)length);
}

char *images_dir_target(const char *data_dir)
{
	autoclose int data = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return data < 0 ? NULL : read_link(data, IMAGES_DIR);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Tells whether the directory bears the mark of that data directory. */
static bool belongs_to(int images_fd, int data_fd)
{
	struct stat owner, data;

	return fstatat(images_fd, OWNER, &owner, 0) == 0 && fstat(data_fd, &data) == 0 &&
	       same_file(&owner, &data);
}

int images_dir_check(int data_fd, const char *data_dir, struct lxcri_error *err)
{
	autofree char *target = data_fd < 0 ? NULL : read_link(data_fd, IMAGES_DIR);
	autoclose int images = -1;

	if (!target)
		return 0;
	images = openat(data_fd, IMAGES_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (images < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
				       "open %s, where the images of %s are", target, data_dir);
	if (!belongs_to(images, data_fd))
		return fail(err, LXCRI_E_STORAGE_ERROR,
			    "%s, where the images of %s are, bears no link %s to it; mount its "
			    "file system, "
			    "or make the link again if one of the two was moved",
			    target, data_dir, OWNER);
	return 0;
}

/* A directory with something else in it is nobody's to close to others and to sweep. */
static int check_contents(int images_fd, const char *images_dir, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	int r;

	if (faccessat(images_fd, LAYOUT, F_OK, 0) == 0)
		return 0;
	r = path_list_names(images_fd, &names);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s", images_dir);
	for (size_t i = 0; i < names.count; i++)
		if (strcmp(names.items[i], "lost+found") != 0 && strcmp(names.items[i], OWNER) != 0)
			return fail(err, LXCRI_E_STORAGE_ERROR,
				    "%s is neither empty nor an OCI image layout: it has %s",
				    images_dir, names.items[i]);
	return 0;
}

static int claim(int images_fd, const char *images_dir, int data_fd, const char *data_dir,
		 struct lxcri_error *err)
{
	struct stat status;

	if (check_contents(images_fd, images_dir, err) < 0)
		return -1;
	if (fstat(images_fd, &status) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "look at %s", images_dir);
	if (status.st_uid != geteuid())
		return fail(err, LXCRI_E_STORAGE_ERROR, "%s belongs to another user: to %u",
			    images_dir, (unsigned int)status.st_uid);
	if (symlinkat(data_dir, images_fd, OWNER) < 0 && errno != EEXIST)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "write %s/%s", images_dir,
				       OWNER);
	if (!belongs_to(images_fd, data_fd)) {
		autofree char *other = read_link(images_fd, OWNER);

		return fail(err, LXCRI_E_STORAGE_ERROR,
			    "%s has the images of another data directory: %s/%s leads to %s",
			    images_dir, images_dir, OWNER, other ? other : "nothing");
	}
	if (fchmod(images_fd, 0700) < 0 || fsync(images_fd) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "change %s", images_dir);
	return 0;
}

/* What is there already may be the same by another name. */
static int check_present(int data_fd, const char *data_dir, const char *target,
			 const char *images_dir, struct lxcri_error *err)
{
	struct stat there, wanted;

	if (fstatat(data_fd, IMAGES_DIR, &there, 0) == 0 && stat(images_dir, &wanted) == 0 &&
	    same_file(&there, &wanted))
		return 0;
	if (target)
		return fail(err, LXCRI_E_STORAGE_ERROR,
			    "the images of %s are in %s, and storage.image_path is %s; move them "
			    "there and "
			    "remove the link %s/" IMAGES_DIR,
			    data_dir, target, images_dir, data_dir);
	return fail(err, LXCRI_E_STORAGE_ERROR,
		    "%s has images already, and storage.image_path is %s; move %s/" IMAGES_DIR
		    " there, or "
		    "leave the key out",
		    data_dir, images_dir, data_dir);
}

static int open_made(const char *path, mode_t mode, struct lxcri_error *err)
{
	int r = path_make_dirs(path, mode);
	int fd = r < 0 ? r : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r < 0 ? r : errno, "make %s",
					path)
		      : fd;
}

int images_dir_put(const char *data_dir, const char *images_dir, struct lxcri_error *err)
{
	autoclose int data = open_made(data_dir, 0711, err);
	autofree char *target = data < 0 ? NULL : read_link(data, IMAGES_DIR);
	autoclose int images = -1;

	if (data < 0)
		return -1;
	if (target && strcmp(target, images_dir) == 0)
		return 0;
	if (target || faccessat(data, IMAGES_DIR, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return check_present(data, data_dir, target, images_dir, err);
	images = open_made(images_dir, 0711, err);
	if (images < 0 || claim(images, images_dir, data, data_dir, err) < 0)
		return -1;
	/* Somebody else may have been quicker. */
	if (symlinkat(images_dir, data, IMAGES_DIR) < 0) {
		if (errno != EEXIST)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno,
					       "make the link %s/%s", data_dir, IMAGES_DIR);
		target = read_link(data, IMAGES_DIR);
		return check_present(data, data_dir, target, images_dir, err);
	}
	if (fsync(data) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "write %s", data_dir);
	return 0;
}
