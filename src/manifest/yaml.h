/* SPDX-License-Identifier: MIT */
#pragma once

/* YAML from outside, limits first: a stream of documents as trees whose nodes know their lines.
 * What could mean more than it shows is refused: aliases, tags of other types, a key that is given
 * twice, a NUL. Plain words are read as Kubernetes reads them, as YAML 1.1. */

#include "base/fail.h"
#include "base/json.h"
#include "base/scope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YAML_BYTES_MAX     (4u << 20)
#define YAML_DEPTH_MAX     64
#define YAML_NODES_MAX     100000
#define YAML_DOCUMENTS_MAX 1000

enum yaml_kind {
	YAML_NULL,
	YAML_TEXT,
	YAML_NUMBER,   /* that fits */
	YAML_FRACTION, /* any other number, as it is written */
	YAML_TRUTH,
	YAML_LIST,
	YAML_MAP,
};

struct yaml_node {
	enum yaml_kind kind;
	unsigned int line; /* from 1 */
	char *text;        /* of a scalar, as it is written without quotes */
	int64_t number;
	bool truth;
	char **keys; /* of a map */
	struct yaml_node **items;
	size_t count;
};

/* The documents of a stream; one that is empty is left out. Zeroed is empty. */
struct yaml_stream {
	struct yaml_node **documents;
	size_t count;
};

/* Reads @size bytes. LXCRI_E_INVALID_MANIFEST and LXCRI_E_LIMIT_EXCEEDED name the line. The caller
 * finishes *@ret. */
[[nodiscard]] int yaml_parse(const char *bytes, size_t size, struct yaml_stream *ret,
			     struct lxcri_error *err);

/* Frees what @stream holds. Safe to repeat. */
void yaml_stream_finish(struct yaml_stream *stream);

/* Returns the member @key of the map @node, or NULL. Borrowed. */
const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);

/* Returns "a list", "a number" and the like. */
const char *yaml_kind_name(enum yaml_kind kind);

/* Returns @node as JSON; the caller owns the reference. */
[[nodiscard]] struct json_object *yaml_to_json(const struct yaml_node *node);

/* Returns @value as YAML, owned by the caller. */
[[nodiscard]] char *yaml_format(struct json_object *value);
