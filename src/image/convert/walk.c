/* SPDX-License-Identifier: MIT */
/* The merged tree of an image from its root down. */

#include "image/convert/walk.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>

/* As deep as layers are unpacked, and what overlays of them cannot exceed. */
#define DEPTH_MAX 256

struct walk {
	const struct walk_visitor *visitor;
	struct copy_links links;
	unsigned int depth;
};

static int visit_dir(struct walk *walk, const struct merged *dir, const struct walk_entry *entry,
		     struct lxcri_error *err);

static int fail_entry(const char *doing, const char *path, int r, struct lxcri_error *err)
{
	return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "%s \"%.200s\" of the image", doing,
			       *path ? path : "/");
}

static int visit_name(struct walk *walk, const struct merged *parent, const char *dir,
		      const char *name, struct lxcri_error *err)
{
	autorun(merged_node_finish) struct merged_node node = {};
	autofree char *path = *dir ? xformat("%s/%s", dir, name) : xstrdup(name);
	struct walk_entry entry = { .path = path, .name = name, .status = &node.status, .fd = -1 };
	int r = merged_child(parent, name, &node);

	if (r < 0)
		return fail_entry("look at", path, r, err);
	entry.dir = node.layer;
	if (S_ISDIR(node.status.st_mode))
		return visit_dir(walk, &node.dir, &entry, err);
	if (S_ISSOCK(node.status.st_mode)) {
		log_warning("\"%.200s\" of the image is a socket and left out", path);
		return 0;
	}
	entry.first = copy_links_note(&walk->links, &node.status, path);
	return walk->visitor->enter(walk->visitor->userdata, &entry, err);
}

static int visit_dir(struct walk *walk, const struct merged *dir, const struct walk_entry *entry,
		     struct lxcri_error *err)
{
	const struct walk_visitor *visitor = walk->visitor;
	autorun(strings_finish) struct strings names = {};
	struct walk_entry self = *entry;
	int r;

	self.fd = dir->fds[0];
	if (walk->depth == DEPTH_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "the image has more than %d directories in each other", DEPTH_MAX);
	if (visitor->enter(visitor->userdata, &self, err) < 0)
		return -1;
	r = merged_list(dir, &names);
	if (r < 0)
		return fail_entry("list", entry->path, r, err);
	walk->depth++;
	for (size_t i = 0; i < names.count; i++)
		if (visit_name(walk, dir, entry->path, names.items[i], err) < 0)
			return -1;
	walk->depth--;
	return visitor->leave ? visitor->leave(visitor->userdata, &self, err) : 0;
}

static int visit_root(struct walk *walk, const struct merged *root, struct lxcri_error *err)
{
	struct stat status;
	const struct walk_entry entry = {
		.path = "", .name = "", .status = &status, .dir = -1, .fd = -1
	};

	if (root->count == 0)
		return fail(err, LXCRI_E_INVALID_FORMAT, "the image has no layers");
	if (fstat(root->fds[0], &status) < 0)
		return fail_entry("look at", "", errno, err);
	return visit_dir(walk, root, &entry, err);
}

int walk_layers(const int *fds, size_t count, const struct walk_visitor *visitor,
		struct lxcri_error *err)
{
	autorun(merged_finish) struct merged root = {};
	struct walk walk = { .visitor = visitor };
	int r = merged_init(&root, fds, count);

	if (r < 0)
		return fail_entry("open", "", r, err);
	r = visit_root(&walk, &root, err);
	copy_links_finish(&walk.links);
	return r;
}
