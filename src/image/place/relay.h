/* SPDX-License-Identifier: MIT */
#pragma once

/* Images on their way between places outside, of which one at least is a registry. Nothing is
 * stored; what the store has is not fetched. */

#include "image/place/news.h"
#include "image/store.h"
#include "lxcri/config.h"

#include <stdbool.h>

struct image_relay {
	const struct lxcri_config *config; /* its section "registries" */
	const char *source;                /* as image_is_source() has it */
	const char *dest;
	bool all_platforms;
	struct news news;
};

/* Copies as lxcri_image_copy() describes. *@ret_pushed is the normalised reference where @dest is a
 * registry, and *@ret_digest what it has there; both are owned by the caller, and NULL for another
 * place. */
[[nodiscard]] int image_store_relay(struct image_store *store, const struct image_relay *relay,
				    char **ret_pushed, char **ret_digest, struct lxcri_error *err);
