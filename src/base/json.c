/* SPDX-License-Identifier: MIT */
/* Values of json-c's: asking for members, and writing them out. */

#include "base/json.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

const struct json_limits json_limits_image = { 4u << 20, 32, 200000 };
const struct json_limits json_limits_spec = { 16u << 20, 32, 500000 };
const struct json_limits json_limits_config = { 4u << 20, 32, 200000 };

struct json_object *json_get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		(void)json_object_object_get_ex(object, key, &value);
	return value;
}

size_t json_count(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

void json_take_texts(struct json_object *array, struct strings *ret)
{
	for (size_t i = 0; i < json_count(array); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(array, i));

		strings_add(ret, text ? text : "");
	}
}

struct json_object *json_from_texts(const struct strings *strings)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < strings->count; i++)
		json_object_array_add(array, json_object_new_string(strings->items[i]));
	return array;
}

const char *json_get_text(struct json_object *object, const char *key)
{
	struct json_object *value = json_get(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

uint64_t json_get_u64(struct json_object *object, const char *key, uint64_t otherwise)
{
	struct json_object *value = json_get(object, key);

	/* json-c clamps what does not fit, without a word. */
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return otherwise;
	return json_object_get_uint64(value);
}

int64_t json_get_i64(struct json_object *object, const char *key, int64_t otherwise)
{
	struct json_object *value = json_get(object, key);

	if (!json_object_is_type(value, json_type_int) || json_object_get_uint64(value) > INT64_MAX)
		return otherwise;
	return json_object_get_int64(value);
}

bool json_get_bool(struct json_object *object, const char *key, bool otherwise)
{
	struct json_object *value = json_get(object, key);

	return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
							     : otherwise;
}

void json_set_text(struct json_object *object, const char *key, const char *text)
{
	if (text)
		json_object_object_add(object, key, json_object_new_string(text));
}

/* Appends @json with the control characters escaped that json-c leaves as they are, and with those
 * alone: a line break is no part of a string there. */
static void append_escaped(struct text *text, const char *json)
{
	const char *from = json;

	for (const char *c = json; *c; c++) {
		size_t length = *c == '\n' ? 0 : text_control_length(c);

		if (length == 0)
			continue;
		text_append(text, from, (size_t)(c - from));
		text_addf(text, "\\u%04x", (unsigned int)(unsigned char)c[length - 1]);
		c += length - 1;
		from = c + 1;
	}
	text_add(text, from);
}

char *json_format(struct json_object *value)
{
	struct text text = {};
	const int flags =
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE;

	append_escaped(&text, json_object_to_json_string_ext(value, flags));
	text_add(&text, "\n");
	return text_steal(&text);
}

char *json_format_line(struct json_object *value)
{
	const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;

	return xstrdup(json_object_to_json_string_ext(value, flags));
}
