/* SPDX-License-Identifier: MIT */
#pragma once

/* SHA-256 (FIPS 180-4) for documents of a few KiB. The command verifies a manifest and an image
 * config on every start of a container; linking libcrypto for that would cost a millisecond before
 * main, more than the whole lookup. Layers are hashed in the worker, with libcrypto's SHA-NI code.
 */

#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX_SIZE 65 /* 64 digits and the NUL */

/* A digest on its way, for bytes that come in pieces. */
struct sha256 {
	uint32_t state[8];
	uint64_t size;
	uint8_t pending[64]; /* the first size % 64 are taken */
};

/* Begins with no byte. */
void sha256_init(struct sha256 *sha256);

/* Adds @size bytes. */
void sha256_add(struct sha256 *sha256, const void *bytes, size_t size);

/* Writes the digest of all that was added; @sha256 has to be begun anew. */
void sha256_finish_hex(struct sha256 *sha256, char ret_hex[SHA256_HEX_SIZE]);

/* Writes the digest of @size bytes as lower-case hexadecimal digits. */
void sha256_hex(const void *bytes, size_t size, char ret_hex[SHA256_HEX_SIZE]);
