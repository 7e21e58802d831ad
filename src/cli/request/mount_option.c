/* SPDX-License-Identifier: MIT */
/* The value of --mount. */

#include "cli/request/mount_option.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/strings.h"
#include "base/text.h"

#include <string.h>

enum kind { KIND_VOLUME, KIND_BIND, KIND_TMPFS, KINDS };

static const char *const kind_names[KINDS] = { "volume", "bind", "tmpfs" };

#define OF(kind_) (1u << (kind_))
#define OF_FILES  (OF(KIND_VOLUME) | OF(KIND_BIND))

/* What a key becomes among the options: a word, where its value is true or not there, or the value
 * behind a prefix. */
static const struct key {
	const char *name;
	const char *option; /* of --volume and --tmpfs; NULL: its value counts */
	const char *prefix;
	unsigned int kinds;
} keys[] = {
	{ "readonly", "ro", NULL, ~0u },
	{ "ro", "ro", NULL, ~0u },
	{ "U", "U", NULL, OF_FILES },
	{ "chown", "U", NULL, OF_FILES },
	{ "idmap", "idmap", NULL, OF_FILES },
	{ "volume-nocopy", "nocopy", NULL, OF(KIND_VOLUME) },
	{ "bind-propagation", NULL, "", OF(KIND_BIND) },
	{ "tmpfs-size", NULL, "size=", OF(KIND_TMPFS) },
	{ "tmpfs-mode", NULL, "mode=", OF(KIND_TMPFS) },
};

void mount_option_finish(struct mount_option *mount)
{
	freep(&mount->source);
	freep(&mount->destination);
	freep(&mount->options);
}

static int refuse(const char *value, const char *why, const char *what, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "--mount: \"%s\": %s%s", value, why, what);
}

/* Tells whether @key is one of @names. */
static bool is_one_of(const char *key, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(key, *names) == 0)
			return true;
	return false;
}

static int take_kind(const char *value, const char *name, enum kind *ret, struct lxcri_error *err)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (!name || strcmp(name, kind_names[i]) != 0)
			continue;
		*ret = (enum kind)i;
		return 0;
	}
	return refuse(value, "type is volume, bind or tmpfs", "", err);
}

static int set_once(const char *value, char **slot, const char *text, struct lxcri_error *err)
{
	if (*slot)
		return refuse(value, "something is given twice: ", text ? text : "", err);
	if (!text || !*text)
		return refuse(value, "source and target have a value", "", err);
	*slot = xstrdup(text);
	return 0;
}

/* Adds what @word, its key ended by NUL, and @text behind the "=" (NULL: none) say. */
static int add_option(const char *value, enum kind kind, const char *word, const char *text,
		      struct text *options, struct lxcri_error *err)
{
	static const char *const truths[] = { "true", "1", NULL };
	static const char *const untruths[] = { "false", "0", NULL };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct key *key = &keys[i];
		const char *comma = options->length > 0 ? "," : "";

		if (strcmp(word, key->name) != 0)
			continue;
		if (!(key->kinds & OF(kind)))
			return refuse(value, "not for this type: ", word, err);
		if (!key->option && (!text || !*text))
			return refuse(value, "a value is missing: ", word, err);
		if (!key->option)
			text_addf(options, "%s%s%s", comma, key->prefix, text);
		else if (!text || is_one_of(text, truths))
			text_addf(options, "%s%s", comma, key->option);
		else if (!is_one_of(text, untruths))
			return refuse(value, "expected true or false: ", word, err);
		return 0;
	}
	return refuse(value, "unknown key ", word, err);
}

/* Splits "KEY=VALUE" at the sign; without one there is no value. */
static const char *split(char *word)
{
	char *equals = strchr(word, '=');

	if (!equals)
		return NULL;
	*equals = '\0';
	return equals + 1;
}

static int check(const char *value, enum kind kind, const struct mount_option *mount,
		 struct lxcri_error *err)
{
	if (!mount->destination)
		return refuse(value, "target is missing", "", err);
	if (mount->destination[0] != '/')
		return refuse(value, "the target is not absolute", "", err);
	if (kind == KIND_TMPFS && mount->source)
		return refuse(value, "a tmpfs has no source", "", err);
	if (kind == KIND_BIND && (!mount->source || !strchr("/.", mount->source[0])))
		return refuse(value, "the source of a bind is a path", "", err);
	if (kind == KIND_VOLUME && mount->source && strchr("/.", mount->source[0]))
		return refuse(value, "the source of a volume is its name", "", err);
	if (strchr(mount->destination, ':') || (mount->source && strchr(mount->source, ':')))
		return refuse(value, "a colon cannot be in a path", "", err);
	return 0;
}

/* Finds the type, on which depends what else may stand there. */
static int find_kind(const char *value, enum kind *ret, struct lxcri_error *err)
{
	autofree char *copy = xstrdup(value);

	*ret = KIND_VOLUME;
	for (char *rest = copy; rest;) {
		char *word = strsep(&rest, ",");
		const char *text = split(word);

		if (strcmp(word, "type") == 0)
			return take_kind(value, text, ret, err);
	}
	return 0;
}

int mount_option_parse(const char *value, struct mount_option *ret_mount, struct lxcri_error *err)
{
	static const char *const sources[] = { "source", "src", NULL };
	static const char *const targets[] = { "target", "destination", "dst", NULL };
	autorun(text_finish) struct text options = {};
	autofree char *copy = xstrdup(value);
	enum kind kind;
	int r = find_kind(value, &kind, err);

	*ret_mount = (struct mount_option){};
	for (char *rest = copy; r == 0 && rest;) {
		char *word = strsep(&rest, ",");
		const char *text = split(word);

		if (strcmp(word, "type") == 0)
			continue;
		if (is_one_of(word, sources))
			r = set_once(value, &ret_mount->source, text, err);
		else if (is_one_of(word, targets))
			r = set_once(value, &ret_mount->destination, text, err);
		else
			r = add_option(value, kind, word, text, &options, err);
	}
	if (r < 0 || check(value, kind, ret_mount, err) < 0)
		return -1;
	ret_mount->is_tmpfs = kind == KIND_TMPFS;
	ret_mount->options = options.length > 0 ? text_steal(&options) : NULL;
	return 0;
}
