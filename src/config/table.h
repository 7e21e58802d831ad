/* SPDX-License-Identifier: MIT */
#pragma once

/* The one table of configuration keys, from which loading, checking, showing and the example
 * come. */

#include "base/json.h"

enum config_kind {
	CONFIG_TEXT,
	CONFIG_PATH,    /* absolute */
	CONFIG_PROGRAM, /* an absolute path, or a name to be found on PATH */
	CONFIG_BOOL,
	CONFIG_COUNT,  /* an integer from min to max */
	CONFIG_NUMBER, /* as count, or with a fraction */
	CONFIG_BYTES,  /* an integer, or a text such as "512m"; kept as an integer */
	CONFIG_WORD,   /* one of words */
	CONFIG_TYPE,   /* a container type */
	CONFIG_SUBNET, /* an IPv4 prefix, "10.213.0.0/16" */
	CONFIG_RANGE,  /* [first, last], both from min to max */
	CONFIG_TEXTS,
	CONFIG_ADDRESSES, /* a list of IP addresses */
	CONFIG_PATTERNS,
	CONFIG_RULES,   /* a list of {pattern, runtime} */
	CONFIG_MIRRORS, /* an object of lists of texts */
	CONFIG_PATHS,   /* an object of absolute paths */
};

/* What a key or the file it names must be kept from. */
enum config_secrecy {
	CONFIG_PUBLIC,
	CONFIG_SECRET,      /* never printed; its config file must not be readable by others */
	CONFIG_SECRET_FILE, /* the file it names must not be readable by others */
};

struct config_entry {
	const char *path; /* "section.key", or one word */
	enum config_kind kind;
	enum config_secrecy secrecy;
	const char *otherwise; /* the default as JSON */
	double min, max;
	const char *words; /* " auto overlay " */
	const char *help;  /* one sentence */
};

extern const struct config_entry config_table[];
extern const size_t config_table_length;

/* Finds the entry called @path; NULL when there is none. */
const struct config_entry *config_table_find(const char *path);

/* Tells whether some entry's path begins with "@section.". */
bool config_table_has_section(const char *section);

/* Returns the path nearest to the unknown @path, or NULL when none is near. */
const char *config_table_nearest(const char *path);
