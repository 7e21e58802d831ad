/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the blobs of an image lie, each under the digits of its digest. Nothing is changed there.
 */

#include "base/fail.h"
#include "oci/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELD_DIRS 2

/* Descriptors are borrowed. */
struct held {
	const char *where;   /* for messages: "the store" */
	int dirs[HELD_DIRS]; /* looked into in this order; -1: none */
};

/* Tells whether a file for @digest is there; its bytes are not looked at. */
bool held_has(const struct held *held, const struct digest *digest);

/* Opens the blob @digest, which must have @size bytes; returns its descriptor, owned by the caller.
 * LXCRI_E_INTEGRITY_CHECK_FAILED where it is not there or has another size,
 * LXCRI_E_UNSUPPORTED_OPERATION for another digest than sha256. */
[[nodiscard]] int held_open(const struct held *held, const struct digest *digest, uint64_t size,
			    struct lxcri_error *err);

/* Reads the document @digest and compares it with that. *@ret_bytes ends with a NUL that *@ret_size
 * does not count, and is owned by the caller. Fails as held_open() does. */
[[nodiscard]] int held_read(const struct held *held, const struct digest *digest, char **ret_bytes,
			    size_t *ret_size, struct lxcri_error *err);
