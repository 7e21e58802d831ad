/* SPDX-License-Identifier: MIT */
/* A recursive walk over a JSON text. Recursion is bounded by limits->depth_max, which is checked
 * before each descent. Keys of the objects that are open are kept as (pointer, length) pairs in one
 * array; closing an object sorts its share of it and looks for equal neighbours, so that a million
 * keys cost O(n log n). Keys are compared as the texts they stand for, escapes resolved. */

#include "base/json_scan.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A key as the text that it stands for. */
struct key {
	const char *text;
	size_t length;
	char *own; /* where it has escapes, else NULL: it is in the document */
};

struct scan {
	const char *start;
	const char *at;
	const char *end;
	const struct json_limits *limits;
	struct lxcri_error *err;
	unsigned int depth;
	size_t values;
	struct key *keys; /* of the open objects, innermost last */
	size_t n_keys;
	size_t room;
	const char *wanted; /* the path whose line is looked for; NULL once it is found */
	unsigned int line;  /* of the wanted value */
};

static int scan_value(struct scan *scan, const char *path);

static unsigned int line_of(const struct scan *scan, const char *place)
{
	unsigned int line = 1;

	for (const char *c = scan->start; c < place; c++)
		line += *c == '\n';
	return line;
}

static int refuse(struct scan *scan, const char *place, const char *why)
{
	unsigned int line = line_of(scan, place);
	const char *begin = place;

	while (begin > scan->start && begin[-1] != '\n')
		begin--;
	return fail(scan->err, LXCRI_E_INVALID_JSON, "line %u, column %zu: %s", line,
		    (size_t)(place - begin) + 1, why);
}

/* Tells whether the wanted value can be at or below @path. Only there are paths written out: a long
 * key above many values would cost its length for each of them. */
static bool leads(const struct scan *scan, const char *path)
{
	return scan->wanted && path && text_starts_with(scan->wanted, path);
}

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->end &&
	       (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
		scan->at++;
}

