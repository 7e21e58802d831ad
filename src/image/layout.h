/* SPDX-License-Identifier: MIT */
#pragma once

/* Where images are kept on disk:
 *
 *	<data>/                     0711
 *	<data>/.lock                held by whoever changes anything below
 *	<data>/images/              0700, an OCI image layout, or a link to it: images_dir.h
 *	<data>/images/oci-layout, index.json, blobs/sha256/<hex>
 *	<data>/images/downloads/<hex>  what was fetched, maybe not whole; locked while it grows
 *	<data>/broken/              0700: what a repair has put aside, until it is collected
 *	<data>/layers/              0700: nobody else may execute what an image brings
 *	<data>/layers/<chain id>/   fs/ (the tree) and layer.json, which was written last
 *	<data>/layers/.pull-<hex>/  the same of an image that is still being fetched: staging.h
 *
 * What is being made has a name that begins with ".tmp-"; the next holder of the lock removes it.
 * A record never names what is not there: blobs and layers are flushed before index.json changes,
 * and leave only after it did. Readers take no lock. */

#include "base/fail.h"
#include "base/json.h"
#include "base/scope.h"
#include "base/strings.h"

#include <stdbool.h>
#include <stdint.h>

#define LAYOUT_BLOBS     "blobs/sha256"
#define LAYOUT_DOWNLOADS "downloads" /* of images/: what was fetched and not taken in yet */
#define LAYOUT_TREE      "fs"
#define LAYOUT_RECORD    "layer.json"
#define LAYOUT_BROKEN    "broken" /* in the data directory: what a repair has put aside */
#define LAYOUT_TEMPORARY ".tmp-"

/* index.json may name an index, and that one another; more is a maze, not an image. */
#define LAYOUT_NESTED_MAX 2

struct layout {
	char *data_dir; /* absolute */
	int data_fd;
	int images_fd; /* all are -1 where the directory is not there */
	int blobs_fd;
	int layers_fd;
};
#define LAYOUT_NULL \
	((struct layout){ .data_fd = -1, .images_fd = -1, .blobs_fd = -1, .layers_fd = -1 })

/* Opens what is there below @data_dir, which may be nothing. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int layout_open(const char *data_dir, struct layout *ret_layout,
			      struct lxcri_error *err);

/* The same, and makes what is missing. */
[[nodiscard]] int layout_create(const char *data_dir, struct layout *ret_layout,
				struct lxcri_error *err);

/* Closes @layout. Safe to repeat. */
void layout_finish(struct layout *layout);

/* Waits for the lock and removes what a killed holder left half made. Returns its descriptor, owned
 * by the caller, whose end is the end of the lock. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int layout_lock(const struct layout *layout, struct lxcri_error *err);

/* The two halves of layout_lock(), for who can open no file by the time the lock is wanted: opens
 * what the lock is on, owned by the caller; and waits for it there, also
 * once more after it was given back. */
[[nodiscard]] int layout_open_lock(const struct layout *layout, struct lxcri_error *err);
[[nodiscard]] int layout_take_lock(const struct layout *layout, int fd, struct lxcri_error *err);

/* Gives back on @fd what layout_take_lock() took. */
void layout_give_lock(int fd);

/* The same for who only reads: others may read too, and nothing is removed or made. *@ret_lock
 * stays as it is where nobody has locked yet. */
[[nodiscard]] int layout_lock_shared(const struct layout *layout, int *ret_lock,
				     struct lxcri_error *err);

/* Reads index.json; without one *@ret_index is an empty index. Owned by the caller. */
[[nodiscard]] int layout_read_index(const struct layout *layout, struct json_object **ret_index,
				    struct lxcri_error *err);

/* Replaces index.json durably. Only under the lock. */
[[nodiscard]] int layout_write_index(const struct layout *layout, struct json_object *index,
				     struct lxcri_error *err);

/* Reads the document with @digest ("sha256:<hex>", well formed), checked against it. *@ret_bytes
 * ends with a NUL that *@ret_size does not count, and is owned by the caller.
 * LXCRI_E_INTEGRITY_CHECK_FAILED where the bytes differ or are not there. */
[[nodiscard]] int layout_read_document(const struct layout *layout, const char *digest,
				       char **ret_bytes, size_t *ret_size, struct lxcri_error *err);

/* Tells whether the blob <@hex> is there with @size bytes. */
bool layout_has_blob(const struct layout *layout, const char *hex, uint64_t size);

/* Tells whether the layer @chain_id is there, whole. */
bool layout_has_layer(const struct layout *layout, const char *chain_id);

/* Appends to @chain_ids, in hexadecimal, the name of each layer together with all below it
 * (image-spec, "Layer ChainID"); @diff_ids are "sha256:<hex>", lowest first. */
void layout_chain_ids(const struct strings *diff_ids, struct strings *chain_ids);
