/* SPDX-License-Identifier: MIT */
#include "image/registry/response.h"

#include "base/scope.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever its lines say, a range lies within its whole, and an upload has what can be counted. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autorun(response_finish) struct response_head head = {};
	const char *line = (const char *)data;
	const char *end = line + size;
	struct lxcri_error err = {};

	while (line < end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t length = stop ? (size_t)(stop + 1 - line) : (size_t)(end - line);

		if (response_add_line(&head, line, length, &err) < 0)
			break;
		line += length;
	}
	assert(!head.response.has_range || head.response.range_from < head.response.range_total);
	assert(!head.response.has_kept || head.response.kept <= INT64_MAX);
	assert(head.response.kept != 1 && head.response.chunk_min <= INT64_MAX);
	return 0;
}
