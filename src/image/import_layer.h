/* SPDX-License-Identifier: MIT */
#pragma once

/* One layer on its way into the store. */

#include "image/layout.h"
#include "image/source/source.h"
#include "image/layer/layer.h"
#include "image/layer/stream.h"
#include "image/layer/tree.h"

/* Zeroed but for the descriptors (IMPORT_LAYER_NULL) is a layer that nothing was done for. */
struct import_layer {
	struct source_layer *source; /* borrowed */
	const char *diff_id;         /* "sha256:…", borrowed */
	const char *chain_id;        /* hexadecimal, borrowed */
	unsigned int number;
	bool has_tree;     /* unpacked already: by an earlier import */
	bool has_blob;     /* stored already */
	const char *place; /* what the name of a tree in layers/ begins with until it is whole,
			    * borrowed */
	char *tree_name;   /* that name, until it is renamed; NULL without one */
	char *blob_name;   /* the same in blobs/sha256/ */
	int tree_fd;       /* of fs/ */
	struct tree *tree;
	struct stream_digests digests;
};
#define IMPORT_LAYER_NULL ((struct import_layer){ .tree_fd = -1 })

/* What the layers of an image share; borrowed. */
struct import_means {
	struct budget *budget;
	struct flusher *flusher;
};

/* Reads the layer, stores its blob and unpacks it under temporary names, as far as it is not there.
 * Both digests are verified, that of a stored blob only by its content. @work is reset. */
[[nodiscard]] int import_layer_run(struct import_layer *layer, const struct layout *layout,
				   struct work *work, const struct import_means *means,
				   struct lxcri_error *err);

/* Gives the blob of a layer that was fetched a temporary name in the store. Returns 1, or 0 where
 * it is not among the downloads any more, or not the file that was verified. */
[[nodiscard]] int import_layer_link(struct import_layer *layer, const struct layout *layout,
				    struct lxcri_error *err);

/* Opens the tree of a layer that was there before, for those above it. */
[[nodiscard]] int import_layer_open(struct import_layer *layer, const struct layout *layout,
				    struct lxcri_error *err);

/* Writes what is known of the layer beside its tree, and into @cache; @parent is the chain id below
 * or NULL. */
[[nodiscard]] int import_layer_record(const struct import_layer *layer, const char *parent,
				      const struct layout *layout,
				      struct lxcri_metadata_cache *cache, struct lxcri_error *err);

/* Checks that the record of the layer says that it is this one and lies on @parent (chain id or
 * NULL). LXCRI_E_INTEGRITY_CHECK_FAILED. */
[[nodiscard]] int import_layer_check(const struct import_layer *layer, const char *parent,
				     const struct layout *layout,
				     struct lxcri_metadata_cache *cache, struct lxcri_error *err);

/* Frees what @layer holds and removes what has no final name. Safe to repeat. */
void import_layer_finish(struct import_layer *layer, const struct layout *layout);
