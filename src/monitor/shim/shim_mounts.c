/* SPDX-License-Identifier: MIT */
/* The mounts of a container, made detached and then attached at places found inside its root. */

#include "monitor/shim/shim.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/path.h"
#include "os/socket.h"
#include "os/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int shim_receive_tree(struct shim *shim, struct lxcri_error *err)
{
	int fds[SOCKET_FDS_MAX];
	size_t n_fds = 0;
	char byte;
	ssize_t size = socket_receive(shim->trees, &byte, 1, fds, &n_fds, 0);

	if (size <= 0 || n_fds != 1) {
		for (size_t i = 0; size > 0 && i < n_fds; i++)
			(void)close(fds[i]);
		return fail_errno(err, size < 0 ? (int)size : -EPROTO, "receive a bind mount");
	}
	return fds[0];
}

int shim_attach_consume(struct shim *shim, int tree, const char *path, struct lxcri_error *err)
{
	autoclose int owned = tree;
	struct stat status;

	if (fstat(owned, &status) < 0)
		return fail_errno(err, errno, "inspect what is mounted at %s", path);

	autoclose int target = -1;

	if (S_ISDIR(status.st_mode)) {
		target = path_make_dirs_in(shim->root, path, 0755);
	} else {
		target = path_open_in(shim->root, path, O_PATH);
		if (target == -ENOENT) {
			autofree char *parent = xstrdup(path);
			char *slash = strrchr(parent, '/');

			if (slash)
				*slash = '\0';

			autoclose int dir = path_make_dirs_in(shim->root, parent, 0755);

			if (dir < 0)
				return fail_errno(err, dir, "make the directory of %s", path);
			target = path_create_in(shim->root, path, O_RDWR | O_NOCTTY, 0644);
			if (target >= 0) {
				(void)close(target);
				target = path_open_in(shim->root, path, O_PATH);
			}
		}
	}
	if (target < 0)
		return fail_errno(err, target, "make the mount point %s", path);

	int r = tree_attach(owned, target);

	return r < 0 ? fail_errno(err, r, "mount at %s", path) : 0;
}

/* Gives a tree the attributes and the propagation of its mount. */
static int dress(int tree, const struct lxc_plan_mount *mount, struct lxcri_error *err)
{
	unsigned int all = mount->flags & LXC_MOUNT_PROPAGATE_ALL ? AT_RECURSIVE : 0;
	struct mount_attr spread = { .propagation = mount->propagation };
	int r;

	if (mount->propagation == 0) {
		spread.propagation = MS_PRIVATE;
		all = AT_RECURSIVE;
	}
	r = tree_change(tree, all, &spread);
	if (r == 0 && (mount->set || mount->clear))
		r = tree_change(
			tree, 0,
			&(struct mount_attr){ .attr_set = mount->set, .attr_clr = mount->clear });
	if (r == 0 && (mount->set_all || mount->clear_all))
		r = tree_change(tree, AT_RECURSIVE,
				&(struct mount_attr){ .attr_set = mount->set_all,
						      .attr_clr = mount->clear_all });
	return r < 0 ? fail_errno(err, r, "set the options of %s", mount->destination) : 0;
}

/* A file system of its own; the attributes are set at birth, so that nothing is ever writable or
 * executable that should not be. */
static int make(const struct lxc_plan_mount *mount, struct lxcri_error *err)
{
	struct tree_message message;
	int tree = tree_new(mount->type, mount->source ? mount->source : mount->type, &mount->data,
			    mount->set, &message);

	if (tree < 0)
		return fail_code_errno(err, LXCRI_E_MOUNT_FAILED, tree, "make a %s for %s%s%s",
				       mount->type, mount->destination, message.text[0] ? ": " : "",
				       message.text);
	return tree;
}

static int copy_up(struct shim *shim, const struct lxc_plan_mount *mount, int tree,
		   struct lxcri_error *err)
{
	autoclose int from = path_open_in(shim->root, mount->destination, O_RDONLY | O_DIRECTORY);

	if (from == -ENOENT)
		return 0;
	if (from < 0)
		return fail_errno(err, from, "open %s", mount->destination);

	autoclose int to = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (to < 0)
		return fail_errno(err, errno, "open the new %s", mount->destination);
	return shim_copy_up(from, to, err);
}

/* With a cgroup namespace a fresh mount of a hierarchy shows our own cgroup as its root. Without
 * one, what the host has is bound, and only our cgroup is shown. */
