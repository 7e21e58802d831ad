/* SPDX-License-Identifier: MIT */
/* A pattern on the first line, a name behind it. */

#include "config/pattern.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[512];
	struct lxcri_error err = {};

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';

	char *end = strchr(text, '\n');
	const char *name = end ? end + 1 : "";

	if (end)
		*end = '\0';
	/* What passes the check never fails to match, and what does not never matches. */
	if ((pattern_check(text, &err) < 0) != (pattern_match(text, name, &err) < 0))
		abort();
	return 0;
}
