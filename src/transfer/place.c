/* SPDX-License-Identifier: MIT */
/* Where a copy goes. A last name that is a symlink is followed here, step by step, because what is
 * copied is put in place by a rename, which would replace the link. Each step is looked up from the
 * root: however the links change meanwhile, none leads out of it. */

#include "transfer/place.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* As many as the kernel follows. */
#define LINKS_MAX 40

void place_finish(struct place *place)
{
	closep(&place->dir);
	freep(&place->name);
}

/* Returns the length of @path without the slashes at its end. */
static size_t trimmed(const char *path)
{
	size_t length = strlen(path);

	while (length > 0 && path[length - 1] == '/')
		length--;
	return length;
}

/* Splits @path before its last name; both parts are the caller's. */
static void split(const char *path, char **ret_dir, char **ret_name)
{
	size_t length = trimmed(path);
	size_t start = length;

	while (start > 0 && path[start - 1] != '/')
		start--;
	*ret_dir = start > 0 ? xstrndup(path, start) : xstrdup(".");
	*ret_name = xstrndup(path + start, length - start);
}

char *place_name_of(const char *path)
{
	autofree char *dir = NULL;
	autofree char *name = NULL;

	split(path, &dir, &name);
	return !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ? NULL : steal(name);
}

static int fail_open(struct lxcri_error *err, int r, const char *path)
{
	if (r == -ENOENT)
		return fail(err, LXCRI_E_PATH_NOT_FOUND, "there is no directory %s", path);
	if (r == -ENOTDIR)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s is not a directory", path);
	return fail_code_errno(err, LXCRI_E_COPY_FAILED, r, "open %s", path);
}

/* Reads the link @name in @dir. Returns 1 and the path that it stands for, 0 when it is no link, or
 * -errno. */
static int read_link(int dir, const char *above, const char *name, char **ret_path)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(dir, name, target, sizeof(target) - 1);

	if (length < 0)
		return errno == EINVAL || errno == ENOENT ? 0 : -errno;
	target[length] = '\0';
	*ret_path = *target == '/' ? xstrdup(target) : xformat("%s/%s", above, target);
	return 1;
}

int place_find(int root, const char *path, struct place *ret_place, struct lxcri_error *err)
{
	autofree char *current = xstrdup(path);
	bool slash = text_ends_with(path, "/") || text_ends_with(path, "/.");

	for (int links = 0; links < LINKS_MAX; links++) {
		autofree char *above = NULL;
		autofree char *name = NULL;
		autofree char *next = NULL;
		autoclose int dir =
			path_open_in(root, *current ? current : ".", O_PATH | O_DIRECTORY);

		if (dir >= 0) {
			*ret_place = (struct place){ .dir = steal_fd(&dir), .must_be_dir = slash };
			return 0;
		}
		if (dir != -ENOENT && (dir != -ENOTDIR || slash))
			return fail_open(err, dir, path);
		split(current, &above, &name);
		if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			return fail_open(err, -ENOENT, path);
		dir = path_open_in(root, above, O_PATH | O_DIRECTORY);
		if (dir < 0)
			return fail_open(err, dir, above);

		int r = read_link(dir, above, name, &next);

		if (r < 0)
			return fail_open(err, r, path);
		if (r == 0) {
			*ret_place = (struct place){ .dir = steal_fd(&dir),
						     .name = steal(name),
						     .must_be_dir = slash };
			return 0;
		}
		free(current);
		current = steal(next);
	}
	return fail_open(err, -ELOOP, path);
}
