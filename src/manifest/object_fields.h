/* SPDX-License-Identifier: MIT */
#pragma once

/* The tables of objects, one for each kind, in the order of enum object_kind. */

#include "manifest/object.h"

struct object_entry {
	const char *name;
	const char *api_version;
	const char *words[4]; /* what it is called on a command line */
	struct field_table table;
	size_t name_max; /* bytes of its name */
};

extern const struct object_entry object_entries[OBJECT_KINDS];
