/* SPDX-License-Identifier: MIT */
/* Digests as image documents write them. */

#include "oci/digest.h"

#include "base/scope.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	size_t bytes;
} algorithms[] = {
	[DIGEST_SHA256] = { "sha256", 32 },
	[DIGEST_SHA512] = { "sha512", 64 },
};

static struct digest make(enum digest_algorithm algorithm, const char *hex)
{
	struct digest digest = { .algorithm = algorithm };

	(void)snprintf(digest.hex, sizeof(digest.hex), "%s", hex);
	(void)snprintf(digest.text, sizeof(digest.text), "%s:%s", algorithms[algorithm].name, hex);
	return digest;
}

int digest_parse(const char *text, struct digest *ret, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		size_t length = strlen(algorithms[i].name);

		if (!text_starts_with(text, algorithms[i].name) || text[length] != ':')
			continue;

		const char *hex = text + length + 1;

		if (strlen(hex) != 2 * algorithms[i].bytes ||
		    strspn(hex, "0123456789abcdef") != strlen(hex))
			return fail(err, LXCRI_E_INVALID_DIGEST,
				    "digest \"%.200s\": expected %s: and %zu hexadecimal digits",
				    text, algorithms[i].name, 2 * algorithms[i].bytes);
		*ret = make((enum digest_algorithm)i, hex);
		return 0;
	}
	return fail(err, LXCRI_E_INVALID_DIGEST,
		    "digest \"%.200s\": expected sha256:... or sha512:...", text);
}
