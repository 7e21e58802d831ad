/* SPDX-License-Identifier: MIT */
#pragma once

/* Pulling an image into the store: one process fetches what is missing, another, without a network,
 * verifies it and unpacks it while it comes. */

#include "image/store.h"
#include "lxcri/config.h"
#include "lxcri/pull.h"

struct image_pull {
	const char *reference;             /* a short name is docker's */
	const char *name;                  /* what it is called in the store; NULL: the reference */
	const struct lxcri_config *config; /* its section "registries" */
	lxcri_pull_fn progress;            /* or NULL */
	void *userdata;
};

/* Pulls as lxcri_image_pull() describes. Both results are owned by the caller. */
[[nodiscard]] int image_store_pull(struct image_store *store, const struct image_pull *pull,
				   char **ret_name, char **ret_digest, struct lxcri_error *err);

/* Asks the registry which image a pull of @reference would bring. *@ret_digest is that of its
 * manifest, owned by the caller. LXCRI_E_IMAGE_NOT_FOUND, LXCRI_E_DOWNLOAD_FAILED, and what else a
 * pull fails with. */
[[nodiscard]] int image_store_look(struct image_store *store, const struct lxcri_config *config,
				   const char *reference, char **ret_digest,
				   struct lxcri_error *err);
