/* SPDX-License-Identifier: MIT */
#pragma once

/* The options of a command line, read into a struct by a table. "--name=value", "--name value",
 * "-n value", "-nvalue" and clusters of letters ("-it") mean what they mean everywhere; "--" ends
 * the options. Values are strict, and an error names option and value. */

#include "base/fail.h"
#include "base/strings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the option's member of the struct is. */
enum option_kind {
	OPTION_FLAG,   /* bool; "=true" and "=false" are taken */
	OPTION_TEXT,   /* const char *, of argv */
	OPTION_LIST,   /* struct strings; may be given again */
	OPTION_COUNT,  /* int, 0 or more */
	OPTION_LIMIT,  /* uint64_t; -1 and "unlimited" are 0 */
	OPTION_BYTES,  /* uint64_t: "512m" */
	OPTION_NUMBER, /* double above 0: "1.5" */
	OPTION_SIGNAL, /* int: "TERM", "SIGTERM", "15" */
};

/* Which form of a verb an option belongs to. */
enum option_form {
	OPTION_ANY_FORM,
	OPTION_BUNDLE_FORM,
	OPTION_IMAGE_FORM,
	OPTION_FORMS,
};

struct option_entry {
	const char *name; /* without dashes; NULL ends a table */
	char letter;      /* or 0 */
	enum option_kind kind;
	size_t offset;     /* of the member in the struct */
	const char *value; /* what help calls the value; NULL for a flag */
	const char *help;
	enum option_form form;
};

/* The entry of a member of `struct NAME_options`. */
#define OPTION(struct_, member_, name_, letter_, kind_, value_, help_)                   \
	{                                                                                \
		name_, letter_, kind_, offsetof(struct struct_, member_), value_, help_, \
			OPTION_ANY_FORM                                                  \
	}

enum option_order {
	OPTIONS_ANYWHERE, /* options and arguments may be mixed */
	OPTIONS_FIRST,    /* the first argument ends the options: what follows is a command */
};

struct option_parser {
	const struct option_entry *entries;
	const struct option_entry *inherited; /* known as well, in a struct of their own; or NULL */
	void *target;
	void *inherited_target;
	enum option_order order;
	const char *given[OPTION_FORMS]; /* the last option of each form that was given */
	bool wants_help;                 /* --help or -h was met; parsing ended there */
};

/* Reads @argv, which holds neither program nor verb, and moves what is no option to its front,
 * ended by NULL. Returns how many those are; fails with LXCRI_E_INVALID_ARGUMENT. Whatever was
 * stored is given back by options_finish(). */
[[nodiscard]] int options_parse(struct option_parser *parser, int argc, char **argv,
				struct lxcri_error *err);

/* Frees the lists that options_parse() filled. */
void options_finish(struct option_parser *parser);

/* Tells whether the table @entries has an option called @name. */
const struct option_entry *options_find(const struct option_entry *entries, const char *name);
