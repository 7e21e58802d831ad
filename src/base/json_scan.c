/* SPDX-License-Identifier: MIT */
/* A recursive walk over a JSON text, which makes json-c's values on its way, or passes over what
 * nobody asks for. Recursion is bounded by limits->depth_max, which is checked before each descent.
 */

#include "base/json.h"
#include "base/json_walk.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The characters of ASCII that stand for themselves in a string. */
static const bool is_plain[UCHAR_MAX + 1] = { [' ' ... '!'] = true,
					      ['#' ... '['] = true,
					      [']' ... 0x7f] = true };

/* What a string is for. */
enum use { USE_KEY, USE_VALUE };

static int scan_value(struct json_scan *scan, const char *path, struct json_object **ret);

static unsigned int line_of(const struct json_scan *scan, const char *place)
{
	unsigned int line = 1;

	for (const char *c = scan->start; c < place; c++)
		line += *c == '\n';
	return line;
}

static int refuse(struct json_scan *scan, const char *place, const char *why)
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
static bool leads(const struct json_scan *scan, const char *path)
{
	return scan->wanted && path && text_starts_with(scan->wanted, path);
}

static void skip_space(struct json_scan *scan)
{
	while (scan->at < scan->end &&
	       (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
		scan->at++;
}

static bool take(struct json_scan *scan, char c)
{
	if (scan->at >= scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

static int count_value(struct json_scan *scan)
{
	if (++scan->values > scan->limits->values_max)
		return fail(scan->err, LXCRI_E_LIMIT_EXCEEDED, "more than %zu values",
			    scan->limits->values_max);
	return 0;
}

/* Reads the four digits behind \u. */
static int scan_hex(struct json_scan *scan, unsigned int *ret)
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
static int scan_unicode(struct json_scan *scan, enum use use, struct text *text)
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

static int scan_escape(struct json_scan *scan, enum use use, struct text *text)
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

/* Returns how many plain bytes are at @at, or as many of them as can be told at once. */
static size_t count_plain(const char *at, const char *end)
{
	typedef signed char block __attribute__((vector_size(16)));
	uint64_t marks[sizeof(block) / sizeof(uint64_t)];
	block bytes;

	if (end - at < (ptrdiff_t)sizeof(bytes))
		return is_plain[(unsigned char)*at];
	memcpy(&bytes, at, sizeof(bytes));

	/* What is beyond ASCII is negative. */
	const block is_other = (bytes < ' ') | (bytes == '"') | (bytes == '\\');

	memcpy(marks, &is_other, sizeof(marks));
	if (marks[0])
		return (size_t)__builtin_ctzll(le64toh(marks[0])) / CHAR_BIT;
	if (marks[1])
		return sizeof(*marks) + (size_t)__builtin_ctzll(le64toh(marks[1])) / CHAR_BIT;
	return sizeof(bytes);
}

/* Passes over what stands for itself in a string: all but what ends a run of it, which is a quote,
 * a backslash, or no character at all. */
static int scan_plain(struct json_scan *scan)
{
	const char *at = scan->at;
	size_t length;

	while (at < scan->end) {
		at += count_plain(at, scan->end);
		if (at == scan->end || is_plain[(unsigned char)*at])
			continue;
		if (*at == '"' || *at == '\\')
			break;
		if ((unsigned char)*at < 0x20)
			return refuse(scan, at, "a control character in a string");
		length = text_utf8_length(at, scan->end);
		if (length == 0)
			return refuse(scan, at, "bytes that are not UTF-8");
		at += length;
	}
	scan->at = at;
	return 0;
}

/* Reads a string into @text, which the caller finishes. */
static int scan_string(struct json_scan *scan, enum use use, struct text *text)
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
static const char *pass_simple(struct json_scan *scan, size_t *ret_length)
{
	const char *open = scan->at;

	if (take(scan, '"') && scan_plain(scan) == 0 && take(scan, '"')) {
		*ret_length = (size_t)(scan->at - open) - 2;
		return open + 1;
	}
	scan->at = open;
	return NULL;
}

static int scan_text(struct json_scan *scan, struct json_object **ret)
{
	autorun(text_finish) struct text text = {};
	size_t length;
	const char *simple = pass_simple(scan, &length);

	if (!simple && scan_string(scan, USE_VALUE, &text) < 0)
		return -1;
	if (!ret)
		return 0;
	*ret = simple ? json_object_new_string_len(simple, (int)length)
		      : json_object_new_string_len(text.data ? text.data : "", (int)text.length);
	return 0;
}

/* Reads a key: one without escapes is in the document, another in @text. */
static int scan_key(struct json_scan *scan, struct text *text, struct json_slice *ret)
{
	skip_space(scan);
	ret->text = pass_simple(scan, &ret->length);
	if (!ret->text) {
		text->length = 0;
		if (scan_string(scan, USE_KEY, text) < 0)
			return -1;
		*ret = (struct json_slice){ text->data, text->length };
	}
	skip_space(scan);
	return take(scan, ':') ? 0 : refuse(scan, scan->at, "expected ':'");
}

static int scan_digits(struct json_scan *scan)
{
	const char *from = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return scan->at > from ? 0 : refuse(scan, scan->at, "expected a digit");
}

/* A number as it is written. */
struct figure {
	const char *place;
	const char *digits; /* of its whole part */
	size_t length;      /* of that */
	bool negative;
	bool is_integer;
};

/* Tells whether the integer @figure fits 64 bits; json-c would clamp one that does not. */
static bool fits(const struct figure *figure)
{
	static const char *const limits[] = { "18446744073709551615", "9223372036854775808" };
	const char *limit = limits[figure->negative];

	return figure->length < strlen(limit) ||
	       (figure->length == strlen(limit) &&
		memcmp(figure->digits, limit, figure->length) <= 0);
}

/* Returns the digits of the integer @figure, which fits. */
static uint64_t magnitude(const struct figure *figure)
{
	uint64_t value = 0;

	for (size_t i = 0; i < figure->length; i++)
		value = 10 * value + (uint64_t)(figure->digits[i] - '0');
	return value;
}

static struct json_object *make_integer(const struct figure *figure)
{
	const uint64_t value = magnitude(figure);

	if (figure->negative)
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

static int scan_figure(struct json_scan *scan, struct figure *ret)
{
	struct figure figure = { .place = scan->at, .negative = take(scan, '-') };

	figure.digits = scan->at;
	if (scan_digits(scan) < 0)
		return -1;
	figure.length = (size_t)(scan->at - figure.digits);
	if (*figure.digits == '0' && figure.length > 1)
		return refuse(scan, figure.place, "a number with a leading zero");
	figure.is_integer = scan->at == scan->end || !*scan->at || !strchr(".eE", *scan->at);
	*ret = figure;
	if (figure.is_integer)
		return fits(&figure)
			       ? 0
			       : refuse(scan, figure.place, "an integer that does not fit 64 bits");
	if (take(scan, '.') && scan_digits(scan) < 0)
		return -1;
	if (!take(scan, 'e') && !take(scan, 'E'))
		return 0;
	if (!take(scan, '+'))
		(void)take(scan, '-');
	return scan_digits(scan);
}

static int scan_number(struct json_scan *scan, struct json_object **ret)
{
	struct figure figure;

	if (scan_figure(scan, &figure) < 0)
		return -1;
	if (!ret)
		return 0;
	*ret = figure.is_integer ? make_integer(&figure)
				 : make_fraction(figure.place, (size_t)(scan->at - figure.place));
	return *ret ? 0 : fail_errno(scan->err, ENOMEM, "parse JSON");
}

static int scan_word(struct json_scan *scan, struct json_object **ret)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(scan->end - scan->at) < length ||
		    memcmp(scan->at, words[i], length) != 0)
			continue;
		scan->at += length;
		/* Null is no value of json-c's. */
		if (ret)
			*ret = i < 2 ? json_object_new_boolean(i == 0) : NULL;
		return 0;
	}
	return refuse(scan, scan->at,
		      scan->at < scan->end ? "expected a value" : "it ends too early");
}

static int scan_item(struct json_scan *scan, const char *path, struct json_object *array)
{
	autofree char *below =
		leads(scan, path) ? json_path_index(path, json_object_array_length(array)) : NULL;
	struct json_object *value = NULL;

	if (scan_value(scan, below, array ? &value : NULL) < 0)
		return -1;
	if (array)
		json_object_array_add(array, value);
	return 0;
}

static int scan_array(struct json_scan *scan, const char *path, struct json_object *array)
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

/* A member of an object of which nothing is made. */
static int pass_member(struct json_scan *scan)
{
	autorun(text_finish) struct text text = {};
	struct json_slice key;

	return count_value(scan) < 0 || scan_key(scan, &text, &key) < 0
		       ? -1
		       : scan_value(scan, NULL, NULL);
}

static int scan_member(struct json_scan *scan, const char *path, struct json_object *object)
{
	const int before = json_object_object_length(object);
	autorun(text_finish) struct text text = {};
	autofree char *key = NULL;
	autofree char *below = NULL;
	struct json_object *value = NULL;
	struct json_slice slice;
	const char *place;

	skip_space(scan);
	place = scan->at;
	if (count_value(scan) < 0 || scan_key(scan, &text, &slice) < 0)
		return -1;
	key = xstrndup(slice.text, slice.length);
	if (leads(scan, path))
		below = json_path_key(path, key);
	if (scan_value(scan, below, &value) < 0)
		return -1;
	json_object_object_add(object, key, value);
	return json_object_object_length(object) > before
		       ? 0
		       : refuse(scan, place, "an object names the same key twice");
}

static int scan_object(struct json_scan *scan, const char *path, struct json_object *object)
{
	skip_space(scan);
	if (take(scan, '}'))
		return 0;
	for (;;) {
		if ((object ? scan_member(scan, path, object) : pass_member(scan)) < 0)
			return -1;
		skip_space(scan);
		if (take(scan, '}'))
			return 0;
		if (!take(scan, ','))
			return refuse(scan, scan->at, "expected ',' or '}'");
	}
}

static int scan_nested(struct json_scan *scan, const char *path, struct json_object **ret)
{
	const bool is_object = take(scan, '{');
	autojson value = !ret        ? NULL
			 : is_object ? json_object_new_object()
				     : json_object_new_array();
	int r;

	if (!is_object)
		scan->at++;
	if (++scan->depth > scan->limits->depth_max)
		return fail(scan->err, LXCRI_E_LIMIT_EXCEEDED,
			    "line %u: nested deeper than %u levels", line_of(scan, scan->at - 1),
			    scan->limits->depth_max);
	r = (is_object ? scan_object : scan_array)(scan, path, value);
	scan->depth--;
	if (r == 0 && ret)
		*ret = steal(value);
	return r;
}

/* Makes no value where @ret is NULL, and then does not see a key that comes twice. *@ret is left
 * alone on a failure. */
static int scan_value(struct json_scan *scan, const char *path, struct json_object **ret)
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

static int scan_document(struct json_scan *scan, struct json_object **ret)
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

static int too_many_bytes(size_t size, const struct json_limits *limits, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_LIMIT_EXCEEDED, "%zu bytes where %zu are allowed", size,
		    limits->bytes_max);
}

int json_parse(const char *bytes, size_t size, const struct json_limits *limits,
	       struct json_object **ret, struct lxcri_error *err)
{
	struct json_scan scan = {
		.start = bytes, .at = bytes, .end = bytes + size, .limits = limits, .err = err
	};

	if (size > limits->bytes_max)
		return too_many_bytes(size, limits, err);
	return scan_document(&scan, ret);
}

unsigned int json_line_of(const char *bytes, size_t size, const char *path)
{
	struct lxcri_error ignored = {};
	autojson value = NULL;
	struct json_scan scan = { .start = bytes,
				  .at = bytes,
				  .end = bytes + size,
				  .limits = &json_limits_spec,
				  .err = &ignored,
				  .wanted = path };

	(void)scan_document(&scan, &value); /* a fault behind the wanted value does not matter */
	return scan.line;
}

/* Comes to the next member, or item. Returns 1, or 0 behind the last one. */
static int step(struct json_scan *scan, bool is_first, bool is_object)
{
	skip_space(scan);
	if (is_first) {
		if (count_value(scan) < 0)
			return -1;
		if (!take(scan, is_object ? '{' : '['))
			return refuse(scan, scan->at,
				      is_object ? "expected an object" : "expected an array");
		skip_space(scan);
	}
	if (take(scan, is_object ? '}' : ']')) {
		skip_space(scan);
		return scan->at == scan->end
			       ? 0
			       : refuse(scan, scan->at, "bytes after the end of the document");
	}
	if (!is_first && !take(scan, ','))
		return refuse(scan, scan->at,
			      is_object ? "expected ',' or '}'" : "expected ',' or ']'");
	return 1;
}

/* Goes to the next member, of which @ret_key tells the key, or item, where it is NULL. */
static int go_on(struct json_walk *walk, struct json_slice *ret_key, struct lxcri_error *err)
{
	struct json_scan *scan = &walk->scan;
	size_t size = (size_t)(scan->end - scan->start);
	int r;

	scan->err = err;
	if (size > scan->limits->bytes_max)
		return too_many_bytes(size, scan->limits, err);
	if (walk->value_is_due && scan_value(scan, NULL, NULL) < 0)
		return -1;
	r = step(scan, !walk->has_begun, ret_key != NULL);
	if (r > 0 && ret_key && (count_value(scan) < 0 || scan_key(scan, &walk->key, ret_key) < 0))
		return -1;
	walk->has_begun = true;
	walk->value_is_due = r > 0;
	return r;
}

int json_walk_next(struct json_walk *walk, struct json_slice *ret_key, struct lxcri_error *err)
{
	return go_on(walk, ret_key, err);
}

int json_walk_item(struct json_walk *walk, struct lxcri_error *err)
{
	return go_on(walk, NULL, err);
}

/* The value is taken. */
static struct json_scan *take_value(struct json_walk *walk, struct lxcri_error *err)
{
	walk->scan.err = err;
	walk->value_is_due = false;
	return &walk->scan;
}

int json_walk_pass(struct json_walk *walk, struct json_slice *ret, struct lxcri_error *err)
{
	struct json_scan *scan = take_value(walk, err);

	skip_space(scan);
	ret->text = scan->at;
	if (scan_value(scan, NULL, NULL) < 0)
		return -1;
	ret->length = (size_t)(scan->at - ret->text);
	return 0;
}

int json_walk_make(struct json_walk *walk, struct json_object **ret, struct lxcri_error *err)
{
	return scan_value(take_value(walk, err), NULL, ret);
}

static int read_text(struct json_scan *scan, struct text *text, struct json_plain *ret)
{
	if (count_value(scan) < 0)
		return -1;
	ret->type = json_type_string;
	ret->text.text = pass_simple(scan, &ret->text.length);
	if (ret->text.text)
		return 0;
	text->length = 0;
	if (scan_string(scan, USE_VALUE, text) < 0)
		return -1;
	ret->text = (struct json_slice){ text->data, text->length };
	return 0;
}

static int read_number(struct json_scan *scan, struct json_plain *ret)
{
	struct figure figure;
	uint64_t value;

	if (count_value(scan) < 0 || scan_figure(scan, &figure) < 0)
		return -1;
	ret->type = figure.is_integer ? json_type_int : json_type_double;
	value = magnitude(&figure);
	ret->number = figure.negative     ? (int64_t)(0 - value)
		      : value > INT64_MAX ? INT64_MAX
					  : (int64_t)value;
	return 0;
}

int json_walk_read(struct json_walk *walk, struct json_plain *ret, struct lxcri_error *err)
{
	struct json_scan *scan = take_value(walk, err);
	char first;

	skip_space(scan);
	*ret = (struct json_plain){ .type = json_type_null };
	first = scan->at < scan->end ? *scan->at : '\0';
	if (first == '"')
		return read_text(scan, &walk->text, ret);
	if (first == '-' || isdigit((unsigned char)first))
		return read_number(scan, ret);
	if (first == 't' || first == 'f')
		ret->type = json_type_boolean;
	ret->number = first == 't';
	return scan_value(scan, NULL, NULL);
}

bool json_plain_says(const struct json_plain *value, const char *text)
{
	return value->type == json_type_string && json_slice_compare(&value->text, text) == 0;
}

void json_walk_finish(struct json_walk *walk)
{
	text_finish(&walk->key);
	text_finish(&walk->text);
}

int json_slice_compare(const struct json_slice *slice, const char *text)
{
	int order;

	if (slice->length == 0)
		return -(text[0] != '\0');
	order = (unsigned char)slice->text[0] - (unsigned char)text[0];
	if (order == 0) /* mostly not: many are compared to find one */
		order = strncmp(slice->text, text, slice->length);
	return order ? order : -(text[slice->length] != '\0');
}

static size_t find_key(const struct json_slice *key, const char *const *keys, size_t n)
{
	size_t i = 0;

	while (i < n && json_slice_compare(key, keys[i]) != 0)
		i++;
	return i;
}

int json_pick(const struct json_slice *object, const char *const *keys, size_t n,
	      struct json_slice *ret_values, struct lxcri_error *err)
{
	autorun(json_walk_finish) struct json_walk walk =
		JSON_WALK(object->text, object->length, &json_limits_config);
	struct json_slice key;
	size_t found = 0;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		ret_values[i] = (struct json_slice){};
	while (found < n && (r = json_walk_next(&walk, &key, err)) > 0) {
		size_t i = find_key(&key, keys, n);

		if (i == n)
			continue;
		if (json_walk_pass(&walk, &ret_values[i], err) < 0)
			return -1;
		found++;
	}
	return r < 0 ? -1 : 0;
}

bool json_slice_text(const struct json_slice *value, char **ret)
{
	if (value->length > 0 &&
	    (value->text[0] != '"' || memchr(value->text, '\\', value->length)))
		return false;
	*ret = value->length > 0 ? xstrndup(value->text + 1, value->length - 2) : NULL;
	return true;
}

int64_t json_slice_number(const struct json_slice *value)
{
	struct lxcri_error told_later;
	struct json_plain plain;

	if (value->length == 0)
		return 0;

	autorun(json_walk_finish) struct json_walk walk =
		JSON_WALK(value->text, value->length, &json_limits_config);

	return json_walk_read(&walk, &plain, &told_later) == 0 && plain.type == json_type_int
		       ? plain.number
		       : 0;
}
