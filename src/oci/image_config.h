/* SPDX-License-Identifier: MIT */
#pragma once

/* An image's config: what its layers are and how it wants to be run. Texts are borrowed from the
 * JSON document, which is kept with every field it has. Nothing here has been acted upon: a label
 * or a name in it is a claim of the image's author. */

#include "oci/digest.h"
#include "oci/spec_read.h"

#include "base/scope.h"

#define IMAGE_LAYERS_MAX 500

/* One step that made the image. */
struct image_history {
	const char *created;
	const char *created_by;
	const char *author;
	const char *comment;
	bool empty_layer;
};

/* Docker's health check, which other engines write as well. */
struct image_healthcheck {
	struct spec_strings test; /* { "NONE" }, { "CMD", ... } or { "CMD-SHELL", COMMAND } */
	struct spec_i64 interval_ns;
	struct spec_i64 timeout_ns;
	struct spec_i64 start_period_ns;
	struct spec_i64 start_interval_ns;
	struct spec_i64 retries;
};

/* Absent texts are NULL, absent lists have no items. */
struct image_config {
	struct json_object *document;
	struct spec_pool pool;

	const char *architecture;
	const char *os;
	const char *variant;
	const char *created; /* RFC 3339 */
	const char *author;

	const char *user;                  /* "USER[:GROUP]", names or numbers */
	struct spec_strings exposed_ports; /* "80/tcp" */
	struct spec_strings env;           /* usually NAME=VALUE, but checked by nobody */
	struct spec_strings entrypoint;
	struct spec_strings cmd;
	struct spec_strings volumes; /* paths */
	const char *working_dir;
	struct spec_map labels;
	const char *stop_signal; /* a name or a number */
	const struct image_healthcheck *healthcheck;
	struct spec_strings shell;

	struct digest *diff_ids; /* of the uncompressed layers, the lowest first */
	size_t n_diff_ids;
	struct image_history *history;
	size_t n_history;
};

/* Parses @size bytes. Fails with LXCRI_E_INVALID_JSON, LXCRI_E_LIMIT_EXCEEDED,
 * LXCRI_E_INVALID_FORMAT naming the field, or LXCRI_E_INVALID_DIGEST. A JSON null counts as
 * absent. The caller owns *@ret. */
[[nodiscard]] int image_config_parse(const char *bytes, size_t size, struct image_config **ret,
				     struct lxcri_error *err);

/* Frees @config; NULL is fine. */
void image_config_free(struct image_config *config);
DEFINE_AUTOPTR(image_config)
