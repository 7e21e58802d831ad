/* SPDX-License-Identifier: MIT */
#pragma once

/* A directory for one test, and small files in it. */

#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"
#include "os/path.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int scratch_setup(void **state)
{
	char *path = xstrdup("/tmp/lxcri-test-XXXXXX");

	*state = mkdtemp(path);
	return *state ? 0 : -1;
}

static inline int scratch_teardown(void **state)
{
	int r = path_remove_tree(AT_FDCWD, *state);

	free(*state);
	return r;
}

/* Writes @text to the file @name below @dir, making what is missing above it. */
static inline void scratch_write(const char *dir, const char *name, const char *text)
{
	autofree char *path = xformat("%s/%s", dir, name);
	char *slash = strrchr(path, '/');

	*slash = '\0';
	assert_int_equal(path_make_dirs(path, 0755), 0);
	*slash = '/';

	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

/* Returns what the file @name below @dir holds, or NULL when it is not there. */
static inline char *scratch_read(const char *dir, const char *name)
{
	autofree char *path = xformat("%s/%s", dir, name);
	char *bytes = NULL;
	size_t size;

	return file_read(AT_FDCWD, path, 1 << 20, &bytes, &size) < 0 ? NULL : bytes;
}

/* Tells whether @name below @dir is there, of whatever type. */
static inline bool scratch_has(const char *dir, const char *name)
{
	autofree char *path = xformat("%s/%s", dir, name);
	struct stat status;

	return lstat(path, &status) == 0;
}
