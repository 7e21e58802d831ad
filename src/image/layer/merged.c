/* SPDX-License-Identifier: MIT */
/* The layers of an image seen as one tree.
 *
 * How it works: a directory is the list of its descriptors, one for each layer that contributes to
 * it. A path is walked name by name. A symlink's target is put in front of what is left of the
 * path; since every directory on the way is known by its real name, ".." drops the last one and
 * the walk to it is repeated from the top. */

#include "image/layer/merged.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

/* As many as the kernel follows. */
#define LINKS_MAX 40

static void add_fd_consume(struct merged *dir, int fd)
{
	dir->fds = xreallocarray(dir->fds, dir->count + 1, sizeof(*dir->fds));
	dir->fds[dir->count++] = fd;
}

void merged_finish(struct merged *dir)
{
	for (size_t i = 0; i < dir->count; i++)
		closep(&dir->fds[i]);
	free(dir->fds);
	*dir = (struct merged){};
}

int merged_init(struct merged *ret, const int *fds, size_t count)
{
	autorun(merged_finish) struct merged root = {};

	for (size_t i = 0; i < count; i++) {
		int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			return -errno;
		add_fd_consume(&root, fd);
	}
	*ret = root;
	root = (struct merged){};
	return 0;
}

void merged_node_finish(struct merged_node *node)
{
	merged_finish(&node->dir);
}

/* Makes @to what @from is, and @from empty. */
static void move(struct merged *to, struct merged *from)
{
	merged_finish(to);
	*to = *from;
	*from = (struct merged){};
}

static int open_root(const struct strings *layer_dirs, struct merged *root)
{
	merged_finish(root);
	for (size_t i = 0; i < layer_dirs->count; i++) {
		int fd = open(layer_dirs->items[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		add_fd_consume(root, fd);
	}
	return 0;
}

static bool is_whiteout(const struct stat *status)
{
	return S_ISCHR(status->st_mode) && status->st_rdev == makedev(0, 0);
}

static bool is_opaque(int fd)
{
	char value = 0;

	return fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

int merged_child(const struct merged *dir, const char *name, struct merged_node *ret_node)
{
	autorun(merged_node_finish) struct merged_node node = { .layer = -1 };

	for (size_t i = 0; i < dir->count; i++) {
		struct stat status;

		if (fstatat(dir->fds[i], name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			return -errno;
		}
		if (is_whiteout(&status))
			break;
		if (node.layer < 0) {
			node.layer = dir->fds[i];
			node.status = status;
		}
		if (!S_ISDIR(status.st_mode))
			break;

		int fd = openat(dir->fds[i], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		add_fd_consume(&node.dir, fd);
		if (is_opaque(fd))
			break;
	}
	if (node.layer < 0)
		return -ENOENT;
	*ret_node = node;
	node.dir = (struct merged){};
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int merged_list(const struct merged *dir, struct strings *names)
{
	autorun(strings_finish) struct strings all = {};

	for (size_t i = 0; i < dir->count; i++) {
		int r = path_list_names(dir->fds[i], &all);

		if (r < 0)
			return r;
	}
	if (all.count > 0)
		qsort(all.items, all.count, sizeof(*all.items), compare_names);
	for (size_t i = 0; i < all.count; i++) {
		autorun(merged_node_finish) struct merged_node node = {};

		if (i > 0 && strcmp(all.items[i - 1], all.items[i]) == 0)
			continue;

		int r = merged_child(dir, all.items[i], &node);

		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 0)
			strings_add(names, all.items[i]);
	}
	return 0;
}

/* Where a walk stands. */
struct walk {
	const struct strings *layer_dirs;
	struct strings names; /* of the directories that were entered, none of them a symlink */
	struct merged dir;
	char *rest;
	unsigned int links;
};

static void walk_finish(struct walk *walk)
{
	strings_finish(&walk->names);
	merged_finish(&walk->dir);
	free(steal(walk->rest));
}

/* Enters the directory that all names but the last lead to. At the root it stays there. */
static int walk_up(struct walk *walk)
{
	if (walk->names.count > 0) {
		free(walk->names.items[--walk->names.count]);
		walk->names.items[walk->names.count] = NULL;
	}

	int r = open_root(walk->layer_dirs, &walk->dir);

	for (size_t i = 0; r == 0 && i < walk->names.count; i++) {
		autorun(merged_node_finish) struct merged_node node = {};

		r = merged_child(&walk->dir, walk->names.items[i], &node);
		if (r == 0)
			move(&walk->dir, &node.dir);
	}
	return r;
}

/* Puts the target of the symlink @name in front of what is left. */
static int walk_link(struct walk *walk, int layer, const char *name)
{
	char target[PATH_MAX];
	ssize_t size = readlinkat(layer, name, target, sizeof(target));

	if (size < 0)
		return -errno;
	if (++walk->links > LINKS_MAX)
		return -ELOOP;
	if ((size_t)size + strlen(walk->rest) + 2 > sizeof(target))
		return -ENAMETOOLONG;

	char *rest = xformat("%.*s/%s", (int)size, target, walk->rest);

	free(walk->rest);
	walk->rest = rest;
	if (*rest != '/')
		return 0;
	strings_finish(&walk->names);
	return open_root(walk->layer_dirs, &walk->dir);
}

/* Takes the next component off what is left; NULL at the end. The caller owns it. */
static char *walk_next(struct walk *walk)
{
	const char *start = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(start, "/");

	if (length == 0)
		return NULL;

	char *name = xstrndup(start, length);

	memmove(walk->rest, start + length, strlen(start + length) + 1);
	return name;
}

/* Walks to @path. At its end walk->dir is the directory, or the one that has the file: then
 * *ret_file is an open descriptor of it, else -1. */
static int walk_to(struct walk *walk, const char *path, int *ret_file)
{
	int r = open_root(walk->layer_dirs, &walk->dir);

	*ret_file = -1;
	walk->rest = xstrdup(path);
	while (r == 0) {
		autorun(merged_node_finish) struct merged_node node = {};
		autofree char *name = walk_next(walk);

		if (!name)
			return 0;
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			r = walk_up(walk);
			continue;
		}
		r = merged_child(&walk->dir, name, &node);
		if (r < 0)
			return r;
		if (S_ISLNK(node.status.st_mode)) {
			r = walk_link(walk, node.layer, name);
		} else if (S_ISDIR(node.status.st_mode)) {
			strings_add(&walk->names, name);
			move(&walk->dir, &node.dir);
		} else if (walk->rest[strspn(walk->rest, "/")]) {
			return -ENOTDIR;
		} else if (!S_ISREG(node.status.st_mode)) {
			/* Opening a device or a fifo could do something. */
			return -EINVAL;
		} else {
			*ret_file = openat(node.layer, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
			return *ret_file < 0 ? -errno : 0;
		}
	}
	return r;
}

int merged_open_file(const struct strings *layer_dirs, const char *path)
{
	autorun(walk_finish) struct walk walk = { .layer_dirs = layer_dirs };
	int file;
	int r = walk_to(&walk, path, &file);

	if (r < 0)
		return r;
	return file < 0 ? -EINVAL : file;
}

int merged_open_dir(const struct strings *layer_dirs, const char *path, struct merged *ret_dir)
{
	autorun(walk_finish) struct walk walk = { .layer_dirs = layer_dirs };
	autoclose int file = -1;
	int r = walk_to(&walk, path, &file);

	if (r < 0)
		return r;
	if (file >= 0)
		return -ENOTDIR;
	*ret_dir = walk.dir;
	walk.dir = (struct merged){};
	return 0;
}
