/* SPDX-License-Identifier: MIT */
#include "tree_model.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define LINKS_MAX 40

void model_init(struct model *model)
{
	*model = (struct model){ .count = 1 };
	model->root = &model->nodes[0];
	model->root->mode = S_IFDIR | 0700;
}

static struct node *make(struct model *model, mode_t mode)
{
	struct node *node = &model->nodes[model->count++];

	assert(model->count < MODEL_NODES);
	node->mode = mode;
	return node;
}

/* Takes a directory apart, so that nothing is found in it any more. */
static void take_apart(struct node *node)
{
	if (!node || !S_ISDIR(node->mode))
		return;
	for (int i = 0; i < MODEL_NAMES; i++) {
		take_apart(node->children[i]);
		node->children[i] = NULL;
	}
}

/* A directory that no entry is about; a set-group-id bit goes down to it, as mkdir() has it. */
static struct node *imply(struct model *model, const struct node *parent)
{
	struct node *dir = make(model, S_IFDIR | 0755 | (parent->mode & S_ISGID));

	dir->gid = parent->mode & S_ISGID ? parent->gid : 0;
	return dir;
}

enum missing { MISSING_FAILS, MISSING_IS_MADE };

/* Where a walk is: the way from the root to the directory it has reached. */
struct walk {
	struct node *way[64];
	int depth;
	int links;
};

/* Goes on along @path, links followed, as if the root were all there is. Returns 1 where it leads,
 * 0 where something is missing, -1 where it cannot be. */
static int go(struct walk *walk, const char *path)
{
	if (*path == '/')
		walk->depth = 0;
	while (*path) {
		size_t length = strcspn(path, "/");
		struct node *next;
		int r = 1;

		if (length == 2 && path[0] == '.') {
			walk->depth -= walk->depth > 0;
		} else if (length == 1 && path[0] != '.') {
			next = walk->way[walk->depth]->children[path[0] - 'a'];
			if (!next)
				return 0;
			if (S_ISLNK(next->mode))
				r = ++walk->links > LINKS_MAX ? -1 : go(walk, next->target);
			else if (!S_ISDIR(next->mode))
				return -1;
			else
				walk->way[++walk->depth] = next;
			if (r != 1)
				return r;
		}
		path += length;
		path += strspn(path, "/");
	}
	return 1;
}

/* Returns the directory that @path leads to, or NULL where that cannot be. */
static struct node *find(struct model *model, const char *path, enum missing missing)
{
	char prefix[16] = "";
	struct node *dir = model->root;

	for (const char *piece = path; *piece; piece += *piece == '/') {
		size_t length = strcspn(piece, "/");
		struct node *parent = dir;
		struct walk walk = { .way = { model->root } };
		int r;

		piece += length;
		(void)snprintf(prefix, sizeof(prefix), "%.*s", (int)(piece - path), path);
		r = go(&walk, prefix);
		if (r < 0)
			return NULL;
		if (r == 0) {
			/* A link that leads to nothing is in the way. */
			if (missing == MISSING_FAILS || parent->children[piece[-1] - 'a'])
				return NULL;
			dir = parent->children[piece[-1] - 'a'] = imply(model, parent);
		} else {
			dir = walk.way[walk.depth];
		}
	}
	return dir;
}

static void split(const char *path, char dir[16], int *ret_name)
{
	size_t length = strlen(path);

	(void)snprintf(dir, 16, "%.*s", length > 1 ? (int)length - 2 : 0, path);
	*ret_name = path[length - 1] - 'a';
}

/* Returns the empty place where @path is to be, or NULL. */
static struct node **clear(struct model *model, const char *path)
{
	struct node *dir;
	struct node **slot;
	char parent[16];
	int name;

	split(path, parent, &name);
	dir = find(model, parent, MISSING_IS_MADE);
	if (!dir)
		return NULL;
	slot = &dir->children[name];
	if (!*slot)
		return slot;
	take_apart(*slot);
	*slot = NULL;
	/* The way to the directory may have led through what is gone. */
	dir = find(model, parent, MISSING_IS_MADE);
	return dir ? &dir->children[name] : NULL;
}

