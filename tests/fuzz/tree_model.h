/* SPDX-License-Identifier: MIT */
#pragma once

/* What the tree of a layer must be, in memory: made by nobody who knows how it is done on a disk.
 * Names are "a", "b" and "c". */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define MODEL_NAMES 3
#define MODEL_NODES 512

struct node {
	mode_t mode; /* type and permissions; a character device is a whiteout */
	uid_t uid;
	gid_t gid;
	int64_t mtime; /* 0: nobody said */
	char path[16]; /* of a directory: what the last entry about it called it */
	char content;
	char target[32]; /* of a symlink */
	bool is_opaque;
	struct node *children[MODEL_NAMES];
};

/* Zeroed is an empty tree once model_init() was called. */
struct model {
	struct node nodes[MODEL_NODES];
	unsigned int count;
	struct node *root;
};

/* One entry of a layer. */
struct model_entry {
	enum {
		ENTRY_FILE,
		ENTRY_DIR,
		ENTRY_SYMLINK,
		ENTRY_LINK,
		ENTRY_FIFO,
		ENTRY_HIDE,
		ENTRY_HIDE_BELOW
	} kind;
	char path[16];   /* "a/b/c"; "" for the root */
	char target[32]; /* of a link */
	mode_t mode;
	uid_t uid;
	int64_t mtime;
	char content; /* of a file, which is one byte */
};

void model_init(struct model *model);

/* Does what @entry says. Returns whether that can be: if not, no layer with it is unpacked. */
bool model_apply(struct model *model, const struct model_entry *entry);

/* Ends the layer: a directory gets its time only where its name still leads to it. */
void model_settle(struct model *model);
