/* SPDX-License-Identifier: MIT */
#pragma once

/* Giving registries what the store has, or what lies in some directory. */

#include "image/place/news.h"
#include "image/store.h"
#include "lxcri/config.h"

struct image_push {
	const struct lxcri_config *config; /* its section "registries" */
	const char *reference; /* where to: "[HOST/]PATH[:TAG]"; NULL: what the image is called */
	const char *digest;    /* of the document that is pushed, and what type it has */
	const char *media_type;
	const char *blobs;      /* a directory that has what the store lacks; or NULL */
	const char *mount_from; /* a repository of the same registry that has it all; or NULL */
	struct news news;
};

/* Pushes as lxcri_image_push() describes. *@ret_name is the normalised reference, owned by the
 * caller. */
[[nodiscard]] int image_push_send(const struct image_store *store, const struct image_push *push,
				  char **ret_name, struct lxcri_error *err);

/* Pushes the stored image @name; digest and media_type of @push are not looked at. Both results are
 * owned by the caller. LXCRI_E_IMAGE_NOT_FOUND. */
[[nodiscard]] int image_store_push(const struct image_store *store, const char *name,
				   const struct image_push *push, char **ret_name,
				   char **ret_digest, struct lxcri_error *err);
