/* SPDX-License-Identifier: MIT */
#pragma once

/* A configuration document against the table: every fault is found in one walk. */

#include "base/json.h"
#include "config/table.h"

struct config_fault {
	unsigned int line; /* 0 when it has none */
	char *path;
	char *text;
	enum lxcri_code code; /* LXCRI_E_NONE for a warning */
};

/* What a walk found. Zeroed is empty. */
struct config_faults {
	struct config_fault *items;
	size_t count;
	size_t errors; /* of them, those that are no warning */
};

/* A document: its bytes, for line numbers, and the mode of its file, or 0 when it has none. */
struct config_source {
	const char *bytes;
	size_t size;
	unsigned int mode;
};

/* Calls back for each value that passed, in the form in which it is kept (a borrowed reference). */
typedef void (*config_value_fn)(void *userdata, const struct config_entry *entry,
				struct json_object *value);

/* Walks @document, appends to @faults, sorted by line, and hands good values to @keep (which may
 * be NULL). */
void config_check_document(struct json_object *document, const struct config_source *source,
			   config_value_fn keep, void *userdata, struct config_faults *faults);

/* Frees what @faults holds. Safe to repeat. */
void config_faults_finish(struct config_faults *faults);
