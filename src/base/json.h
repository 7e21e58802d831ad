/* SPDX-License-Identifier: MIT */
#pragma once

/* JSON from outside (RFC 8259), limits first: one walk over the bytes (json_scan.c) refuses what
 * json-c's parser would let pass (duplicate keys, excessive depth or number of values, bytes after
 * the document, NUL in a string), and makes the values. These are json-c's own objects: a getter
 * returns a borrowed pointer; json_free() drops a reference; json_object_get() of json-c takes one.
 *
 * Paths name a value in messages: "process.args[2]", with keys that are not plain words quoted:
 * annotations["org.example/x y"]. */

#include "base/fail.h"
#include "base/scope.h"
#include "base/strings.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_limits {
	size_t bytes_max;
	unsigned int depth_max;
	size_t values_max; /* objects, arrays, scalars and keys together */
	bool allows_nul;   /* in values that are strings, whose length then counts; never in keys */
};

/* What a document of a registry may measure: registries and other engines stop at 4 MiB as well. */
extern const struct json_limits json_limits_image;
/* A bundle's config.json. */
extern const struct json_limits json_limits_spec;
/* A configuration file and our own records. */
extern const struct json_limits json_limits_config;

/* Parses @size bytes. The root may be any value. Fails with LXCRI_E_INVALID_JSON, naming line and
 * column, or LXCRI_E_LIMIT_EXCEEDED. *@ret is owned by the caller. */
[[nodiscard]] int json_parse(const char *bytes, size_t size, const struct json_limits *limits,
			     struct json_object **ret, struct lxcri_error *err);

/* Returns the line (from 1) on which the value at @path begins in a document that json_parse()
 * took, or 0 when there is none. */
unsigned int json_line_of(const char *bytes, size_t size, const char *path);

/* Returns "PATH.KEY" (or KEY for an empty path), quoted where needed; owned by the caller. */
[[nodiscard]] char *json_path_key(const char *path, const char *key);

/* Returns "PATH[INDEX]"; owned by the caller. */
[[nodiscard]] char *json_path_index(const char *path, size_t index);

/* Returns the member @key, or NULL when it is absent, or null, or @object is no object. */
struct json_object *json_get(struct json_object *object, const char *key);

/* Returns how many members @array has: 0 when it is NULL or no array. */
size_t json_count(struct json_object *array);

/* Appends the texts that @array has; a null is an empty one. */
void json_take_texts(struct json_object *array, struct strings *ret);

/* Returns an array of the texts of @strings. */
[[nodiscard]] struct json_object *json_from_texts(const struct strings *strings);

/* Returns the text of member @key, or NULL when it is absent or not a string. Borrowed. */
const char *json_get_text(struct json_object *object, const char *key);

/* Returns the unsigned number of member @key, or @otherwise when it is absent or not an integer
 * that fits. */
uint64_t json_get_u64(struct json_object *object, const char *key, uint64_t otherwise);

/* Returns the signed number of member @key, or @otherwise. */
int64_t json_get_i64(struct json_object *object, const char *key, int64_t otherwise);

/* Returns the truth of member @key, or @otherwise when it is absent or not a boolean. */
bool json_get_bool(struct json_object *object, const char *key, bool otherwise);

/* Sets member @key to a copy of @text; NULL sets nothing. */
void json_set_text(struct json_object *object, const char *key, const char *text);

/* Returns @value as text with two spaces an indent and a line end; owned by the caller. */
[[nodiscard]] char *json_format(struct json_object *value);

/* Returns @value as text on one line; owned by the caller. */
[[nodiscard]] char *json_format_line(struct json_object *value);

/* Drops a reference; NULL is fine. */
static inline void json_free(struct json_object *value)
{
	json_object_put(value);
}

static inline void json_freep(struct json_object **value)
{
	json_object_put(*value);
	*value = NULL;
}

#define autojson autorun(json_freep) struct json_object *
