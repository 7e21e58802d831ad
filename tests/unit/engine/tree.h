/* SPDX-License-Identifier: MIT */
#pragma once

/* Directories for a test: made below /tmp, addressed by names relative to the tree. */

#include "base/mem.h"
#include "base/scope.h"
#include "base/strings.h"
#include "os/file.h"
#include "os/path.h"

#include "test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

struct tree {
	char path[64];
	int fd;
};

static inline void tree_init(struct tree *tree)
{
	strcpy(tree->path, "/tmp/lxcri-test-XXXXXX");
	assert_non_null(mkdtemp(tree->path));
	tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(tree->fd >= 0);
}

static inline void tree_finish(struct tree *tree)
{
	closep(&tree->fd);
	assert_int_equal(path_remove_tree(AT_FDCWD, tree->path), 0);
}

static inline void tree_dir(struct tree *tree, const char *name)
{
	autoclose int fd = path_make_dirs_in(tree->fd, name, 0755);

	assert_true(fd >= 0);
}

/* Writes a file of @size bytes with its parents. */
static inline void tree_bytes(struct tree *tree, const char *name, const char *bytes, size_t size)
{
	const char *slash = strrchr(name, '/');
	autofree char *parent = slash ? xstrndup(name, (size_t)(slash - name)) : xstrdup(".");

	tree_dir(tree, parent);

	autoclose int fd = openat(tree->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, bytes, size), 0);
}

static inline void tree_file(struct tree *tree, const char *name, const char *text)
{
	tree_bytes(tree, name, text, strlen(text));
}

static inline void tree_link(struct tree *tree, const char *name, const char *target)
{
	assert_int_equal(symlinkat(target, tree->fd, name), 0);
}

static inline void tree_whiteout(struct tree *tree, const char *name)
{
	assert_int_equal(mknodat(tree->fd, name, S_IFCHR | 0600, makedev(0, 0)), 0);
}

static inline void tree_opaque(struct tree *tree, const char *name)
{
	autoclose int fd = openat(tree->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0), 0);
}

/* Appends the directory @name of the tree as a layer. */
static inline void tree_layer(struct tree *tree, const char *name, struct strings *layers)
{
	tree_dir(tree, name);
	strings_addf(layers, "%s/%s", tree->path, name);
}

/* Tells whether the file @name has exactly @text. */
static inline bool tree_has(struct tree *tree, const char *name, const char *text)
{
	autofree char *bytes = NULL;
	size_t size;

	return file_read(tree->fd, name, 1 << 20, &bytes, &size) == 0 && size == strlen(text) &&
	       memcmp(bytes, text, size) == 0;
}
