/* SPDX-License-Identifier: MIT */
#pragma once

/* What an image consists of: its documents and the blobs that they name, each once. */

#include "image/registry/graph/held.h"

/* A manifest or an index. */
struct plan_document {
	struct digest digest;
	char *media_type;
	char *bytes;
	size_t size;
};

/* A config or a layer. */
struct plan_blob {
	struct digest digest;
	uint64_t size;
	bool is_layer;
};

/* Zeroed is empty. */
struct plan {
	struct plan_document *documents; /* what one names stands before it; the root is the last */
	size_t n_documents;
	size_t document_bytes; /* of all that were read */
	struct plan_blob *blobs;
	size_t n_blobs;
};

/* Reads what the document @digest of type @media_type leads to. Manifests of an index that are not
 * held are passed over: it is as it is, and who gets it decides. LXCRI_E_INTEGRITY_CHECK_FAILED,
 * LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_INVALID_SIZE for a blob of two sizes, and what the parsers fail
 * with. The caller ends *@ret with plan_finish(). */
[[nodiscard]] int plan_read(const struct held *held, const char *digest, const char *media_type,
			    struct plan *ret, struct lxcri_error *err);

/* Frees what @plan holds. Safe to repeat. */
void plan_finish(struct plan *plan);
