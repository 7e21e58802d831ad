/* SPDX-License-Identifier: MIT */
#include "base/json_walk.h"

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

/* How a walk takes the values: not at all, or in one of the three ways. */
enum manner { PASS, READ, MAKE, PLACE, MANNERS };

/* The value of a member is as in @object, which json_parse() made. */
static int check_value(struct json_walk *walk, const struct json_slice *key, enum manner manner,
		       struct json_object *object, struct lxcri_error *err)
{
	char *name = strndup(key->text, key->length);
	struct json_object *expected = json_get(object, name);
	struct json_plain plain;
	struct json_slice place;
	autojson made = NULL;
	int r = 0;

	free(name);
	if (manner == MAKE && (r = json_walk_make(walk, &made, err)) == 0 && object)
		assert(json_object_equal(made, expected));
	if (manner == PLACE && (r = json_walk_pass(walk, &place, err)) == 0 && object) {
		r = json_parse(place.text, place.length, &json_limits_spec, &made, err);
		assert(r == 0 && json_object_equal(made, expected));
	}
	if (manner != READ || (r = json_walk_read(walk, &plain, err)) < 0 || !object)
		return r;
	if (plain.type == json_type_string)
		assert(json_object_get_string_len(expected) == (int)plain.text.length &&
		       memcmp(json_object_get_string(expected), plain.text.text,
			      plain.text.length) == 0);
	else if (plain.type == json_type_int || plain.type == json_type_boolean)
		assert(json_object_get_int64(expected) == plain.number);
	else
		assert(!json_object_is_type(expected, json_type_string));
	return 0;
}

/* A walk tells what json_parse() makes, and refuses what that refuses, but for a key that comes
 * twice. @object is NULL where it was refused. */
static void check_walk(const char *bytes, size_t size, const struct json_limits *limits,
		       enum manner manner, struct json_object *object, bool may_pass)
{
	autorun(json_walk_finish) struct json_walk walk = JSON_WALK(bytes, size, limits);
	struct lxcri_error err = {};
	struct json_slice key;
	int count = 0;
	int r;

	while ((r = json_walk_next(&walk, &key, &err)) > 0) {
		r = check_value(&walk, &key, manner, object, &err);
		if (r < 0)
			break;
		count++;
	}
	if (object)
		assert(r == 0 && count == json_object_object_length(object));
	else
		assert(r < 0 || may_pass);
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
		for (enum manner manner = PASS; manner < MANNERS; manner++)
			check_walk(bytes, size, &limits, manner, NULL,
				   strstr(err.text, "same key twice"));
		return 0;
	}
	for (enum manner manner = PASS; manner < MANNERS; manner++)
		check_walk(bytes, size, &limits, manner,
			   json_object_is_type(value, json_type_object) ? value : NULL, false);

	other = parse_otherwise(bytes, size);
	assert(json_object_equal(value, other));

	autofree char *text = json_format_line(value);
	int r = json_parse(text, strlen(text), &json_limits_spec, &again, &err);

	assert(r == 0 && json_object_equal(value, again));
	return 0;
}
