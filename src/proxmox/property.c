/* SPDX-License-Identifier: MIT */
/* Property strings of Proxmox VE. */

#include "proxmox/property.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define SIZE_STEP 1024u

static bool is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isspace((unsigned char)text[i]))
			return false;
	return true;
}

static struct property *find(const struct property_string *string, const char *key)
{
	for (size_t i = 0; i < string->count; i++)
		if (strcmp(string->items[i].key, key) == 0)
			return &string->items[i];
	return NULL;
}

static void append_consume(struct property_string *string, char *key, char *value)
{
	string->items = xreallocarray(string->items, string->count + 1, sizeof(*string->items));
	string->items[string->count++] = (struct property){ key, value };
}

/* Takes the part of @length bytes at @part. */
static int take_part(const char *part, size_t length, const char *default_key,
		     struct property_string *string, struct lxcri_error *err)
{
	const char *equals = memchr(part, '=', length);
	autofree char *key = equals        ? xstrndup(part, (size_t)(equals - part))
			     : default_key ? xstrdup(default_key)
					   : NULL;
	autofree char *value = equals ? xstrndup(equals + 1, length - (size_t)(equals + 1 - part))
				      : xstrndup(part, length);

	if (!key)
		return fail(err, LXCRI_E_INVALID_FORMAT, "\"%.100s\" has no key", value);
	if (!*key || !*value)
		return fail(err, LXCRI_E_INVALID_FORMAT, "\"%.*s\" lacks its key or its value",
			    (int)(length < 100 ? length : 100), part);
	if (find(string, key))
		return fail(err, LXCRI_E_INVALID_FORMAT, "the key \"%.100s\" is there twice", key);
	if (string->count == PROPERTY_PARTS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "it has more than %u parts",
			    PROPERTY_PARTS_MAX);
	append_consume(string, steal(key), steal(value));
	return 0;
}

int property_parse(const char *text, const char *default_key, struct property_string *ret,
		   struct lxcri_error *err)
{
	autorun(property_finish) struct property_string string = {};
	size_t size = strlen(text);

	if (size > PROPERTY_BYTES_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "a property string of %zu bytes", size);
	if (text_has_control(text))
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "a property string has a control character");
	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ",");

		if (!is_blank(at, length) && take_part(at, length, default_key, &string, err) < 0)
			return fail_while(err, "property string \"%.200s\"", text);
		at += length;
		if (!*at)
			break;
	}
	*ret = string;
	string = (struct property_string){};
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct property *)a)->key, ((const struct property *)b)->key);
}

static void add_part(struct text *text, const struct property *part, const char *default_key)
{
	if (text->length > 0)
		text_add(text, ",");
	/* Bare, a value with "=" would be read as a key and its value, and a blank one as nothing.
	 */
	if (default_key && strcmp(part->key, default_key) == 0 && !strchr(part->value, '=') &&
	    !is_blank(part->value, strlen(part->value)))
		text_add(text, part->value);
	else
		text_addf(text, "%s=%s", part->key, part->value);
}

static bool is_first(const char *key, const char *default_key, const char *const *required)
{
	if (default_key && strcmp(key, default_key) == 0)
		return true;
	for (size_t i = 0; required && required[i]; i++)
		if (strcmp(required[i], key) == 0)
			return true;
	return false;
}

char *property_format(const struct property_string *string, const char *default_key,
		      const char *const *required)
{
	struct text text = {};
	const struct property *part = default_key ? find(string, default_key) : NULL;
	autofree struct property *sorted = xcalloc(string->count + 1, sizeof(*sorted));

	if (part)
		add_part(&text, part, default_key);
	for (size_t i = 0; required && required[i]; i++) {
		part = find(string, required[i]);
		if (part && (!default_key || strcmp(required[i], default_key) != 0))
			add_part(&text, part, default_key);
	}
	for (size_t i = 0; i < string->count; i++)
		sorted[i] = string->items[i];
	qsort(sorted, string->count, sizeof(*sorted), compare);
	for (size_t i = 0; i < string->count; i++)
		if (!is_first(sorted[i].key, default_key, required))
			add_part(&text, &sorted[i], default_key);
	return text_steal(&text);
}

int property_set(struct property_string *string, const char *key, const char *value,
		 struct lxcri_error *err)
{
	struct property *there = find(string, key);

	if (!*key || strpbrk(key, "=,") || text_has_control(key))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%.100s\" cannot be a key", key);
	if (value && (!*value || strchr(value, ',') || text_has_control(value) ||
		      is_blank(value, strlen(value))))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "%s: Proxmox VE cannot express \"%.200s\": no comma and no control "
			    "character can be in it",
			    key, value);
	if (!value && there) {
		free(there->key);
		free(there->value);
		*there = string->items[--string->count];
	} else if (value && there) {
		free(there->value);
		there->value = xstrdup(value);
	} else if (value) {
		append_consume(string, xstrdup(key), xstrdup(value));
	}
	return 0;
}

const char *property_find(const struct property_string *string, const char *key)
{
	const struct property *part = find(string, key);

	return part ? part->value : NULL;
}

void property_finish(struct property_string *string)
{
	for (size_t i = 0; i < string->count; i++) {
		free(string->items[i].key);
		free(string->items[i].value);
	}
	free(string->items);
	*string = (struct property_string){};
}

/* Reads the digits behind a point as parts of @unit. */
static const char *take_fraction(const char *at, uint64_t unit, uint64_t *ret)
{
	double share = 1;
	double sum = 0;

	for (; isdigit((unsigned char)*at); at++) {
		share /= 10;
		sum += (*at - '0') * share;
	}
	*ret = (uint64_t)(sum * (double)unit + 0.5);
	return at;
}

int property_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	const char *at = text;
	const char *fraction = NULL;
	uint64_t whole = 0, part = 0, unit = 1, bytes;

	for (; isdigit((unsigned char)*at); at++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*at - '0'), &whole))
			return -ERANGE;
	if (at == text)
		return -EINVAL;
	if (*at == '.') {
		fraction = ++at;
		at += strspn(at, "0123456789");
		if (at == fraction)
			return -EINVAL;
	}
	if (*at && strchr(units, *at)) {
		for (const char *step = units; step <= strchr(units, *at); step++)
			unit *= SIZE_STEP;
		at++;
		if (strncmp(at, "iB", 2) == 0)
			at += 2;
	}
	if (*at)
		return -EINVAL;
	if (fraction)
		(void)take_fraction(fraction, unit, &part);
	if (__builtin_mul_overflow(whole, unit, &bytes) ||
	    __builtin_add_overflow(bytes, part, &bytes))
		return -ERANGE;
	*ret_bytes = bytes;
	return 0;
}

char *property_format_size(uint64_t bytes)
{
	static const char *const units[] = { "", "K", "M", "G", "T" };
	size_t unit = 0;

	while (bytes > 0 && bytes % SIZE_STEP == 0 && unit + 1 < ARRAY_LEN(units)) {
		bytes /= SIZE_STEP;
		unit++;
	}
	return xformat("%llu%s", (unsigned long long)bytes, units[unit]);
}
