/* SPDX-License-Identifier: MIT */
#pragma once

/* Bringing one image into the store with its layers unpacked, all or nothing. */

#include "base/fail.h"
#include "image/layout.h"
#include "image/source/source.h"
#include "lxcri/layer.h"

/* Whether the image gets an entry in index.json, or has one and only lacks layers. */
enum import_index { IMPORT_RECORD, IMPORT_KEEP_INDEX };

struct import_options {
	const char
		*name; /* a normalised reference, which is taken from what had it; NULL for none */
	enum import_index index;
	unsigned int workers; /* layers at a time; 0 is one for each CPU */
	/* Of an image that is still being fetched, else zeroed. */
	struct import_fetch {
		struct growth *growth; /* borrowed */
		const char *hex;       /* of its manifest */
		int lock_fd;           /* of the store, taken once all is unpacked */
	} fetch;
};

struct import_result {
	char *digest; /* of the manifest; owned by the caller */
	struct lxcri_pool_counters pool;
	struct lxcri_cache_counters cache;
};

/* Takes @image in, several layers at a time. The lock is held by the caller, unless the image is
 * still being fetched: then it is held on return. Returns 0, or 1 where others removed meanwhile
 * what the image was to share with them: it is to be loaded and taken in once more.
 * LXCRI_E_INTEGRITY_CHECK_FAILED, LXCRI_E_EXTRACT_FAILED, LXCRI_E_LIMIT_EXCEEDED,
 * LXCRI_E_STORAGE_ERROR, LXCRI_E_DOWNLOAD_FAILED for one that is not fetched to its end; the store
 * is then as it was. */
[[nodiscard]] int import_image(const struct layout *layout, struct source_image *image,
			       const struct import_options *options,
			       struct import_result *ret_result, struct lxcri_error *err);
