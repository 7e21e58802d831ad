/* SPDX-License-Identifier: MIT */
/* Paths of values: written for messages, read for edits. */

#include "base/json_path.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

/* One step of a path: a key, or an index when `key` is NULL. */
struct step {
	char *key;
	size_t index;
};

static void step_finish(struct step *step)
{
	free(step->key);
	*step = (struct step){};
}

static bool is_plain(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '$';
}

/* Tells whether @key reads well behind a dot. */
static bool is_plain_key(const char *key)
{
	const char *c = key;

	while (is_plain(*c))
		c++;
	return c > key && !*c;
}

char *json_path_key(const char *path, const char *key)
{
	if (is_plain_key(key))
		return *path ? xformat("%s.%s", path, key) : xstrdup(key);

	struct text text = {};

	text_add(&text, path);
	text_add(&text, "[\"");
	for (const char *c = key; *c; c++) {
		if (*c == '"' || *c == '\\')
			text_append(&text, "\\", 1);
		text_append(&text, c, 1);
	}
	text_add(&text, "\"]");
	return text_steal(&text);
}

char *json_path_index(const char *path, size_t index)
{
	return xformat("%s[%zu]", path, index);
}

/* Reads KEY"] with its escapes; *@at stands behind [". */
static bool take_quoted(const char **at, struct step *step)
{
	struct text key = {};

	for (; **at && **at != '"'; ++*at) {
		if (**at == '\\' && !*++*at)
			break;
		text_append(&key, *at, 1);
	}
	step->key = text_steal(&key);
	if (strncmp(*at, "\"]", 2) != 0)
		return false;
	*at += 2;
	return true;
}

static bool take_index(const char **at, struct step *step)
{
	size_t digits = strspn(*at, "0123456789");
	autofree char *number = xstrndup(*at, digits);
	uint64_t index;

	if ((*at)[digits] != ']' || text_parse_u64(number, 0, INT32_MAX, &index) < 0)
		return false;
	step->index = (size_t)index;
	*at += digits + 1;
	return true;
}

/* Reads the step at *@at; @first tells that a key needs no dot. The caller finishes @step also
 * when it is malformed. */
static bool take_step(const char **at, bool first, struct step *step)
{
	if (text_starts_with(*at, "[\"")) {
		*at += 2;
		return take_quoted(at, step);
	}
	if (**at == '[') {
		++*at;
		return take_index(at, step);
	}
	if (!first && *(*at)++ != '.')
		return false;

	size_t length = 0;

	while (is_plain((*at)[length]))
		length++;
	step->key = xstrndup(*at, length);
	*at += length;
	return length > 0;
}

/* Returns the member that @step names, borrowed, or NULL. */
static struct json_object *descend(struct json_object *value, const struct step *step)
{
	if (step->key)
		return json_get(value, step->key);
	return json_object_is_type(value, json_type_array)
		       ? json_object_array_get_idx(value, step->index)
		       : NULL;
}

struct json_object *json_path_find(struct json_object *root, const char *path)
{
	for (const char *at = path; *at && root;) {
		autorun(step_finish) struct step step = {};

		if (!take_step(&at, at == path, &step))
			return NULL;
		root = descend(root, &step);
	}
	return root;
}

/* Puts or removes the member that @step names; false when @parent cannot hold it. */
static bool place(struct json_object *parent, const struct step *step, struct json_object *value)
{
	if (step->key) {
		if (!json_object_is_type(parent, json_type_object))
			return false;
		if (value)
			json_object_object_add(parent, step->key, json_object_get(value));
		else
			json_object_object_del(parent, step->key);
		return true;
	}
	if (!json_object_is_type(parent, json_type_array))
		return false;

	size_t length = json_object_array_length(parent);

	if (!value)
		return step->index >= length ||
		       json_object_array_del_idx(parent, step->index, 1) == 0;
	return step->index <= length &&
	       json_object_array_put_idx(parent, step->index, json_object_get(value)) == 0;
}

int json_path_set(struct json_object *root, const char *path, struct json_object *value_consume,
		  struct lxcri_error *err)
{
	autojson value = value_consume;
	struct json_object *parent = root;

	for (const char *at = path;;) {
		autorun(step_finish) struct step step = {};

		if (!take_step(&at, at == path, &step))
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "path \"%s\" is malformed",
				    path);

		struct json_object *member = descend(parent, &step);

		if (!*at || (!member && !value)) {
			if (*at || place(parent, &step, value))
				return 0;
			break;
		}
		if (!member) {
			autojson made = *at == '[' && at[1] != '"' ? json_object_new_array()
								   : json_object_new_object();

			if (!place(parent, &step, made))
				break;
			member = made;
		}
		parent = member;
	}
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "path \"%s\" leads through something else",
		    path);
}
