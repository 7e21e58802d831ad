/* SPDX-License-Identifier: MIT */
#pragma once

/* Digests as image documents write them: "sha256:" and 64 small hexadecimal digits. */

#include "base/fail.h"

#include <stddef.h>

enum digest_algorithm {
	DIGEST_SHA256,
	DIGEST_SHA512,
};

#define DIGEST_HEX_MAX  128
#define DIGEST_TEXT_MAX (sizeof("sha512:") - 1 + DIGEST_HEX_MAX)

/* A digest by value; nothing to free. */
struct digest {
	enum digest_algorithm algorithm;
	char hex[DIGEST_HEX_MAX + 1];
	char text[DIGEST_TEXT_MAX + 1]; /* with the algorithm in front */
};

/* Parses @text; sha256 and sha512 are well-formed, everything else is LXCRI_E_INVALID_DIGEST and
 * leaves *@ret alone. */
[[nodiscard]] int digest_parse(const char *text, struct digest *ret, struct lxcri_error *err);
