/* SPDX-License-Identifier: MIT */
#pragma once

/* What inspect prints of the documents that it has: all of them, or one field of each. */

#include "base/fail.h"
#include "base/json.h"

/* Documents that are printed together. Zeroed is empty. */
struct selection {
	const char *format; /* NULL or "json": all; else a path, "spec.process.args[0]" */
	struct json_object *documents;
};

/* Tells whether one field is printed. */
bool selection_is_field(const struct selection *selection);

/* Adds the document @json, or fails with LXCRI_E_PATH_NOT_FOUND when it has no such field. With a
 * path the value is printed at once: a text as it is, but for control characters, anything else as
 * JSON. */
[[nodiscard]] int selection_add(struct selection *selection, const char *json,
				struct lxcri_error *err);

/* Prints what was added: one document, or an array of several. With a path there is nothing left to
 * print. Empties @selection. */
void selection_print(struct selection *selection);
