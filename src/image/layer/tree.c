/* SPDX-License-Identifier: MIT */
/* The tree of one layer while it is written.
 *
 * The order of the attributes matters: a change of owner takes setuid bits and capabilities away,
 * and each change moves the times. So: owner, mode, extended attributes, times. Nobody else reaches
 * the tree while it is made: it stands below a directory of mode 0700. */

#include "image/layer/tree.h"

#include "base/mem.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define OPAQUE_XATTR "trusted.overlay.opaque"

/* A directory whose times wait until nothing more is put into it. */
struct tree_dir {
	char *path;
	ino_t inode; /* 0: any */
	struct timespec times[2];
};

struct tree_dirs {
	struct tree_dir *items;
	size_t count;
	size_t room;
};

struct tree {
	int rootfd; /* borrowed */
	struct budget *budget;
	char *parent_path; /* of parent_fd, which most entries share with the one before */
	int parent_fd;
	bool root_described;
	struct tree_dirs described;
	struct tree_dirs implied;
};

struct tree *tree_create(int rootfd, struct budget *budget)
{
	struct tree *tree = xnew(struct tree);

	*tree = (struct tree){ .rootfd = rootfd, .budget = budget, .parent_fd = -1 };
	return tree;
}

static void dirs_finish(struct tree_dirs *dirs)
{
	for (size_t i = 0; i < dirs->count; i++)
		free(dirs->items[i].path);
	free(dirs->items);
	*dirs = (struct tree_dirs){};
}

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	closep(&tree->parent_fd);
	free(tree->parent_path);
	dirs_finish(&tree->described);
	dirs_finish(&tree->implied);
	free(tree);
}

static char *join(const char *dir, const char *name)
{
	return *dir ? xformat("%s/%s", dir, name) : xstrdup(name);
}

static int fail_entry(struct lxcri_error *err, int r, const char *doing, const char *dir,
		      const char *name)
{
	bool storage = r == -ENOSPC || r == -EDQUOT || r == -EIO || r == -EROFS;

	return fail_code_errno(err, storage ? LXCRI_E_STORAGE_ERROR : LXCRI_E_EXTRACT_FAILED, r,
			       "%s \"%.200s%s%.200s\"", doing, dir, *dir && *name ? "/" : "", name);
}

static int dirs_add(struct tree *tree, struct tree_dirs *dirs, const char *path,
		    const struct timespec times[2], struct lxcri_error *err)
{
	/* The array may have twice the room it needs, and what is allocated a header. */
	size_t cost = strlen(path) + 2 * sizeof(struct tree_dir) + 2 * sizeof(size_t);

	if (budget_spend(tree->budget, BUDGET_NAME_BYTES, cost, err) < 0)
		return -1;
	if (dirs->count == dirs->room) {
		dirs->room = dirs->room ? 2 * dirs->room : 64;
		dirs->items = xreallocarray(dirs->items, dirs->room, sizeof(dirs->items[0]));
	}
	dirs->items[dirs->count] = (struct tree_dir){ .path = xstrdup(path) };
	if (times)
		memcpy(dirs->items[dirs->count].times, times, sizeof(dirs->items[0].times));
	dirs->count++;
	return 0;
}

static int open_dir(int rootfd, const char *path)
{
	return path_open_in(rootfd, *path ? path : ".", O_PATH | O_DIRECTORY);
}

/* Makes the one directory @path, whose parent is there, for want of an entry that did. */
static int imply_dir(struct tree *tree, const char *path, struct lxcri_error *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	autofree char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
	autoclose int parent = open_dir(tree->rootfd, dir);

	if (parent < 0)
		return fail_entry(err, parent, "open the directory", "", dir);
	/* It is there and still could not be opened: a symlink to what this layer does not have. */
	if (mkdirat(parent, name, 0755) < 0)
		return fail_entry(err, errno == EEXIST ? -ENOENT : -errno,
				  errno == EEXIST ? "follow the symlink" : "make the directory", "",
				  path);
	return dirs_add(tree, &tree->implied, path, NULL, err);
}

/* Opens the directory @dir, making what is missing. */
static int open_or_imply(struct tree *tree, const char *dir, int *ret_fd, struct lxcri_error *err)
{
	autofree char *path = xstrdup(dir);
	int fd = -ENOENT;

	for (char *end = strchr(path, '/');; end = strchr(end + 1, '/')) {
		if (end)
			*end = '\0';
		fd = open_dir(tree->rootfd, path);
		if (fd == -ENOENT) {
			if (imply_dir(tree, path, err) < 0)
				return -1;
			fd = open_dir(tree->rootfd, path);
		}
		if (fd < 0)
			return fail_entry(err, fd, "open the directory", "", path);
		if (!end)
			break;
		(void)close(fd);
		*end = '/';
	}
	*ret_fd = fd;
	return 0;
}

