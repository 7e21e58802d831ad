/* SPDX-License-Identifier: MIT */
#pragma once

/* A descriptor of the image specification: what some bytes are, how many, and their digest. */

#include "oci/digest.h"
#include "oci/media_type.h"

#include "base/json.h"

/* What a manifest of an index runs on. Texts are NULL when absent. */
struct platform {
	const char *architecture; /* "amd64" */
	const char *os;           /* "linux" */
	const char *variant;      /* "v8" */
};

/* Texts and `json` are borrowed from the document that the descriptor was read from. */
struct descriptor {
	const char *media_type;
	struct media_type type;
	struct digest digest;
	uint64_t size;
	bool has_platform;
	struct platform platform;
	struct json_object *annotations; /* texts by key, or NULL */
	struct json_object *json;        /* all of it, for the fields that are not here */
};

/* Reads the descriptor @json, whose place in its document is @path. LXCRI_E_INVALID_FORMAT for a
 * wrong type, LXCRI_E_INVALID_MEDIA_TYPE, LXCRI_E_INVALID_DIGEST or LXCRI_E_INVALID_SIZE. A media
 * type that is well-formed and unknown is no fault. */
[[nodiscard]] int descriptor_read(struct json_object *json, const char *path,
				  struct descriptor *ret, struct lxcri_error *err);

/* Returns the annotation @key, borrowed, or NULL. */
const char *descriptor_annotation(const struct descriptor *descriptor, const char *key);
