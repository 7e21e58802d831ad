/* SPDX-License-Identifier: MIT */
#pragma once

/* Finding and replacing a value by its path, written as in messages: process.args[2],
 * annotations["org.example/x y"]. */

#include "base/json.h"

/* Returns the value at @path below @root, borrowed, or NULL when there is none, it is null, or
 * @path is malformed. The empty path is @root. */
struct json_object *json_path_find(struct json_object *root, const char *path);

/* Puts @value_consume at @path below @root, making objects that are missing on the way; an index
 * may be that of the first free member. NULL removes what is there. Fails with
 * LXCRI_E_INVALID_ARGUMENT for a malformed path or one that leads through something else, having
 * changed nothing but what it made on the way. */
[[nodiscard]] int json_path_set(struct json_object *root, const char *path,
				struct json_object *value_consume, struct lxcri_error *err);
