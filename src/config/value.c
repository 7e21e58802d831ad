/* SPDX-License-Identifier: MIT */
/* The kinds of values that a configuration has. */

#include "config/value.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/scope.h"
#include "base/text.h"
#include "config/pattern.h"
#include "lxcri/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A value on its way through the checks of its kind. */
struct checked {
	const struct config_entry *entry;
	const char *path;
	struct json_object *value;
	const struct config_reporter *reporter;
};

/* Reports an error in @checked; always false, so that a check ends with it. */
[[gnu::format(printf, 2, 3)]] static bool wrong(const struct checked *checked, const char *format,
						...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	checked->reporter->report(checked->reporter->userdata, checked->path,
				  LXCRI_E_INVALID_CONFIG, text);
	return false;
}

static const char *type_words(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		return "null";
	case json_type_boolean:
		return "a boolean";
	case json_type_double:
	case json_type_int:
		return "a number";
	case json_type_object:
		return "an object";
	case json_type_array:
		return "a list";
	case json_type_string:
		return "a string";
	}
	return "unknown";
}

static bool expect(const struct checked *checked, enum json_type type, const char *words)
{
	if (json_object_is_type(checked->value, type))
		return true;
	return wrong(checked, "expected %s, not %s", words, type_words(checked->value));
}

static bool check_text(const struct checked *checked)
{
	if (!expect(checked, json_type_string, "a string"))
		return false;

	const char *text = json_object_get_string(checked->value);

	if (!*text)
		return wrong(checked, "is empty");
	if (text_has_control(text))
		return wrong(checked, "has a control character");
	return true;
}

static bool check_path(const struct checked *checked)
{
	if (!check_text(checked))
		return false;
	if (*json_object_get_string(checked->value) != '/')
		return wrong(checked, "\"%s\" is not an absolute path",
			     json_object_get_string(checked->value));
	return true;
}

static bool check_program(const struct checked *checked)
{
	if (!check_text(checked))
		return false;

	const char *text = json_object_get_string(checked->value);

	if (*text != '/' && strchr(text, '/'))
		return wrong(checked, "\"%s\" is neither an absolute path nor a program's name",
			     text);
	return true;
}

static bool check_bool(const struct checked *checked)
{
	return expect(checked, json_type_boolean, "true or false");
}

static bool check_bounds(const struct checked *checked, double number)
{
	const struct config_entry *entry = checked->entry;

	if (number >= entry->min && number <= entry->max)
		return true;
	return wrong(checked, "%.15g is outside %.15g to %.15g", number, entry->min, entry->max);
}

static bool check_count(const struct checked *checked)
{
	return expect(checked, json_type_int, "an integer") &&
	       check_bounds(checked, json_object_get_double(checked->value));
}

static bool check_number(const struct checked *checked)
{
	if (!json_object_is_type(checked->value, json_type_int) &&
	    !expect(checked, json_type_double, "a number"))
		return false;
	return check_bounds(checked, json_object_get_double(checked->value));
}

static bool check_bytes(const struct checked *checked)
{
	uint64_t bytes;

	if (json_object_is_type(checked->value, json_type_int))
		return check_bounds(checked, json_object_get_double(checked->value));
	if (!expect(checked, json_type_string, "a size such as 536870912 or \"512m\""))
		return false;
	if (text_parse_bytes(json_object_get_string(checked->value), &bytes) < 0)
		return wrong(checked, "\"%s\" is no size; write 536870912 or \"512m\"",
			     json_object_get_string(checked->value));
	return check_bounds(checked, (double)bytes);
}

static bool check_word(const struct checked *checked)
{
	if (!check_text(checked))
		return false;

	const char *word = json_object_get_string(checked->value);
	autofree char *spaced = xformat(" %s ", word);

	if (strchr(word, ' ') || !strstr(checked->entry->words, spaced))
		return wrong(checked, "\"%s\" is none of%.*s", word,
			     (int)strlen(checked->entry->words) - 1, checked->entry->words);
	return true;
}

static bool check_type(const struct checked *checked)
{
	enum lxcri_container_type type;
	struct lxcri_error err = {};

	if (!check_text(checked))
		return false;
	if (lxcri_container_type_parse(json_object_get_string(checked->value), &type, &err) == 0)
		return true;
	checked->reporter->report(checked->reporter->userdata, checked->path, err.code, err.text);
	return false;
}

static bool check_subnet(const struct checked *checked)
{
	char address[INET_ADDRSTRLEN] = "";
	struct in_addr binary;
	uint64_t bits;

	if (!check_text(checked))
		return false;

	const char *text = json_object_get_string(checked->value);
	const char *slash = strchr(text, '/');

	if (slash && (size_t)(slash - text) < sizeof(address))
		memcpy(address, text, (size_t)(slash - text));
	if (!slash || inet_pton(AF_INET, address, &binary) != 1 ||
	    text_parse_u64(slash + 1, 8, 24, &bits) < 0)
		return wrong(checked, "\"%s\" is no IPv4 prefix from /8 to /24", text);
	if (ntohl(binary.s_addr) & (UINT32_MAX >> bits))
		return wrong(checked, "\"%s\" has bits set behind its prefix", text);
	return true;
}

static bool check_address(const struct checked *checked)
{
	unsigned char binary[sizeof(struct in6_addr)];

	if (!check_text(checked))
		return false;

	const char *text = json_object_get_string(checked->value);

	if (inet_pton(AF_INET, text, binary) != 1 && inet_pton(AF_INET6, text, binary) != 1)
		return wrong(checked, "\"%s\" is no IP address", text);
	return true;
}