/* Returns a borrowed O_PATH descriptor of the directory @dir. */
static int parent_of(struct tree *tree, const char *dir, struct lxcri_error *err)
{
	if (tree->parent_fd >= 0 && strcmp(tree->parent_path, dir) == 0)
		return tree->parent_fd;
	closep(&tree->parent_fd);

	int fd = open_dir(tree->rootfd, dir);

	if (fd == -ENOENT) {
		if (open_or_imply(tree, dir, &fd, err) < 0)
			return -1;
	} else if (fd < 0) {
		return fail_entry(err, fd, "open the directory", "", dir);
	}
	free(tree->parent_path);
	tree->parent_path = xstrdup(dir);
	tree->parent_fd = fd;
	return fd;
}

static bool is_whiteout(const struct stat *status)
{
	return S_ISCHR(status->st_mode) && status->st_rdev == makedev(0, 0);
}

/* Removes what an earlier entry put at @path. */
static int clear(struct tree *tree, int parent, const struct layer_path *path,
		 struct lxcri_error *err)
{
	int r = path_remove_tree(parent, path->name);

	/* The held parent may have been below what is gone. */
	closep(&tree->parent_fd);
	if (r < 0)
		return fail_entry(err, r, "replace", path->dir, path->name);
	return 0;
}

/* Says how to create something at a name; returns 0 or -errno. */
typedef int (*create_fn)(int parent, const char *name, const void *argument);

/* Creates by @create, in place of what may be there. */
static int put(struct tree *tree, const struct layer_path *path, create_fn create,
	       const void *argument, struct lxcri_error *err)
{
	int parent = parent_of(tree, path->dir, err);
	int r;

	if (parent < 0)
		return -1;
	r = create(parent, path->name, argument);
	if (r == -EEXIST) {
		if (clear(tree, parent, path, err) < 0)
			return -1;
		parent = parent_of(tree, path->dir, err);
		if (parent < 0)
			return -1;
		r = create(parent, path->name, argument);
	}
	if (r < 0)
		return fail_entry(err, r, "create", path->dir, path->name);
	return r;
}

