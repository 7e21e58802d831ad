/* SPDX-License-Identifier: MIT */
#pragma once

/* What shape a JSON document must have, as constant tables, and the walk that compares. A field
 * that no table names is allowed: later versions of a specification add some. */

#include "base/json.h"

enum schema_kind {
	SCHEMA_OBJECT,
	SCHEMA_MAP, /* an object whose keys are data */
	SCHEMA_ARRAY,
	SCHEMA_STRING,
	SCHEMA_INTEGER,
	SCHEMA_BOOLEAN,
};

struct schema_field;

struct schema {
	enum schema_kind kind;
	const struct schema_field *fields; /* OBJECT: ended by one without a name */
	const struct schema *items;        /* MAP, ARRAY: each value; NULL: a MAP of anything */
	size_t items_min;                  /* ARRAY */
	int64_t min;                       /* INTEGER */
	uint64_t max;
	bool (*allows)(const char *text); /* STRING: NULL allows every text */
	const char *form;                 /* what `allows` asks for: "must be ..." */
	const char *const *words;         /* STRING: all that are allowed, ended by NULL; or NULL */
};

struct schema_field {
	const char *name;
	const struct schema *schema;
	bool required;
};

/* What a JSON null means. */
enum schema_null {
	SCHEMA_NULL_IS_WRONG,
	SCHEMA_NULL_IS_ABSENT, /* as encoders write it that have no notion of absence */
};

/* Is told of each fault: the path of the field, and what it must be. Both are valid during the
 * call. */
typedef void (*schema_fault_fn)(void *userdata, const char *path, const char *text);

/* Compares @value with @schema and reports every fault, in the document's order, missing fields
 * after the present ones. Returns their number. */
size_t schema_check(const struct schema *schema, struct json_object *value, enum schema_null null,
		    schema_fault_fn report, void *userdata);

/* The first fault of a document, kept while the others pass by. */
struct schema_first {
	struct lxcri_error *err;
	enum lxcri_code code;
	size_t count;
};

/* A schema_fault_fn over a struct schema_first: records its first call as "PATH: TEXT". */
void schema_keep_first(void *first, const char *path, const char *text);
