/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the scan lets pass, json-c takes: every refusal is one of ours and names its place. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct json_limits limits = { 1u << 16, 16, 1000 };
	const char *bytes = (const char *)data;
	struct lxcri_error err = {};
	autojson value = NULL;
	autojson again = NULL;

	(void)json_line_of(bytes, size, "a[1].b");
	if (json_parse(bytes, size, &limits, &value, &err) < 0) {
		assert(err.code == LXCRI_E_LIMIT_EXCEEDED || strncmp(err.text, "line ", 5) == 0);
		return 0;
	}

	autofree char *text = json_format_line(value);
	int r = json_parse(text, strlen(text), &json_limits_spec, &again, &err);

	assert(r == 0 && json_object_equal(value, again));
	return 0;
}
