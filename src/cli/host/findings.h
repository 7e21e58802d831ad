/* SPDX-License-Identifier: MIT */
#pragma once

/* What doctor and system check have found, on its way out. */

#include "cli/print.h"
#include "lxcri/system.h"

#include <stdbool.h>

/* Zeroed is empty. */
struct findings {
	bool only_troubles; /* leave out what is in order or only worth knowing */
	unsigned int count[LXCRI_HEALTH_FAULT + 1];
	unsigned int repaired;
	struct json_object *array;
	struct strings rows;    /* check, state, found */
	struct strings advices; /* lines below the table */
};

/* Adds one; @userdata is the struct findings. */
void findings_add(void *userdata, const struct lxcri_finding *finding);

/* Writes them all, as a table with advice below it, or as JSON. */
void findings_print(struct findings *findings, bool as_json, FILE *out);

/* Frees what @findings holds. Safe to repeat. */
void findings_finish(struct findings *findings);
