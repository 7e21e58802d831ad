/* SPDX-License-Identifier: MIT */
/* Options of a command line by a table. */

#include "cli/options.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/signal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* An option that was met: how it was spelt, for messages, and its value. */
struct met {
	const struct option_entry *entry;
	void *target;
	const char *spelling;
	const char *value; /* NULL for a flag without one */
};

const struct option_entry *options_find(const struct option_entry *entries, const char *name)
{
	for (; entries && entries->name; entries++)
		if (strcmp(entries->name, name) == 0)
			return entries;
	return NULL;
}

static const struct option_entry *find_letter(const struct option_entry *entries, char letter)
{
	for (; entries && entries->name; entries++)
		if (entries->letter && entries->letter == letter)
			return entries;
	return NULL;
}

static int refuse(const struct met *met, const char *expected, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s: \"%s\" is not %s", met->spelling,
		    met->value, expected);
}

static int store_flag(const struct met *met, bool *flag, struct lxcri_error *err)
{
	if (!met->value || strcmp(met->value, "true") == 0)
		*flag = true;
	else if (strcmp(met->value, "false") == 0)
		*flag = false;
	else
		return refuse(met, "true or false", err);
	return 0;
}

static int store_count(const struct met *met, int *count, struct lxcri_error *err)
{
	uint64_t number;

	if (text_parse_u64(met->value, 0, INT_MAX, &number) < 0)
		return refuse(met, "a number from 0", err);
	*count = (int)number;
	return 0;
}

static int store_limit(const struct met *met, uint64_t *limit, struct lxcri_error *err)
{
	if (strcmp(met->value, "-1") == 0 || strcmp(met->value, "unlimited") == 0)
		*limit = 0;
	else if (text_parse_u64(met->value, 0, INT64_MAX, limit) < 0)
		return refuse(met, "a number, or -1 for no limit", err);
	return 0;
}

static int store_bytes(const struct met *met, uint64_t *bytes, struct lxcri_error *err)
{
	if (text_parse_bytes(met->value, bytes) < 0)
		return refuse(met, "a size such as 512m", err);
	return 0;
}

/* Reads digits with at most one point among them: strtod() would take more, and the locale's. */
static int store_number(const struct met *met, double *number, struct lxcri_error *err)
{
	double value = 0, unit = 1;
	unsigned int digits = 0;
	bool fraction = false;

	for (const char *c = met->value; *c; c++) {
		if (*c == '.' && !fraction) {
			fraction = true;
			continue;
		}
		if (*c < '0' || *c > '9' || ++digits > 12)
			return refuse(met, "a number such as 1.5", err);
		value = value * 10 + (*c - '0');
		if (fraction)
			unit *= 10;
	}
	if (digits == 0 || value == 0)
		return refuse(met, "a number above 0, such as 1.5", err);
	*number = value / unit;
	return 0;
}

static int store_signal(const struct met *met, int *number, struct lxcri_error *err)
{
	int parsed = signal_parse(met->value);

	if (parsed < 0)
		return refuse(met, "a signal's name or a number from 1 to 64", err);
	*number = parsed;
	return 0;
}

static int store(const struct met *met, struct lxcri_error *err)
{
	void *member = (char *)met->target + met->entry->offset;

	switch (met->entry->kind) {
	case OPTION_FLAG:
		return store_flag(met, member, err);
	case OPTION_TEXT:
		*(const char **)member = met->value;
		return 0;
	case OPTION_LIST:
		strings_add(member, met->value);
		return 0;
	case OPTION_COUNT:
		return store_count(met, member, err);
	case OPTION_LIMIT:
		return store_limit(met, member, err);
	case OPTION_BYTES:
		return store_bytes(met, member, err);
	case OPTION_NUMBER:
		return store_number(met, member, err);
	case OPTION_SIGNAL:
		return store_signal(met, member, err);
	}
	return 0;
}

static int refuse_unknown(const struct option_parser *parser, const char *name,
			  struct lxcri_error *err)
{
	struct nearest nearest = nearest_to(name);