static int make_hierarchy(struct shim *shim, const struct lxc_plan_mount *mount,
			  const char *controllers, const char *path, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings options = {};
	bool unified = !*controllers;
	const char *name = text_starts_with(controllers, "name=") ? controllers + 5 : controllers;
	struct tree_message message = {};
	int tree;

	if (shim->plan.new_cgroup_ns) {
		autofree char *list = xstrdup(controllers);
		char *rest = list;

		if (!unified && strcmp(name, controllers) != 0)
			strings_add(&options, "none");
		for (char *option = strsep(&rest, ","); option && *option;
		     option = strsep(&rest, ","))
			strings_add(&options, option);
		tree = tree_new(unified ? "cgroup2" : "cgroup", "cgroup", &options, mount->set,
				&message);
	} else {
		autofree char *source = xformat("sys/fs/cgroup/%s%s", name, path);
		autoclose int from = path_open_in(shim->host, source, O_PATH | O_DIRECTORY);

		tree = from < 0 ? from : tree_clone(from, 0);
	}
	if (tree < 0)
		return fail_code_errno(err, LXCRI_E_MOUNT_FAILED, tree,
				       "make the cgroup file system %s",
				       unified ? "unified" : name);
	return tree;
}

/* Version 1, or hybrid: a tmpfs with one mount for each hierarchy that /proc/self/cgroup lists. */
static int mount_hierarchies(struct shim *shim, const struct lxc_plan_mount *mount,
			     struct lxcri_error *err)
{
	autoclose int fd = openat(shim->proc, "self/cgroup", O_RDONLY | O_CLOEXEC);
	autorun(strings_finish) struct strings options = {};
	struct tree_message message;
	char line[1024];

	if (fd < 0)
		return fail_errno(err, errno, "open /proc/self/cgroup");

	autorun(strings_finish) struct strings lines = {};
	FILE *list = fdopen(dup(fd), "r");

	while (list && fgets(line, sizeof(line), list))
		strings_add(&lines, line);
	if (list)
		(void)fclose(list);
	strings_add(&options, "mode=755");

	autoclose int base = tree_new("tmpfs", "cgroup", &options,
				      mount->set & ~(uint64_t)MOUNT_ATTR_RDONLY, &message);

	if (base < 0)
		return fail_code_errno(err, LXCRI_E_MOUNT_FAILED, base, "make a tmpfs for %s",
				       mount->destination);
	if (shim_attach_consume(shim, dup(base), mount->destination, err) < 0)
		return -1;
	for (size_t i = 0; i < lines.count; i++) {
		char *rest = lines.items[i];

		(void)strsep(&rest, ":");

		const char *controllers = strsep(&rest, ":");

		if (!rest || !controllers || !*controllers)
			continue;
		rest[strcspn(rest, "\n")] = '\0';

		int tree = make_hierarchy(shim, mount, controllers, rest, err);

		if (tree < 0)
			return -1;

		const char *name =
			text_starts_with(controllers, "name=") ? controllers + 5 : controllers;
		autofree char *target = xformat("%s/%s", mount->destination, name);

		if (shim_attach_consume(shim, tree, target, err) < 0)
			return -1;
	}
	if (mount->set & MOUNT_ATTR_RDONLY)
		(void)tree_change(base, 0, &(struct mount_attr){ .attr_set = MOUNT_ATTR_RDONLY });
	return 0;
}

static int mount_cgroup(struct shim *shim, const struct lxc_plan_mount *mount,
			struct lxcri_error *err)
{
	/* Only where version 2 is alone does its root list the controllers at this place. */
	autoclose int alone = path_open_in(shim->host, "sys/fs/cgroup/cgroup.controllers", O_PATH);

	if (alone < 0)
		return mount_hierarchies(shim, mount, err);

	int tree = make_hierarchy(shim, mount, "", "", err);

	if (tree < 0 || dress(tree, mount, err) < 0) {
		closep(&tree);
		return -1;
	}
	return shim_attach_consume(shim, tree, mount->destination, err);
}

static int make_mount(struct shim *shim, const struct lxc_plan_mount *mount,
		      struct lxcri_error *err)
{
	bool bind = mount->flags & LXC_MOUNT_BIND;

	if (!bind && (strcmp(mount->type, "cgroup") == 0 || strcmp(mount->type, "cgroup2") == 0))
		return mount_cgroup(shim, mount, err);

	autoclose int tree = bind ? shim_receive_tree(shim, err) : make(mount, err);

	if (tree < 0)
		return -1;
	if (mount->flags & LXC_MOUNT_COPY_UP && copy_up(shim, mount, tree, err) < 0)
		return fail_while(err, "copy what is at %s", mount->destination);
	if (dress(tree, mount, err) < 0)
		return -1;
	return shim_attach_consume(shim, steal_fd(&tree), mount->destination, err);
}

int shim_make_mounts(struct shim *shim, struct lxcri_error *err)
{
	for (size_t i = 0; i < shim->plan.n_mounts; i++)
		if (make_mount(shim, &shim->plan.mounts[i], err) < 0)
			return fail_as(err, LXCRI_E_MOUNT_FAILED, "mounts[%zu]", i);
	return 0;
}
