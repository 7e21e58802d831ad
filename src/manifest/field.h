/* SPDX-License-Identifier: MIT */
#pragma once

/* Tables that say which fields an object of Kubernetes has, and where in a struct they go. One
 * table checks, fills and frees. */

#include "base/strings.h"
#include "manifest/yaml.h"

enum field_kind {
	FIELD_ANY,      /* of any kind; goes nowhere */
	FIELD_TEXT,     /* char *; NULL without */
	FIELD_WORD,     /* char *, also of a number or a yes-or-no word: as it is written */
	FIELD_NUMBER,   /* int64_t */
	FIELD_TRUTH,    /* bool */
	FIELD_TEXTS,    /* struct strings */
	FIELD_WORDS,    /* the same, also of numbers */
	FIELD_TEXT_MAP, /* struct field_map of texts */
	FIELD_WORD_MAP, /* of words, as quantities are */
	FIELD_OBJECT,   /* pointer to a struct of `table`; NULL without */
	FIELD_OBJECTS,  /* struct field_list of such */
};

enum field_effect {
	FIELD_USED,
	FIELD_IDLE,    /* known, and of no effect on one host: worth a warning */
	FIELD_REFUSED, /* without it the object would be something else; false and 0 are fine */
	FIELD_NEEDED,  /* used, and must be there */
};

struct field {
	const char *name; /* NULL ends a table */
	enum field_kind kind;
	enum field_effect effect;
	size_t offset;
	const struct field_table *table;
	int64_t otherwise; /* of a number or truth that is not given */
};

struct field_table {
	size_t size; /* of the struct */
	const struct field *fields;
};

/* Texts by their keys, in the order in which they are written. Zeroed is empty. */
struct field_map {
	struct strings keys;
	struct strings values;
};

/* Structs in a row. Zeroed is empty. */
struct field_list {
	void *items;
	size_t count;
};

struct object;

/* Where in a document, and what is done about what does not count. */
struct field_reader {
	const char *source; /* the file */
	bool is_strict;     /* unknown fields are errors, not warnings */
	bool is_kept;       /* an earlier release may have taken it that asked less */
	/* Asked about each object, which is right so far; @node is the whole of it. NULL: nobody
	 * has anything against it. */
	int (*judge)(const struct field_reader *reader, const struct object *object,
		     const struct yaml_node *node);
	const void *judge_data; /* for that alone */
	void (*warn)(void *userdata, const char *text);
	void *userdata;
	struct lxcri_error *err;
};

/* Fills the zeroed struct @target from @node, which is called @path in messages. Errors are
 * LXCRI_E_INVALID_MANIFEST or LXCRI_E_UNSUPPORTED_OPERATION, and name file, line and path; then
 * @target is to be freed as well. */
[[nodiscard]] int field_read(const struct field_reader *reader, const struct field_table *table,
			     const struct yaml_node *node, const char *path, void *target);

/* Tells whether @node is false, 0 or empty: of that nothing would come anyway. */
bool field_says_nothing(const struct yaml_node *node);

/* Frees what the struct @target holds. Safe to repeat. */
void field_finish(const struct field_table *table, void *target);

/* Returns the value of @key, borrowed, or NULL. */
const char *field_map_get(const struct field_map *map, const char *key);

/* Appends copies. */
void field_map_add(struct field_map *map, const char *key, const char *value);
void field_map_finish(struct field_map *map);