static bool take(struct scan *scan, char c)
{
	if (scan->at >= scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

static int count_value(struct scan *scan)
{
	if (++scan->values > scan->limits->values_max)
		return fail(scan->err, LXCRI_E_LIMIT_EXCEEDED, "more than %zu values",
			    scan->limits->values_max);
	return 0;
}

/* Reads the four digits behind \u. */
static int scan_hex(struct scan *scan, unsigned int *ret)
{
	char digits[5] = {};

	if (scan->end - scan->at < 4)
		return refuse(scan, scan->at, "a \\u escape is cut short");
	for (int i = 0; i < 4; i++) {
		if (!isxdigit((unsigned char)scan->at[i]))
			return refuse(scan, scan->at, "a \\u escape needs four hexadecimal digits");
		digits[i] = scan->at[i];
	}
	*ret = (unsigned int)strtoul(digits, NULL, 16);
	scan->at += 4;
	return 0;
}

static void append_utf8(struct text *text, unsigned int code)
{
	static const unsigned char marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	unsigned int length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	char bytes[4];

	if (length == 1) {
		bytes[0] = (char)code;
	} else {
		for (unsigned int i = length - 1; i > 0; i--, code >>= 6)
			bytes[i] = (char)(0x80 | (code & 0x3f));
		bytes[0] = (char)(marks[length] | code);
	}
	text_append(text, bytes, length);
}

/* Reads what is behind \u: one code point, for which two escapes may be needed. */
static int scan_unicode(struct scan *scan, struct text *text)
{
	const char *place = scan->at;
	unsigned int code;
	unsigned int low;

	if (scan_hex(scan, &code) < 0)
		return -1;
	/* @text is for keys alone. */
	if (code == 0 && (text || !scan->limits->allows_nul))
		return refuse(scan, place, "a string holds NUL");
	if (code >= 0xd800 && code < 0xe000) {
		if (code >= 0xdc00 || !take(scan, '\\') || !take(scan, 'u'))
			return refuse(scan, place, "half of a surrogate pair");
		if (scan_hex(scan, &low) < 0)
			return -1;
		if (low < 0xdc00 || low >= 0xe000)
			return refuse(scan, place, "half of a surrogate pair");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	if (text)
		append_utf8(text, code);
	return 0;
}

static int scan_escape(struct scan *scan, struct text *text)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";

	if (take(scan, 'u'))
		return scan_unicode(scan, text);

	const char *found = scan->at < scan->end && *scan->at ? strchr(from, *scan->at) : NULL;

	if (!found)
		return refuse(scan, scan->at, "an unknown escape in a string");
	if (text)
		text_append(text, &to[found - from], 1);
	scan->at++;
	return 0;
}

/* Passes over what stands for itself in a string. */
static int scan_plain(struct scan *scan)
{
	while (scan->at < scan->end && *scan->at != '"' && *scan->at != '\\') {
		unsigned char c = (unsigned char)*scan->at;
		size_t length = 1;

		if (c < 0x20)
			return refuse(scan, scan->at, "a control character in a string");
		if (c >= 0x80)
			length = text_utf8_length(scan->at, scan->end);
		if (length == 0)
			return refuse(scan, scan->at, "bytes that are not UTF-8");
		scan->at += length;
	}
	return 0;
}

/* Reads a string into @text, which the caller finishes; NULL only checks it. */
static int scan_string(struct scan *scan, struct text *text)
{
	const char *open = scan->at;

	if (!take(scan, '"'))
		return refuse(scan, scan->at, "expected a string");
	while (scan->at < scan->end) {
		const char *run = scan->at;

		if (scan_plain(scan) < 0)
			return -1;
		if (text)
			text_append(text, run, (size_t)(scan->at - run));
		if (take(scan, '"'))
			return 0;
		if (take(scan, '\\') && scan_escape(scan, text) < 0)
			return -1;
	}
	return refuse(scan, open, "a string that does not end");
}

static int scan_digits(struct scan *scan)
{
	const char *from = scan->at;

	while (scan->at < scan->end && isdigit((unsigned char)*scan->at))
		scan->at++;
	return scan->at > from ? 0 : refuse(scan, scan->at, "expected a digit");
}

/* Tells whether the integer at @digits fits 64 bits; json-c would clamp one that does not. */
static bool fits(const char *digits, size_t length, bool negative)
{
	static const char *const limits[] = { "18446744073709551615", "9223372036854775808" };
	const char *limit = limits[negative];

	return length < strlen(limit) ||
	       (length == strlen(limit) && memcmp(digits, limit, length) <= 0);
}

static int scan_number(struct scan *scan)
{
	const char *place = scan->at;
	bool negative = take(scan, '-');
	const char *digits = scan->at;

	if (scan_digits(scan) < 0)
		return -1;

	size_t length = (size_t)(scan->at - digits);

	if (*digits == '0' && length > 1)
		return refuse(scan, place, "a number with a leading zero");

	bool integer = scan->at == scan->end || !*scan->at || !strchr(".eE", *scan->at);

	if (integer && !fits(digits, length, negative))
		return refuse(scan, place, "an integer that does not fit 64 bits");
	if (take(scan, '.') && scan_digits(scan) < 0)
		return -1;
	if (take(scan, 'e') || take(scan, 'E')) {
		if (!take(scan, '+'))
			(void)take(scan, '-');
		return scan_digits(scan);
	}
	return 0;
}

static int scan_word(struct scan *scan)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(scan->end - scan->at) >= length &&
		    memcmp(scan->at, words[i], length) == 0) {
			scan->at += length;
			return 0;
		}
	}
	return refuse(scan, scan->at,
		      scan->at < scan->end ? "expected a value" : "it ends too early");
}

static int scan_array(struct scan *scan, const char *path)
{
	skip_space(scan);
	if (take(scan, ']'))
		return 0;
	for (size_t index = 0;; index++) {
		autofree char *below = leads(scan, path) ? json_path_index(path, index) : NULL;

		if (scan_value(scan, below) < 0)
			return -1;
		skip_space(scan);
		if (take(scan, ']'))
			return 0;
		if (!take(scan, ','))
			return refuse(scan, scan->at, "expected ',' or ']'");
	}
}

static int compare_keys(const void *a, const void *b)
{
	const struct key *left = a;
	const struct key *right = b;

	/* Equal ones are neighbours whatever the order is. */
	if (left->length != right->length)
		return left->length < right->length ? -1 : 1;
	return memcmp(left->text, right->text, left->length);
}

/* Drops the keys from @first on; tells whether two of them were equal. */
static bool close_keys(struct scan *scan, size_t first)
{
	size_t count = scan->n_keys - first;
	struct key *keys = count > 0 ? scan->keys + first : NULL;
	bool twice = false;

	if (count > 1)
		qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < count && !twice; i++)
		twice = compare_keys(&keys[i - 1], &keys[i]) == 0;
	for (size_t i = 0; i < count; i++)
		free(keys[i].own);
	scan->n_keys = first;
	return twice;
}

