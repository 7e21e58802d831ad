/* SPDX-License-Identifier: MIT */
#pragma once

/* The members of an object one by one (RFC 8259), of which only those values are made that are
 * asked for: for whoever reads some plain members of many documents. Grammar and limits are those
 * of json_parse(), but a key that comes twice is told twice, so this is for documents of our own.
 */

#include "base/json.h"
#include "base/scope.h"
#include "base/text.h"

/* Some bytes behind which no NUL need follow. */
struct json_slice {
	const char *text;
	size_t length; /* in bytes */
};

/* A value that has none in it; of an object, an array or a fraction nothing is told but that. */
struct json_plain {
	enum json_type type;    /* null for an object or an array, too */
	struct json_slice text; /* what a string says */
	int64_t number;         /* of an integer, clamped; of a boolean 1 or 0 */
};

/* Where a scan is in its document. */
struct json_scan {
	const char *start;
	const char *at;
	const char *end;
	const struct json_limits *limits;
	struct lxcri_error *err;
	unsigned int depth;
	size_t values;      /* that were counted */
	const char *wanted; /* the path whose line is looked for; NULL once it is found */
	unsigned int line;  /* of the wanted value */
};

/* Where a walk is. It begins as JSON_WALK() and ends with json_walk_finish(). */
struct json_walk {
	struct json_scan scan;
	bool has_begun;
	bool value_is_due; /* of the last key, which nobody has asked for yet */
	struct text key;   /* the last one that had escapes */
	struct text text;  /* the same of values */
};

/* A walk over @the_size bytes, which it borrows; one level deep is the object itself. */
#define JSON_WALK(the_bytes, the_size, the_limits)                      \
	((struct json_walk){ .scan = { .start = (the_bytes),            \
				       .at = (the_bytes),               \
				       .end = (the_bytes) + (the_size), \
				       .limits = (the_limits),          \
				       .depth = 1 } })

/* Goes to the next member. Returns 1, and its key, which is good until the next call; 0 where the
 * document has ended; or fails as json_parse() does, and with LXCRI_E_INVALID_JSON where it is no
 * object. */
[[nodiscard]] int json_walk_next(struct json_walk *walk, struct json_slice *ret_key,
				 struct lxcri_error *err);

/* The same of a document that is an array, whose items have no keys. */
[[nodiscard]] int json_walk_item(struct json_walk *walk, struct lxcri_error *err);

/* Reads the value of the last key. Its text is good until the next call. */
[[nodiscard]] int json_walk_read(struct json_walk *walk, struct json_plain *ret,
				 struct lxcri_error *err);

/* Passes over the value of the last key and tells where it is in the document, for another walk. */
[[nodiscard]] int json_walk_pass(struct json_walk *walk, struct json_slice *ret,
				 struct lxcri_error *err);

/* Makes the value of the last key, which the caller drops. Exactly one of these is asked for, at
 * most once for each key. */
[[nodiscard]] int json_walk_make(struct json_walk *walk, struct json_object **ret,
				 struct lxcri_error *err);

/* Finds the values of some members of an object, as they are written: of length 0 where it has no
 * member @keys[i]. As far as the last one the object is refused as by json_walk_next(); what is
 * behind that nobody looks at. */
[[nodiscard]] int json_pick(const struct json_slice *object, const char *const *keys, size_t n,
			    struct json_slice *ret_values, struct lxcri_error *err);

/* Takes the text of a string as it is written into *@ret, owned by the caller; NULL for one that is
 * not there. False for what is no string, or has escapes. */
bool json_slice_text(const struct json_slice *value, char **ret);

/* Returns the integer that is written so; 0 where none is. */
int64_t json_slice_number(const struct json_slice *value);

/* Tells whether @value is the string @text. */
bool json_plain_says(const struct json_plain *value, const char *text);

/* Frees what @walk holds. Safe to repeat. */
void json_walk_finish(struct json_walk *walk);

/* Compares bytes, of which none is NUL, as strcmp() does texts. */
int json_slice_compare(const struct json_slice *slice, const char *text);
