/* SPDX-License-Identifier: MIT */
#pragma once

/* The head of a response, line by line as it comes in. */

#include "image/registry/http.h"

/* Zeroed is one of which nothing came yet. */
struct response_head {
	struct http_response response;
	size_t bytes;  /* of all lines, those of interim responses and trailers as well */
	bool is_whole; /* the empty line behind the headers came */
	bool is_told;  /* somebody took notice of that; left to the caller */
};

/* Takes one line, with its line end. An interim response (1xx) is forgotten when the next begins.
 * LXCRI_E_LIMIT_EXCEEDED when there are too many bytes. */
[[nodiscard]] int response_add_line(struct response_head *head, const char *bytes, size_t size,
				    struct lxcri_error *err);

/* Frees what @head holds and empties it. Safe to repeat. */
void response_finish(struct response_head *head);

/* Returns what a registry says of a failure, {"errors": [{"message"}]} in @body, cut off at 160
 * bytes and owned by the caller; else NULL. */
char *response_words(const char *body);
