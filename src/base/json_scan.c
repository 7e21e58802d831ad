/* SPDX-License-Identifier: MIT */
/* A recursive walk over a JSON text, which makes json-c's values on its way. Recursion is bounded
 * by limits->depth_max, which is checked before each descent. */

#include "base/json.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	const char *start;
	const char *at;
	const char *end;
	const struct json_limits *limits;
	struct lxcri_error *err;
	unsigned int depth;
	size_t values;
	const char *wanted; /* the path whose line is looked for; NULL once it is found */
	unsigned int line;  /* of the wanted value */
};

/* What a string is for. */
enum use { USE_KEY, USE_VALUE };

static int scan_value(struct scan *scan, const char *path, struct json_object **ret);

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
static int scan_unicode(struct scan *scan, enum use use, struct text *text)
{
	const char *place = scan->at;
	unsigned int code;
	unsigned int low;

	if (scan_hex(scan, &code) < 0)
		return -1;
	if (code == 0 && (use == USE_KEY || !scan->limits->allows_nul))
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
	append_utf8(text, code);
	return 0;
}

static int scan_escape(struct scan *scan, enum use use, struct text *text)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";

	if (take(scan, 'u'))
		return scan_unicode(scan, use, text);

	const char *found = scan->at < scan->end && *scan->at ? strchr(from, *scan->at) : NULL;

	if (!found)
		return refuse(scan, scan->at, "an unknown escape in a string");
	text_append(text, &to[found - from], 1);
	scan->at++;
	return 0;
}

/* Passes over what stands for itself in a string. */
static int scan_plain(struct scan *scan)
{
	const char *at = scan->at;

	for (size_t length; at < scan->end && *at != '"' && *at != '\\'; at += length) {
		unsigned char c = (unsigned char)*at;

		length = c < 0x80 ? 1 : text_utf8_length(at, scan->end);
		if (c < 0x20)
			return refuse(scan, at, "a control character in a string");
		if (length == 0)
			return refuse(scan, at, "bytes that are not UTF-8");
	}
	scan->at = at;
	return 0;
}

/* Reads a string into @text, which the caller finishes. */
static int scan_string(struct scan *scan, enum use use, struct text *text)
{
	const char *open = scan->at;

	if (!take(scan, '"'))
		return refuse(scan, scan->at, "expected a string");
	while (scan->at < scan->end) {
		const char *run = scan->at;

		if (scan_plain(scan) < 0)
			return -1;
		text_append(text, run, (size_t)(scan->at - run));
		if (take(scan, '"'))
			return 0;
		if (take(scan, '\\') && scan_escape(scan, use, text) < 0)
			return -1;
	}
	return refuse(scan, open, "a string that does not end");
}

/* Passes over a string without escapes, which most are. Returns its text, which is in the document,
 * or NULL where it is for scan_string() to read, or to refuse. */
static const char *pass_simple(struct scan *scan, size_t *ret_length)
{
	const char *open = scan->at;

	if (take(scan, '"') && scan_plain(scan) == 0 && take(scan, '"')) {
		*ret_length = (size_t)(scan->at - open) - 2;
		return open + 1;
	}
	scan->at = open;
	return NULL;
}

static int scan_text(struct scan *scan, struct json_object **ret)
{
	autorun(text_finish) struct text text = {};
	size_t length;
	const char *simple = pass_simple(scan, &length);

	if (!simple && scan_string(scan, USE_VALUE, &text) < 0)
		return -1;
	*ret = simple ? json_object_new_string_len(simple, (int)length)
		      : json_object_new_string_len(text.data ? text.data : "", (int)text.length);
	return 0;
}

/* Reads a key, which the caller frees. */
static int scan_key(struct scan *scan, char **ret)
{
	autorun(text_finish) struct text text = {};
	size_t length;
	const char *simple = pass_simple(scan, &length);

	if (!simple && scan_string(scan, USE_KEY, &text) < 0)
		return -1;
	*ret = simple ? xstrndup(simple, length) : text_steal(&text);
	return 0;
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

/* Returns the integer at @digits, which fits. */
static struct json_object *make_integer(const char *digits, size_t length, bool negative)
{
	uint64_t value = 0;

	for (size_t i = 0; i < length; i++)
		value = 10 * value + (uint64_t)(digits[i] - '0');
	if (negative)
		return json_object_new_int64((int64_t)(0 - value));
	return value > INT64_MAX ? json_object_new_uint64(value)
				 : json_object_new_int64((int64_t)value);
}

/* Returns the fraction that is written so, and will be again; NULL: there is no memory. The point
 * is a point whatever the process speaks. */
static struct json_object *make_fraction(const char *from, size_t length)
{
	autofree char *text = xstrndup(from, length);
	locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
	struct json_object *value;

	if (plain == (locale_t)0)
		return NULL;
	value = json_object_new_double_s(strtod_l(text, NULL, plain), text);
	freelocale(plain);
	return value;
}

static int scan_number(struct scan *scan, struct json_object **ret)
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
	if (integer) {
		*ret = make_integer(digits, length, negative);
		return 0;
	}
	if (take(scan, '.') && scan_digits(scan) < 0)
		return -1;
	if (take(scan, 'e') || take(scan, 'E')) {
		if (!take(scan, '+'))
			(void)take(scan, '-');
		if (scan_digits(scan) < 0)
			return -1;
	}
	*ret = make_fraction(place, (size_t)(scan->at - place));
	return *ret ? 0 : fail_errno(scan->err, ENOMEM, "parse JSON");
}

