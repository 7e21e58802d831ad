/* SPDX-License-Identifier: MIT */
#pragma once

/* Archives at an http or https address, fetched by lxcri-registry. */

#include "image/store.h"
#include "lxcri/config.h"

/* Fetches @url anew, by the rules of the section "registries" of @config, to the
 * empty file @fd, which is borrowed. LXCRI_E_DOWNLOAD_FAILED, LXCRI_E_TIMEOUT,
 * LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_STORAGE_ERROR, LXCRI_E_INVALID_ARGUMENT for what is no address.
 */
[[nodiscard]] int image_store_download(struct image_store *store, const struct lxcri_config *config,
				       const char *url, int fd, struct lxcri_error *err);