/* Sets all but times and extended attributes of what is not a directory or a file. */
static int set_node_attributes(struct tree *tree, const struct layer_path *path,
			       const struct tree_attributes *attributes, struct lxcri_error *err)
{
	int parent = parent_of(tree, path->dir, err);

	if (parent < 0)
		return -1;
	if (fchownat(parent, path->name, attributes->uid, attributes->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_entry(err, -errno, "set the owner of", path->dir, path->name);
	if (!S_ISLNK(attributes->mode) &&
	    fchmodat(parent, path->name, attributes->mode & 07777, 0) < 0)
		return fail_entry(err, -errno, "set the mode of", path->dir, path->name);
	if (utimensat(parent, path->name, attributes->times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_entry(err, -errno, "set the times of", path->dir, path->name);
	return 0;
}

/* Sets owner, mode and extended attributes of an open file or directory. */
static int set_attributes(int fd, const char *dir, const char *name,
			  const struct tree_attributes *attributes, struct lxcri_error *err)
{
	if (fchown(fd, attributes->uid, attributes->gid) < 0)
		return fail_entry(err, -errno, "set the owner of", dir, name);
	if (fchmod(fd, attributes->mode & 07777) < 0)
		return fail_entry(err, -errno, "set the mode of", dir, name);
	for (size_t i = 0; i < attributes->n_xattrs; i++) {
		const struct tree_xattr *xattr = &attributes->xattrs[i];

		if (fsetxattr(fd, xattr->name, xattr->value, xattr->size, 0) < 0)
			return fail_entry(err, -errno, "set an extended attribute of", dir, name);
	}
	return 0;
}

/* Notes the directory @fd, which an entry calls @path. */
static int describe(struct tree *tree, int fd, const char *path, const struct timespec times[2],
		    struct lxcri_error *err)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return fail_entry(err, -errno, "look at", path, "");
	if (dirs_add(tree, &tree->described, path, times, err) < 0)
		return -1;
	tree->described.items[tree->described.count - 1].inode = status.st_ino;
	return 0;
}

int tree_set_root(struct tree *tree, const struct tree_attributes *attributes,
		  struct lxcri_error *err)
{
	autoclose int fd = path_open_in(tree->rootfd, ".", O_RDONLY | O_DIRECTORY);

	if (!S_ISDIR(attributes->mode))
		return fail(err, LXCRI_E_EXTRACT_FAILED,
			    "an entry for the root of the layer is not a directory");
	if (fd < 0)
		return fail_entry(err, fd, "open", "", ".");
	tree->root_described = true;
	if (set_attributes(fd, "", ".", attributes, err) < 0)
		return -1;
	return describe(tree, fd, "", attributes->times, err);
}

static int make_opaque(int fd, const char *dir, const char *name, struct lxcri_error *err)
{
	if (fsetxattr(fd, OPAQUE_XATTR, "y", 1, 0) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, -errno,
				       "mark the directory \"%.200s%s%.200s\" as opaque", dir,
				       *dir && *name ? "/" : "", name);
	return 0;
}

static int open_made(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int create_dir(int parent, const char *name, const void *unused)
{
	return mkdirat(parent, name, 0700) < 0 ? -errno : 0;
}

int tree_make_dir(struct tree *tree, const struct layer_path *path,
		  const struct tree_attributes *attributes, struct lxcri_error *err)
{
	autofree char *whole = join(path->dir, path->name);
	int parent = parent_of(tree, path->dir, err);
	struct stat status = {};
	bool there;

	if (parent < 0)
		return -1;
	there = fstatat(parent, path->name, &status, AT_SYMLINK_NOFOLLOW) == 0;
	if ((!there || !S_ISDIR(status.st_mode)) && put(tree, path, create_dir, NULL, err) < 0)
		return -1;
	parent = parent_of(tree, path->dir, err);
	if (parent < 0)
		return -1;

	autoclose int fd = open_made(parent, path->name);

	if (fd < 0)
		return fail_entry(err, fd, "open", path->dir, path->name);
	/* The layer hides the old directory and brings a new one: nothing of the old shows. */
	if (there && is_whiteout(&status) && make_opaque(fd, path->dir, path->name, err) < 0)
		return -1;
	if (set_attributes(fd, path->dir, path->name, attributes, err) < 0)
		return -1;
	return describe(tree, fd, whole, attributes->times, err);
}

static int create_file(int parent, const char *name, const void *unused)
{
	int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

int tree_make_file(struct tree *tree, const struct layer_path *path, int *ret_fd,
		   struct lxcri_error *err)
{
	int fd = put(tree, path, create_file, NULL, err);

	if (fd < 0)
		return -1;
	*ret_fd = fd;
	return 0;
}

int tree_finish_file(int fd, const struct layer_path *path,
		     const struct tree_attributes *attributes, struct lxcri_error *err)
{
	if (set_attributes(fd, path->dir, path->name, attributes, err) < 0)
		return -1;
	if (futimens(fd, attributes->times) < 0)
		return fail_entry(err, -errno, "set the times of", path->dir, path->name);
	return 0;
}

static int create_symlink(int parent, const char *name, const void *target)
{
	return symlinkat(target, parent, name) < 0 ? -errno : 0;
}

int tree_make_symlink(struct tree *tree, const struct layer_path *path, const char *target,
		      const struct tree_attributes *attributes, struct lxcri_error *err)
{
	if (put(tree, path, create_symlink, target, err) < 0)
		return -1;
	return set_node_attributes(tree, path, attributes, err);
}

static int create_node(int parent, const char *name, const void *argument)
{
	const struct tree_attributes *attributes = argument;

	if (mknodat(parent, name, (attributes->mode & S_IFMT) | 0600, attributes->device) < 0)
		return -errno;
	return 0;
}

int tree_make_node(struct tree *tree, const struct layer_path *path,
		   const struct tree_attributes *attributes, struct lxcri_error *err)
{
	if (put(tree, path, create_node, attributes, err) < 0)
		return -1;
	return set_node_attributes(tree, path, attributes, err);
}

struct link_source {
	int parent;
	const char *name;
};

static int create_link(int parent, const char *name, const void *argument)
{
	const struct link_source *source = argument;

	return linkat(source->parent, source->name, parent, name, 0) < 0 ? -errno : 0;
}

int tree_make_link(struct tree *tree, const struct layer_path *path,
		   const struct layer_path *target, struct lxcri_error *err)
{
	autoclose int parent = open_dir(tree->rootfd, target->dir);
	struct link_source source = { .parent = parent, .name = target->name };
	struct stat status;

	if (!target->name)
		return fail(err, LXCRI_E_EXTRACT_FAILED, "\"%s/%s\" is a hard link to the root",
			    path->dir, path->name);
	if (parent < 0)
		return fail_entry(err, parent, "find the target of a hard link", target->dir,
				  target->name);
	if (fstatat(parent, target->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_entry(err, -errno, "find the target of a hard link", target->dir,
				  target->name);
	/* What is hidden is not there. */
	if (is_whiteout(&status))
		return fail_entry(err, -ENOENT, "find the target of a hard link", target->dir,
				  target->name);
	if (S_ISDIR(status.st_mode))
		return fail_entry(err, -EISDIR, "make a hard link to", target->dir, target->name);
	/* Replacing the name by itself would remove the only one. */
	if (strcmp(path->dir, target->dir) == 0 && strcmp(path->name, target->name) == 0)
		return 0;
	return put(tree, path, create_link, &source, err);
}

int tree_hide(struct tree *tree, const struct layer_path *path, struct lxcri_error *err)
{
	int parent = parent_of(tree, path->dir, err);
	struct stat status;

	if (parent < 0)
		return -1;
	if (mknodat(parent, path->name, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno != EEXIST || fstatat(parent, path->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_entry(err, -errno, "hide", path->dir, path->name);
	/* What the layer itself brings hides what is below, a directory only when it is opaque. */
	if (!S_ISDIR(status.st_mode))
		return 0;

	autoclose int fd = open_made(parent, path->name);

	if (fd < 0)
		return fail_entry(err, fd, "open", path->dir, path->name);
	return make_opaque(fd, path->dir, path->name, err);
}

int tree_hide_below(struct tree *tree, const struct layer_path *path, struct lxcri_error *err)
{
	int parent = parent_of(tree, path->dir, err);

	if (parent < 0)
		return -1;

	autoclose int fd = open_made(parent, ".");

	if (fd < 0)
		return fail_entry(err, fd, "open", path->dir, "");
	return make_opaque(fd, path->dir, "", err);
}

static int compare_dirs(const void *a, const void *b)
{
	return strcmp(((const struct tree_dir *)a)->path, ((const struct tree_dir *)b)->path);
}

/* Copies owner, mode, access list and times of the topmost lower directory at dir->path. Where the
 * layers below have something else there, or nothing, it stays as it is. */
static int inherit(int fd, struct tree_dir *dir, const int *lower_fds, size_t n_lowers)
{
	for (size_t i = 0; i < n_lowers; i++) {
		autoclose int lower = path_open_in(lower_fds[i], *dir->path ? dir->path : ".",
						   O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		struct stat status;

		if (lower == -ENOENT)
			continue;
		if (lower < 0)
			return 0;
		if (fstat(lower, &status) < 0 || fchown(fd, status.st_uid, status.st_gid) < 0 ||
		    fchmod(fd, status.st_mode & 07777) < 0)
			return -errno;

		const struct timespec times[2] = { status.st_atim, status.st_mtim };

		return futimens(fd, times) < 0 ? -errno : 0;
	}
	return 0;
}

/* Opens the directory that @dir names, if it still is that one: its name may have led through a
 * link that leads elsewhere since. Returns an fd, or -errno. */
static int reopen(const struct tree *tree, const struct tree_dir *dir)
{
	int fd = path_open_in(tree->rootfd, *dir->path ? dir->path : ".",
			      O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	struct stat status;

	if (fd < 0 || dir->inode == 0 || (fstat(fd, &status) == 0 && status.st_ino == dir->inode))
		return fd;
	(void)close(fd);
	return -ENOENT;
}

int tree_settle(struct tree *tree, const int *lower_fds, size_t n_lowers, struct lxcri_error *err)
{
	struct tree_dirs *described = &tree->described;

	if (!tree->root_described && dirs_add(tree, &tree->implied, "", NULL, err) < 0)
		return -1;
	for (size_t i = 0; i < described->count; i++) {
		struct tree_dir *dir = &described->items[i];
		autoclose int fd = reopen(tree, dir);

		if (fd >= 0 && futimens(fd, dir->times) < 0)
			return fail_entry(err, -errno, "set the times of", dir->path, "");
	}
	if (described->count > 1)
		qsort(described->items, described->count, sizeof(described->items[0]),
		      compare_dirs);
	for (size_t i = 0; i < tree->implied.count; i++) {
		struct tree_dir *dir = &tree->implied.items[i];

		if (described->count > 0 && bsearch(dir, described->items, described->count,
						    sizeof(described->items[0]), compare_dirs))
			continue;

		autoclose int fd = reopen(tree, dir);
		int r = fd >= 0 ? inherit(fd, dir, lower_fds, n_lowers) : 0;

		if (r < 0)
			return fail_entry(err, r, "set the attributes of", dir->path, "");
	}
	return 0;
}