static struct node *place(struct model *model, const struct model_entry *entry, mode_t type)
{
	struct node **slot = clear(model, entry->path);

	if (!slot)
		return NULL;
	/* The way may lead elsewhere by now, to what is no directory of the old one. */
	take_apart(*slot);
	*slot = make(model, type | entry->mode);
	(*slot)->uid = (*slot)->gid = entry->uid;
	(*slot)->mtime = entry->mtime;
	(*slot)->content = entry->content;
	(void)snprintf((*slot)->target, sizeof((*slot)->target), "%s", entry->target);
	(void)snprintf((*slot)->path, sizeof((*slot)->path), "%s", entry->path);
	return *slot;
}

static void describe(struct node *dir, const struct model_entry *entry)
{
	dir->mode = S_IFDIR | entry->mode;
	dir->uid = dir->gid = entry->uid;
	dir->mtime = entry->mtime;
	(void)snprintf(dir->path, sizeof(dir->path), "%s", entry->path);
}

static bool make_dir(struct model *model, const struct model_entry *entry)
{
	struct node *dir;
	struct node *old;
	char parent[16];
	bool was_hidden;
	int name;

	if (!*entry->path) {
		describe(model->root, entry);
		return true;
	}
	split(entry->path, parent, &name);
	dir = find(model, parent, MISSING_IS_MADE);
	if (!dir)
		return false;
	old = dir->children[name];
	if (old && S_ISDIR(old->mode)) {
		describe(old, entry);
		return true;
	}
	was_hidden = old && S_ISCHR(old->mode);
	old = place(model, entry, S_IFDIR);
	if (old)
		old->is_opaque = was_hidden;
	return old;
}

static bool make_link(struct model *model, const struct model_entry *entry)
{
	struct node *source_dir;
	struct node **slot;
	char parent[16];
	int name;

	split(entry->target, parent, &name);
	source_dir = find(model, parent, MISSING_FAILS);
	if (!source_dir || !source_dir->children[name] ||
	    S_ISDIR(source_dir->children[name]->mode) || S_ISCHR(source_dir->children[name]->mode))
		return false;
	if (strcmp(entry->path, entry->target) == 0)
		return true;
	slot = clear(model, entry->path);
	/* The name that was replaced may have been the source's, or above it. */
	if (!slot || !source_dir->children[name])
		return false;
	*slot = source_dir->children[name];
	return true;
}

static bool hide(struct model *model, const struct model_entry *entry)
{
	struct node *dir;
	char parent[16];
	int name;

	split(entry->path, parent, &name);
	dir = find(model, parent, MISSING_IS_MADE);
	if (!dir)
		return false;
	if (!dir->children[name])
		dir->children[name] = make(model, S_IFCHR);
	else if (S_ISDIR(dir->children[name]->mode))
		dir->children[name]->is_opaque = true;
	return true;
}

bool model_apply(struct model *model, const struct model_entry *entry)
{
	struct node *dir;

	switch (entry->kind) {
	case ENTRY_DIR:
		return make_dir(model, entry);
	case ENTRY_LINK:
		return make_link(model, entry);
	case ENTRY_HIDE:
		return hide(model, entry);
	case ENTRY_HIDE_BELOW:
		dir = find(model, entry->path, MISSING_IS_MADE);
		if (dir)
			dir->is_opaque = true;
		return dir;
	case ENTRY_SYMLINK:
		return place(model, entry, S_IFLNK);
	case ENTRY_FIFO:
		return place(model, entry, S_IFIFO);
	case ENTRY_FILE:
		break;
	}
	return place(model, entry, S_IFREG);
}

void model_settle(struct model *model)
{
	for (unsigned int i = 0; i < model->count; i++) {
		struct node *node = &model->nodes[i];
		struct node *dir = model->root;
		char parent[16];
		int name;

		if (!S_ISDIR(node->mode) || node->mtime == 0)
			continue;
		if (*node->path) {
			split(node->path, parent, &name);
			dir = find(model, parent, MISSING_FAILS);
			dir = dir ? dir->children[name] : NULL;
		}
		if (dir != node)
			node->mtime = 0;
	}
}