static int scan_word(struct scan *scan, struct json_object **ret)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(scan->end - scan->at) < length ||
		    memcmp(scan->at, words[i], length) != 0)
			continue;
		scan->at += length;
		/* Null is no value of json-c's. */
		*ret = i < 2 ? json_object_new_boolean(i == 0) : NULL;
		return 0;
	}
	return refuse(scan, scan->at,
		      scan->at < scan->end ? "expected a value" : "it ends too early");
}

static int scan_item(struct scan *scan, const char *path, struct json_object *array)
{
	autofree char *below =
		leads(scan, path) ? json_path_index(path, json_object_array_length(array)) : NULL;
	struct json_object *value = NULL;

	if (scan_value(scan, below, &value) < 0)
		return -1;
	json_object_array_add(array, value);
	return 0;
}

static int scan_array(struct scan *scan, const char *path, struct json_object *array)
{
	skip_space(scan);
	if (take(scan, ']'))
		return 0;
	for (;;) {
		if (scan_item(scan, path, array) < 0)
			return -1;
		skip_space(scan);
		if (take(scan, ']'))
			return 0;
		if (!take(scan, ','))
			return refuse(scan, scan->at, "expected ',' or ']'");
	}
}

static int scan_member(struct scan *scan, const char *path, struct json_object *object)
{
	const int before = json_object_object_length(object);
	autofree char *key = NULL;
	autofree char *below = NULL;
	struct json_object *value = NULL;
	const char *place;

	skip_space(scan);
	place = scan->at;
	if (count_value(scan) < 0 || scan_key(scan, &key) < 0)
		return -1;
	skip_space(scan);
	if (!take(scan, ':'))
		return refuse(scan, scan->at, "expected ':'");
	if (leads(scan, path))
		below = json_path_key(path, key);
	if (scan_value(scan, below, &value) < 0)
		return -1;
	json_object_object_add(object, key, value);
	return json_object_object_length(object) > before
		       ? 0
		       : refuse(scan, place, "an object names the same key twice");
}

static int scan_object(struct scan *scan, const char *path, struct json_object *object)
{
	skip_space(scan);
	if (take(scan, '}'))
		return 0;
	for (;;) {
		if (scan_member(scan, path, object) < 0)
			return -1;
		skip_space(scan);
		if (take(scan, '}'))
			return 0;
		if (!take(scan, ','))
			return refuse(scan, scan->at, "expected ',' or '}'");
	}
}

static int scan_nested(struct scan *scan, const char *path, struct json_object **ret)
{
	const bool is_object = take(scan, '{');
	autojson value = is_object ? json_object_new_object() : json_object_new_array();
	int r;

	if (!is_object)
		scan->at++;
	if (++scan->depth > scan->limits->depth_max)
		return fail(scan->err, LXCRI_E_LIMIT_EXCEEDED,
			    "line %u: nested deeper than %u levels", line_of(scan, scan->at - 1),
			    scan->limits->depth_max);
	r = (is_object ? scan_object : scan_array)(scan, path, value);
	scan->depth--;
	if (r == 0)
		*ret = steal(value);
	return r;
}

/* *@ret is left alone on a failure. */
static int scan_value(struct scan *scan, const char *path, struct json_object **ret)
{
	skip_space(scan);
	if (count_value(scan) < 0)
		return -1;
	if (leads(scan, path) && strcmp(path, scan->wanted) == 0) {
		scan->line = line_of(scan, scan->at);
		scan->wanted = NULL;
	}
	if (scan->at < scan->end && (*scan->at == '{' || *scan->at == '['))
		return scan_nested(scan, path, ret);
	if (scan->at < scan->end && *scan->at == '"')
		return scan_text(scan, ret);
	if (scan->at < scan->end && (*scan->at == '-' || isdigit((unsigned char)*scan->at)))
		return scan_number(scan, ret);
	return scan_word(scan, ret);
}

static int scan_document(struct scan *scan, struct json_object **ret)
{
	autojson value = NULL;

	if (scan_value(scan, "", &value) < 0)
		return -1;
	skip_space(scan);
	if (scan->at < scan->end)
		return refuse(scan, scan->at, "bytes after the end of the document");
	*ret = steal(value);
	return 0;
}

int json_parse(const char *bytes, size_t size, const struct json_limits *limits,
	       struct json_object **ret, struct lxcri_error *err)
{
	struct scan scan = {
		.start = bytes, .at = bytes, .end = bytes + size, .limits = limits, .err = err
	};

	if (size > limits->bytes_max)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "%zu bytes where %zu are allowed", size,
			    limits->bytes_max);
	return scan_document(&scan, ret);
}

unsigned int json_line_of(const char *bytes, size_t size, const char *path)
{
	struct lxcri_error ignored = {};
	autojson value = NULL;
	struct scan scan = { .start = bytes,
			     .at = bytes,
			     .end = bytes + size,
			     .limits = &json_limits_spec,
			     .err = &ignored,
			     .wanted = path };

	(void)scan_document(&scan, &value); /* a fault behind the wanted value does not matter */
	return scan.line;
}
