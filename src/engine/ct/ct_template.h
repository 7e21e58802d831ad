/* SPDX-License-Identifier: MIT */
#pragma once

/* The templates that containers of Proxmox VE are made from: one for each image and release of our
 * init, on a storage of the cluster. */

#include "engine/ct/ct_session.h"
#include "image/convert/conversion.h"

#include "base/sha256.h"

#define CT_TEMPLATE_PREFIX "lxcri-"

/* Yields the sum of the init that goes into templates and datasets, in hexadecimal digits. */
[[nodiscard]] int ct_template_sum_init(char hex[SHA256_HEX_SIZE], struct lxcri_error *err);

/* Makes sure that a template with nothing in it but an empty directory is there, for containers
 * that never run. */
[[nodiscard]] int ct_template_ensure_empty(struct lxcri_engine *engine, const char *node,
					   char **ret_volume, struct lxcri_error *err);

/* Makes sure that the template of the stored image @digest, whose layers stay, is on the storage of
 * templates of @node, and yields its volume, the caller's. One that is there is not sent again.
 * Fails as a conversion and a request. */
[[nodiscard]] int ct_template_ensure(struct lxcri_engine *engine, const char *node,
				     const char *digest, enum conversion_ct where,
				     char **ret_volume, struct lxcri_error *err);
