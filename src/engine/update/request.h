/* SPDX-License-Identifier: MIT */
#pragma once

/* What a user asked for that an image says as well: it stays true when the container gets another
 * image, and cannot be told from the image's own words in a specification. It stands in a file of
 * the container's directory, from its creation on. */

#include "base/fail.h"
#include "base/strings.h"
#include "lxcri/container.h"

#define REQUEST_FILE "request.json"

/* Zeroed is nothing. */
struct request {
	struct strings command;
	struct strings entrypoint;
	struct strings env;   /* NAME=VALUE */
	struct strings unset; /* names that the image shall not set either */
	struct strings group_add;
	struct strings labels;
	bool has_entrypoint; /* also an empty one */
	bool init;
	bool has_health; /* also only in part */
	char *user;
	char *working_dir;
	char *stop_signal;
};

/* Frees what @request holds. Safe to repeat. */
void request_finish(struct request *request);

/* Writes what @options say to the directory @dir, not flushed. A variable that is passed on has the
 * caller's value from here on. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int request_save(const struct lxcri_create_options *options, const char *dir,
			       struct lxcri_error *err);

/* Reads it; the caller ends *@ret_request. None is LXCRI_E_UNSUPPORTED_OPERATION: an earlier
 * release made the container. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int request_load(const char *dir, struct request *ret_request,
			       struct lxcri_error *err);

/* Lays it over @options, which point into @request then. */
void request_apply(const struct request *request, struct lxcri_create_options *options);
