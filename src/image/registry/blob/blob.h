/* SPDX-License-Identifier: MIT */
#pragma once

/* A blob on its way from a registry to the directory of downloads, where it bears the name of its
 * digest from the first byte on: what is there of it is not fetched again. Whoever fetches it holds
 * a lock on it; it dies with the process. Whether it is the right one is for others to say. */

#include "base/fail.h"
#include "base/sha256.h"
#include "image/registry/blob/gaps.h"
#include "oci/descriptor.h"

struct blob {
	int dir_fd; /* of the downloads, borrowed */
	char hex[SHA256_HEX_SIZE];
	uint64_t size;
	struct gaps gaps; /* while it is open: what is missing */
	bool is_mapped;   /* they are written behind it */
	bool is_old;      /* some of it was there before us */
	int fd;
};
#define BLOB_NULL ((struct blob){ .dir_fd = -1, .fd = -1 })

/* Makes @blob that of @descriptor. LXCRI_E_UNSUPPORTED_OPERATION for another digest than sha256.
 * The caller ends it with blob_finish(). */
[[nodiscard]] int blob_init(struct blob *blob, int dir_fd, const struct descriptor *descriptor,
			    struct lxcri_error *err);

enum blob_wait { BLOB_TRY, BLOB_WAIT };

/* Takes the lock and finds out what is there. Returns 1, or 0 with BLOB_TRY while somebody else has
 * it. */
[[nodiscard]] int blob_open(struct blob *blob, enum blob_wait wait, struct lxcri_error *err);

/* Returns how many bytes are there, and how many of them from the start. */
uint64_t blob_have(const struct blob *blob);
uint64_t blob_prefix(const struct blob *blob);

/* Writes those of @size bytes from @at that are missing. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int blob_take(struct blob *blob, uint64_t at, const void *bytes, size_t size,
			    struct lxcri_error *err);

/* Ends a blob of which all bytes are there, and gives the lock back. */
[[nodiscard]] int blob_complete(struct blob *blob, struct lxcri_error *err);

/* Reads a blob that is complete. Returns whether it has the right digest, or -1. */
[[nodiscard]] int blob_verify(const struct blob *blob, struct lxcri_error *err);

/* Gives the lock back; what is there stays. */
void blob_close(struct blob *blob);

/* Forgets all bytes and gives the lock back. */
[[nodiscard]] int blob_forget(struct blob *blob, struct lxcri_error *err);

/* Gives the lock back and frees what @blob holds. Safe to repeat. */
void blob_finish(struct blob *blob);
