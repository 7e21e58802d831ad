/* SPDX-License-Identifier: MIT */
#pragma once

/* SHA-256 of a stream, with libcrypto: about 1.5 GB/s where the CPU has the instructions. Only the
 * worker links it. */

#include "base/scope.h"
#include "base/sha256.h"

#include <stddef.h>

struct hash;

/* Makes a hash of nothing yet. The caller owns it. */
[[nodiscard]] struct hash *hash_create(void);

/* Frees @hash; NULL is fine. */
void hash_free(struct hash *hash);
DEFINE_AUTOPTR(hash)

/* Takes in @size more bytes. */
void hash_add(struct hash *hash, const void *bytes, size_t size);

/* Begins anew, with nothing added. */
void hash_reset(struct hash *hash);

/* Writes the digest of what was added; @hash has to be begun anew afterwards. */
void hash_end(struct hash *hash, char ret_hex[SHA256_HEX_SIZE]);

/* Loads the algorithm; called once, before the process confines itself and starts threads. */
void hash_prepare(void);