/* Reads a key. One without escapes stays where it is. */
static int scan_key(struct scan *scan, struct key *ret)
{
	autorun(text_finish) struct text text = {};
	const char *open = scan->at;

	if (take(scan, '"') && scan_plain(scan) == 0 && take(scan, '"')) {
		*ret = (struct key){ open + 1, (size_t)(scan->at - open) - 2, NULL };
		return 0;
	}
	scan->at = open;
	if (scan_string(scan, &text) < 0)
		return -1;
	ret->length = text.length;
	ret->text = ret->own = text_steal(&text);
	return 0;
}

static int scan_member(struct scan *scan, const char *path)
{
	struct key key;

	skip_space(scan);
	if (count_value(scan) < 0 || scan_key(scan, &key) < 0)
		return -1;
	if (scan->n_keys == scan->room) {
		scan->room = scan->room ? 2 * scan->room : 64;
		scan->keys = xreallocarray(scan->keys, scan->room, sizeof(*scan->keys));
	}
	scan->keys[scan->n_keys++] = key;
	skip_space(scan);
	if (!take(scan, ':'))
		return refuse(scan, scan->at, "expected ':'");
	if (!leads(scan, path))
		return scan_value(scan, NULL);

	autofree char *name = xstrndup(key.text, key.length);
	autofree char *below = json_path_key(path, name);

	return scan_value(scan, below);
}

static int scan_object(struct scan *scan, const char *path)
{
	const char *open = scan->at - 1;
	size_t first = scan->n_keys;

	skip_space(scan);
	if (take(scan, '}'))
		return 0;
	for (;;) {
		if (scan_member(scan, path) < 0)
			return -1;
		skip_space(scan);
		if (take(scan, '}'))
			break;
		if (!take(scan, ','))
			return refuse(scan, scan->at, "expected ',' or '}'");
	}
	if (close_keys(scan, first))
		return refuse(scan, open, "an object names the same key twice");
	return 0;
}

static int scan_nested(struct scan *scan, const char *path)
{
	int r;

	if (++scan->depth > scan->limits->depth_max)
		return fail(scan->err, LXCRI_E_LIMIT_EXCEEDED,
			    "line %u: nested deeper than %u levels", line_of(scan, scan->at),
			    scan->limits->depth_max);
	r = take(scan, '{') ? scan_object(scan, path) : (scan->at++, scan_array(scan, path));
	scan->depth--;
	return r;
}

static int scan_value(struct scan *scan, const char *path)
{
	skip_space(scan);
	if (count_value(scan) < 0)
		return -1;
	if (leads(scan, path) && strcmp(path, scan->wanted) == 0) {
		scan->line = line_of(scan, scan->at);
		scan->wanted = NULL;
	}
	if (scan->at < scan->end && (*scan->at == '{' || *scan->at == '['))
		return scan_nested(scan, path);
	if (scan->at < scan->end && *scan->at == '"')
		return scan_string(scan, NULL);
	if (scan->at < scan->end && (*scan->at == '-' || isdigit((unsigned char)*scan->at)))
		return scan_number(scan);
	return scan_word(scan);
}

static int scan_document(struct scan *scan)
{
	int r = scan_value(scan, "");

	(void)close_keys(scan, 0);
	free(scan->keys);
	scan->keys = NULL;
	if (r < 0)
		return r;
	skip_space(scan);
	if (scan->at < scan->end)
		return refuse(scan, scan->at, "bytes after the end of the document");
	return 0;
}

int json_scan_check(const char *bytes, size_t size, const struct json_limits *limits,
		    struct lxcri_error *err)
{
	struct scan scan = {
		.start = bytes, .at = bytes, .end = bytes + size, .limits = limits, .err = err
	};

	if (size > limits->bytes_max)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "%zu bytes where %zu are allowed", size,
			    limits->bytes_max);
	return scan_document(&scan);
}

unsigned int json_line_of(const char *bytes, size_t size, const char *path)
{
	struct lxcri_error ignored = {};
	struct scan scan = { .start = bytes,
			     .at = bytes,
			     .end = bytes + size,
			     .limits = &json_limits_spec,
			     .err = &ignored,
			     .wanted = path };

	(void)scan_document(&scan); /* a fault behind the wanted value does not matter */
	return scan.line;
}
