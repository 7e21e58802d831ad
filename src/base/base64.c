/* SPDX-License-Identifier: MIT */
/* Base64. */

#include "base/base64.h"

#include "base/mem.h"
#include "base/scope.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *bytes, size_t size)
{
	const uint8_t *in = bytes;
	char *text = xzalloc((size + 2) / 3 * 4 + 1);
	char *out = text;

	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
				 (left > 2 ? (uint32_t)in[i + 2] : 0);

		*out++ = alphabet[group >> 18 & 63];
		*out++ = alphabet[group >> 12 & 63];
		*out++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
		*out++ = left > 2 ? alphabet[group & 63] : '=';
	}
	return text;
}

char *base64_decode(const char *text, size_t *ret_size)
{
	size_t length = strspn(text, alphabet);
	size_t padding = strspn(text + length, "=");
	autofree char *bytes = xzalloc(length + 1);
	size_t size = 0;
	uint32_t group = 0;

	if (text[length + padding] || padding > 2 || length % 4 == 1 ||
	    (padding > 0 && (length + padding) % 4 != 0))
		return NULL;
	for (size_t i = 0; i < length; i++) {
		group = group << 6 | (uint32_t)(strchr(alphabet, text[i]) - alphabet);
		if (i % 4 == 0)
			continue;
		/* The second, third and fourth digit each complete one more byte. */
		bytes[size++] = (char)(group >> (6 - 2 * (i % 4)));
	}
	*ret_size = size;
	return steal(bytes);
}
