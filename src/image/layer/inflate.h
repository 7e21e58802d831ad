/* SPDX-License-Identifier: MIT */
#pragma once

/* Decompression of a stream piece by piece, with bounded memory. Only the worker links it. */

#include "base/fail.h"
#include "base/scope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum compression {
	COMPRESSION_NONE,
	COMPRESSION_GZIP, /* also of several members */
	COMPRESSION_ZSTD, /* also of several frames */
};

/* Tells by its first bytes how a stream is compressed. */
enum compression compression_detect(const void *bytes, size_t size);

/* Bytes that wait to be read; the reader moves on in it. */
struct inflate_input {
	const uint8_t *bytes;
	size_t size;
};

struct inflate;

/* Makes the state for one stream. The caller owns it. */
[[nodiscard]] struct inflate *inflate_create(enum compression compression);

/* Makes @inflate ready for another stream. What a decompressor of the same kind allocated stays. */
void inflate_reset(struct inflate *inflate, enum compression compression);

/* Frees @inflate; NULL is fine. */
void inflate_free(struct inflate *inflate);
DEFINE_AUTOPTR(inflate)

/* Takes from @input and writes up to @room bytes to @out. Returns their number; 0 means that more
 * input is needed. LXCRI_E_EXTRACT_FAILED for a damaged stream, a wrong checksum or bytes behind
 * the last member; LXCRI_E_LIMIT_EXCEEDED for a window that would need too much memory. */
[[nodiscard]] ssize_t inflate_read(struct inflate *inflate, struct inflate_input *input, void *out,
				   size_t room, struct lxcri_error *err);

/* Tells whether the stream may end here: between members, with all output handed out. */
bool inflate_is_complete(const struct inflate *inflate);
