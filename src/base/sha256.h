/* SPDX-License-Identifier: MIT */
#pragma once

/* SHA-256 (FIPS 180-4) for documents of a few KiB. The command verifies a manifest and an image
 * config on every start of a container; linking libcrypto for that would cost a millisecond before
 * main, more than the whole lookup. Layers are hashed in the worker, with libcrypto's SHA-NI code.
 */

#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX_SIZE 65 /* 64 digits and the NUL */

/* Writes the digest of @size bytes as lower-case hexadecimal digits. */
void sha256_hex(const void *bytes, size_t size, char ret_hex[SHA256_HEX_SIZE]);
