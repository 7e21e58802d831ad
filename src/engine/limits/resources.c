/* SPDX-License-Identifier: MIT */
/* The linux.resources of a runtime specification as JSON. */

#include "engine/limits/resources.h"

#include "base/mem.h"
#include "oci/spec_validate.h"

#include <string.h>

int resources_parse(const char *json, struct json_object **ret, struct lxcri_error *err)
{
	autojson object = NULL;

	if (json_parse(json, strlen(json), &json_limits_spec, &object, err) < 0)
		return -1;
	if (!json_object_is_type(object, json_type_object))
		return fail(err, LXCRI_E_INVALID_SPEC, "linux.resources: must be an object");
	if (spec_validate_resources(object, err) < 0)
		return -1;
	*ret = steal(object);
	return 0;
}

static bool is_nothing(const char *key, struct json_object *value)
{
	static const char *const zeroes[] = { "swappiness", "burst", "idle" };

	for (size_t i = 0; i < ARRAY_LEN(zeroes); i++)
		if (strcmp(key, zeroes[i]) == 0)
			return false;
	if (json_object_is_type(value, json_type_string))
		return json_object_get_string_len(value) == 0;
	return json_object_is_type(value, json_type_int) && json_object_get_int64(value) == 0;
}

/* Tells whether two entries of a list are about the same thing. */
static bool is_same(struct json_object *a, struct json_object *b)
{
	static const char *const names[] = { "major", "minor", "pageSize", "name" };
	bool compared = false;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct json_object *one = json_get(a, names[i]);
		struct json_object *other = json_get(b, names[i]);

		if (!one && !other)
			continue;
		if (!one || !other || !json_object_equal(one, other))
			return false;
		compared = true;
	}
	return compared;
}

static void merge_list(struct json_object *base, struct json_object *patch)
{
	for (size_t i = 0; i < json_object_array_length(patch); i++) {
		struct json_object *entry = json_object_array_get_idx(patch, i);
		size_t at = 0;

		while (at < json_object_array_length(base) &&
		       !is_same(json_object_array_get_idx(base, at), entry))
			at++;
		json_object_array_put_idx(base, at, json_object_get(entry));
	}
}

static void merge_object(struct json_object *base, struct json_object *patch)
{
	json_object_object_foreach(patch, key, value)
	{
		struct json_object *old = json_get(base, key);
		bool is_list = json_object_is_type(value, json_type_array);

		if (is_nothing(key, value))
			continue;
		if (!is_list && !json_object_is_type(value, json_type_object)) {
			json_object_object_add(base, key, json_object_get(value));
			continue;
		}
		if (!old) {
			old = is_list ? json_object_new_array() : json_object_new_object();
			json_object_object_add(base, key, old);
		}
		if (is_list)
			merge_list(old, value);
		else
			merge_object(old, value);
	}
}

void resources_merge(struct json_object *base, struct json_object *patch)
{
	struct json_object *memory = json_get(patch, "memory");

	merge_object(base, patch);
	/* Without a limit of memory there is none of memory and swap together. */
	if (json_get_i64(memory, "limit", 0) == -1 && !json_get(memory, "swap") &&
	    json_get(json_get(base, "memory"), "swap"))
		json_object_object_add(json_get(base, "memory"), "swap", json_object_new_int64(-1));
}