static bool check_pattern(const struct checked *checked)
{
	struct lxcri_error err = {};

	if (!expect(checked, json_type_string, "a string"))
		return false;
	if (pattern_check(json_object_get_string(checked->value), &err) < 0)
		return wrong(checked, "%s", err.text);
	return true;
}

static bool check_range(const struct checked *checked)
{
	struct json_object *value = checked->value;

	if (!expect(checked, json_type_array, "[first, last]"))
		return false;
	if (json_object_array_length(value) != 2)
		return wrong(checked, "expected two numbers, [first, last]");
	for (size_t i = 0; i < 2; i++) {
		autofree char *path = json_path_index(checked->path, i);
		struct checked end = *checked;

		end.path = path;
		end.value = json_object_array_get_idx(value, i);
		if (!check_count(&end))
			return false;
	}
	if (json_object_get_int64(json_object_array_get_idx(value, 0)) >
	    json_object_get_int64(json_object_array_get_idx(value, 1)))
		return wrong(checked, "the first is larger than the last");
	return true;
}

/* Checks every item of a list, and goes on after a fault. */
static bool check_list(const struct checked *checked, bool (*check_item)(const struct checked *))
{
	bool good = true;

	if (!expect(checked, json_type_array, "a list"))
		return false;
	for (size_t i = 0; i < json_object_array_length(checked->value); i++) {
		autofree char *path = json_path_index(checked->path, i);
		struct checked item = *checked;

		item.path = path;
		item.value = json_object_array_get_idx(checked->value, i);
		good = check_item(&item) && good;
	}
	return good;
}

static bool check_texts(const struct checked *checked)
{
	return check_list(checked, check_text);
}

static bool check_addresses(const struct checked *checked)
{
	return check_list(checked, check_address);
}

static bool check_patterns(const struct checked *checked)
{
	return check_list(checked, check_pattern);
}

/* Checks the required member @key of a rule. */
static bool check_member(const struct checked *rule, const char *key,
			 bool (*check)(const struct checked *))
{
	autofree char *path = json_path_key(rule->path, key);
	struct checked member = *rule;

	member.value = json_get(rule->value, key);
	if (!member.value)
		return wrong(rule, "has no \"%s\"", key);
	member.path = path;
	return check(&member);
}

static bool check_rule(const struct checked *checked)
{
	bool good;

	if (!expect(checked, json_type_object, "an object {\"pattern\", \"runtime\"}"))
		return false;
	good = check_member(checked, "pattern", check_pattern);
	good = check_member(checked, "runtime", check_type) && good;
	json_object_object_foreach(checked->value, key, value)
	{
		(void)value;
		if (strcmp(key, "pattern") == 0 || strcmp(key, "runtime") == 0 ||
		    strcmp(key, "//") == 0)
			continue;

		autofree char *path = json_path_key(checked->path, key);

		checked->reporter->report(checked->reporter->userdata, path, LXCRI_E_NONE,
					  "unknown key");
	}
	return good;
}

static bool check_rules(const struct checked *checked)
{
	return check_list(checked, check_rule);
}

static bool check_mirrors(const struct checked *checked)
{
	bool good = true;

	if (!expect(checked, json_type_object, "an object of registries and lists of hosts"))
		return false;
	json_object_object_foreach(checked->value, key, value)
	{
		autofree char *path = json_path_key(checked->path, key);
		struct checked mirrors = *checked;

		if (strcmp(key, "//") == 0)
			continue;
		mirrors.path = path;
		mirrors.value = value;
		good = check_texts(&mirrors) && good;
	}
	return good;
}

static bool check_paths(const struct checked *checked)
{
	bool good = true;

	if (!expect(checked, json_type_object, "an object of registries and their files"))
		return false;
	json_object_object_foreach(checked->value, key, value)
	{
		autofree char *path = json_path_key(checked->path, key);
		struct checked file = *checked;

		if (strcmp(key, "//") == 0)
			continue;
		file.path = path;
		file.value = value;
		good = check_path(&file) && good;
	}
	return good;
}

static bool (*const checks[])(const struct checked *) = {
	[CONFIG_TEXT] = check_text,           [CONFIG_PATH] = check_path,
	[CONFIG_PROGRAM] = check_program,     [CONFIG_BOOL] = check_bool,
	[CONFIG_COUNT] = check_count,         [CONFIG_NUMBER] = check_number,
	[CONFIG_BYTES] = check_bytes,         [CONFIG_WORD] = check_word,
	[CONFIG_TYPE] = check_type,           [CONFIG_SUBNET] = check_subnet,
	[CONFIG_RANGE] = check_range,         [CONFIG_TEXTS] = check_texts,
	[CONFIG_ADDRESSES] = check_addresses, [CONFIG_PATTERNS] = check_patterns,
	[CONFIG_RULES] = check_rules,         [CONFIG_MIRRORS] = check_mirrors,
	[CONFIG_PATHS] = check_paths,
};

struct json_object *config_value_check(const struct config_entry *entry, struct json_object *value,
				       const struct config_reporter *reporter)
{
	struct checked checked = { entry, entry->path, value, reporter };
	uint64_t bytes;

	if (!checks[entry->kind](&checked))
		return NULL;
	if (entry->kind == CONFIG_BYTES && json_object_is_type(value, json_type_string) &&
	    text_parse_bytes(json_object_get_string(value), &bytes) == 0)
		return json_object_new_int64((int64_t)bytes);
	return json_object_get(value);
}
