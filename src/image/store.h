/* SPDX-License-Identifier: MIT */
#pragma once

/* The images of one data directory: <data>/images is an OCI image layout, <data>/layers/<chain id>
 * (hexadecimal, without "sha256:") the unpacked layers. Reading it links nothing heavy; what parses
 * bytes from outside runs in the worker. */

#include "base/fail.h"
#include "base/json.h"
#include "base/scope.h"
#include "base/strings.h"

#include <stdint.h>

struct image_store;

/* Opens the store below @data_dir, which need not exist yet. The caller owns *@ret_store. */
[[nodiscard]] int image_store_open(const char *data_dir, struct image_store **ret_store,
				   struct lxcri_error *err);

/* Has at most @workers layers unpacked at a time; 0, as at first, is one for each CPU. */
void image_store_set_workers(struct image_store *store, unsigned int workers);

/* Returns that number as the worker takes it, borrowed. */
const char *image_store_workers(const struct image_store *store);

/* Makes short names mean these registries, a list of texts, in its order; without any it is
 * docker.io. In the store they are looked up as docker.io's as well, for that is what an import
 * calls them. */
void image_store_search(struct image_store *store, struct json_object *registries);

/* Returns the normalised names that @name may mean, in their order: one, unless it is short. Owned
 * by the caller; empty, and @err is filled, for what is no name. */
[[nodiscard]] struct strings image_store_names(const struct image_store *store, const char *name,
					       struct lxcri_error *err);

/* Returns that of these names which @index has, else what an import calls @name; owned by the
 * caller. NULL, and @err is filled, for what is no name. */
[[nodiscard]] char *image_store_name(const struct image_store *store, struct json_object *index,
				     const char *name, struct lxcri_error *err);

/* Closes it; NULL is fine. */
void image_store_free(struct image_store *store);
DEFINE_AUTOPTR(image_store)

/* Lets @store remember in @run_dir what costs time to find: see listing.h. */
void image_store_remember(struct image_store *store, const char *run_dir);

/* An image that is in the store. Zeroed is empty. */
struct image {
	char *name;                /* as stored */
	char *digest;              /* of the manifest, "sha256:…" */
	char *config_json;         /* the verified bytes of the image config */
	struct strings layer_dirs; /* absolute paths of the unpacked layers, topmost first */
	uint64_t size_bytes;
	unsigned int layers;
	int64_t created_ns;
};

/* Frees what @image holds. Safe to repeat. */
void image_finish(struct image *image);

/* Finds the stored image @name (short names mean docker.io/library, no tag means latest; a digest
 * "sha256:…" works too, also of an image whose name another import has taken since) with its layers
 * unpacked, unpacking those that are missing. Documents are verified against their digests.
 * LXCRI_E_IMAGE_NOT_FOUND. */
[[nodiscard]] int image_store_get(struct image_store *store, const char *name,
				  struct image *ret_image, struct lxcri_error *err);

/* Written in front of a reference it means the registry. */
#define IMAGE_DOCKER_PREFIX "docker://"

/* Tells whether an image called @name is in the store; reads no more than the list of images. What
 * is no name, or can't be read, is false and fills @err. */
bool image_store_has(const struct image_store *store, const char *name, struct lxcri_error *err);

/* Tells whether @source is written as a source ("oci:", "oci-archive:", "docker-archive:",
 * "tarball:", "docker://") rather than the name of a stored image. */
bool image_is_source(const char *source);

/* Imports @source as lxcri_image_import() describes and unpacks its layers, in the worker process.
 * Both results are owned by the caller; @ret_name may be NULL. */
[[nodiscard]] int image_store_import(struct image_store *store, const char *source,
				     const char *name, char **ret_name, char **ret_digest,
				     struct lxcri_error *err);

/* What is imported. */
struct image_import {
	const char *source;
	const char *name; /* or NULL */
	int fd;           /* what WORKER_FD_PATH means in @source; -1 for none. Borrowed */
};

/* The same for what may have no name in the file system. */
[[nodiscard]] int image_store_import_from(struct image_store *store,
					  const struct image_import *import, char **ret_name,
					  char **ret_digest, struct lxcri_error *err);

/* Calls @each for every stored image, sorted by name; layer_dirs and config_json are not filled. */
[[nodiscard]] int image_store_list(struct image_store *store,
				   int (*each)(void *userdata, const struct image *image),
				   void *userdata, struct lxcri_error *err);

/* Returns what @name is called in the store: a digest as it is, else the normalised reference.
 * Owned by the caller; NULL, and @err is filled, for what is no name. */
[[nodiscard]] char *image_stored_name(const char *name, struct lxcri_error *err);

/* The data directory; borrowed. */
const char *image_store_data_dir(const struct image_store *store);
