/* SPDX-License-Identifier: MIT */
#pragma once

/* Taking in one layer that belongs to no image. */

#include "base/json.h"

/* Unpacks the bytes behind @fd, whose digest must be @digest, into the store in @data_dir, above
 * @below: chain ids (hexadecimal) of unpacked layers, topmost first, ended by NULL. One that is
 * there is only verified. Adds its chain id to @result as WORKER_DIGEST.
 * LXCRI_E_INTEGRITY_CHECK_FAILED, LXCRI_E_EXTRACT_FAILED, LXCRI_E_LIMIT_EXCEEDED,
 * LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int add_layer(const char *data_dir, const char *digest, char *const *below, int fd,
			    struct json_object *result, struct lxcri_error *err);
