/* SPDX-License-Identifier: MIT */
#pragma once

/* Bringing one image into the store with its layers unpacked, all or nothing. */

#include "base/fail.h"
#include "image/layout.h"
#include "image/source/source.h"

/* Whether the image gets an entry in index.json, or has one and only lacks layers. */
enum import_index { IMPORT_RECORD, IMPORT_KEEP_INDEX };

/* Takes @image in, by several threads. The lock is held by the caller. *@ret_digest is the
 * manifest's, owned by the caller. @name, a normalised reference or NULL for none, names it
 * afterwards in place of what had that name. LXCRI_E_INTEGRITY_CHECK_FAILED,
 * LXCRI_E_EXTRACT_FAILED, LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_STORAGE_ERROR; the store is then as it
 * was. */
[[nodiscard]] int import_image(const struct layout *layout, struct source_image *image,
			       const char *name, enum import_index what_index, char **ret_digest,
			       struct lxcri_error *err);
