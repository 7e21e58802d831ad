/* SPDX-License-Identifier: MIT */
#pragma once

/* A small answer, as a whole. */

#include "base/text.h"
#include "image/registry/http.h"

/* Zeroed is empty; without a bound there is no room for a successful body. */
struct document {
	size_t bytes_max;
	long status;
	struct text text; /* the body of a success; data is NULL for an empty one */
};

/* Asks once, and waits for the answer. Any status is a success. */
[[nodiscard]] int document_get(struct http *http, const struct http_request *request,
			       struct document *document, struct lxcri_error *err);

/* Takes one piece of a body; LXCRI_E_LIMIT_EXCEEDED. */
[[nodiscard]] int document_take(void *document, const void *bytes, size_t size,
				struct lxcri_error *err);

/* Overwrites and frees what @document holds. Safe to repeat. */
void document_finish(struct document *document);
