/* SPDX-License-Identifier: MIT */
#pragma once

/* A blob on its way from a registry to the directory of downloads, where it bears the name of its
 * digest from the first byte on: what is there of it is not fetched again. Whoever fetches it holds
 * a lock on it; it dies with the process. */

#include "base/fail.h"
#include "image/layer/hash.h"
#include "image/registry/http.h"
#include "oci/descriptor.h"

struct blob {
	int dir_fd; /* of the downloads, borrowed */
	char hex[SHA256_HEX_SIZE];
	uint64_t size;
	uint64_t have;   /* bytes that are there */
	bool is_resumed; /* some of them were there before us */
	int fd;
	struct hash *hash; /* of these bytes */
};
#define BLOB_NULL ((struct blob){ .dir_fd = -1, .fd = -1 })

/* Makes @blob that of @descriptor. LXCRI_E_UNSUPPORTED_OPERATION for another digest than sha256.
 * The caller ends it with blob_finish(). */
[[nodiscard]] int blob_init(struct blob *blob, int dir_fd, const struct descriptor *descriptor,
			    struct lxcri_error *err);

enum blob_wait { BLOB_TRY, BLOB_WAIT };

/* Takes the lock and reads what is there. Returns 1, or 0 with BLOB_TRY while somebody else has it.
 * blob->have is then the whole size for a blob that is there, with the right digest. */
[[nodiscard]] int blob_open(struct blob *blob, enum blob_wait wait, struct lxcri_error *err);

/* Appends bytes. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int blob_take(void *blob, const void *bytes, size_t size, struct lxcri_error *err);

/* Forgets all bytes. */
[[nodiscard]] int blob_restart(void *blob, struct lxcri_error *err);

/* Checks the digest of a blob that is complete. Returns 0; 1 after forgetting all when it is wrong
 * but some of it was old; else LXCRI_E_INTEGRITY_CHECK_FAILED, and nothing is kept. */
[[nodiscard]] int blob_end(void *blob, struct lxcri_error *err);

/* Gives the lock back and frees what @blob holds. Safe to repeat. */
void blob_finish(struct blob *blob);
