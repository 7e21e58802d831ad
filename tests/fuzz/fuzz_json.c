/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <assert.h>
#include <string.h>

#define DEPTH_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns what json-c's own parser makes of the same. */
static struct json_object *parse_otherwise(const char *bytes, size_t size)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX + 2);
	struct json_object *value;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	value = json_tokener_parse_ex(tokener, bytes, (int)size);
	/* A bare number at the very end is complete only once something follows it. */
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		value = json_tokener_parse_ex(tokener, "", 1);
	assert(json_tokener_get_error(tokener) == json_tokener_success);
	json_tokener_free(tokener);
	return value;
}

/* What is taken is what json-c makes of it: every refusal is one of ours and names its place. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct json_limits limits = { 1u << 16, DEPTH_MAX, 1000 };
	const char *bytes = (const char *)data;
	struct lxcri_error err = {};
	autojson value = NULL;
	autojson again = NULL;
	autojson other = NULL;

	(void)json_line_of(bytes, size, "a[1].b");
	if (json_parse(bytes, size, &limits, &value, &err) < 0) {
		assert(err.code == LXCRI_E_LIMIT_EXCEEDED || strncmp(err.text, "line ", 5) == 0);
		return 0;
	}

	other = parse_otherwise(bytes, size);
	assert(json_object_equal(value, other));

	autofree char *text = json_format_line(value);
	int r = json_parse(text, strlen(text), &json_limits_spec, &again, &err);

	assert(r == 0 && json_object_equal(value, again));
	return 0;
}