	for (const struct option_entry *entry = parser->entries; entry && entry->name; entry++)
		nearest_offer(&nearest, entry->name);
	for (const struct option_entry *entry = parser->inherited; entry && entry->name; entry++)
		nearest_offer(&nearest, entry->name);
	if (nearest.best)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "unknown option --%s; did you mean --%s?", name, nearest.best);
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "unknown option --%s", name);
}

static void note_given(struct option_parser *parser, const struct option_entry *entry)
{
	parser->given[entry->form] = entry->name;
}

/* Takes the long option in @argv[0]. Returns how many words it was. */
static int take_long(struct option_parser *parser, int argc, char **argv, struct lxcri_error *err)
{
	const char *word = argv[0] + 2;
	size_t length = strcspn(word, "=");
	autofree char *name = xstrndup(word, length);
	autofree char *spelling = xformat("--%s", name);
	struct met met = { .target = parser->target };
	int words = 1;

	met.entry = options_find(parser->entries, name);
	if (!met.entry && strcmp(name, "help") == 0) {
		parser->wants_help = true;
		return 1;
	}
	if (!met.entry) {
		met.entry = options_find(parser->inherited, name);
		met.target = parser->inherited_target;
	}
	if (!met.entry)
		return refuse_unknown(parser, name, err);
	met.spelling = spelling;
	met.value = word[length] == '=' ? word + length + 1 : NULL;
	if (!met.value && met.entry->kind != OPTION_FLAG) {
		if (argc < 2)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s needs a value (%s)",
				    spelling, met.entry->value);
		met.value = argv[1];
		words = 2;
	}
	note_given(parser, met.entry);
	return store(&met, err) < 0 ? -1 : words;
}

/* Takes the letters in @argv[0]. Returns how many words they were. */
static int take_letters(struct option_parser *parser, int argc, char **argv,
			struct lxcri_error *err)
{
	for (const char *letter = argv[0] + 1; *letter; letter++) {
		const char spelling[] = { '-', *letter, '\0' };
		struct met met = { .target = parser->target, .spelling = spelling };

		met.entry = find_letter(parser->entries, *letter);
		if (!met.entry && *letter == 'h') {
			parser->wants_help = true;
			return 1;
		}
		if (!met.entry)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "unknown option %s in %s",
				    spelling, argv[0]);
		note_given(parser, met.entry);
		if (met.entry->kind == OPTION_FLAG) {
			if (store(&met, err) < 0)
				return -1;
			continue;
		}
		if (letter[1]) {
			met.value = letter[1] == '=' ? letter + 2 : letter + 1;
			return store(&met, err) < 0 ? -1 : 1;
		}
		if (argc < 2)
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s needs a value (%s)",
				    spelling, met.entry->value);
		met.value = argv[1];
		return store(&met, err) < 0 ? -1 : 2;
	}
	return 1;
}

int options_parse(struct option_parser *parser, int argc, char **argv, struct lxcri_error *err)
{
	bool options_over = false;
	int kept = 0;

	for (int i = 0; i < argc && !parser->wants_help;) {
		bool is_option = !options_over && argv[i][0] == '-' && argv[i][1] != '\0';
		int words = 1;

		if (!is_option) {
			argv[kept++] = argv[i];
			if (parser->order == OPTIONS_FIRST)
				options_over = true;
		} else if (strcmp(argv[i], "--") == 0) {
			options_over = true;
		} else if (argv[i][1] == '-') {
			words = take_long(parser, argc - i, argv + i, err);
		} else {
			words = take_letters(parser, argc - i, argv + i, err);
		}
		if (words < 0)
			return -1;
		i += words;
	}
	argv[kept] = NULL;
	return kept;
}

static void finish_lists(const struct option_entry *entries, void *target)
{
	for (; entries && entries->name; entries++)
		if (entries->kind == OPTION_LIST)
			strings_finish((struct strings *)((char *)target + entries->offset));
}

void options_finish(struct option_parser *parser)
{
	finish_lists(parser->entries, parser->target);
	finish_lists(parser->inherited, parser->inherited_target);
}
