/* SPDX-License-Identifier: MIT */
#pragma once

/* The updates of a container, as its record has them: an array of JSON, the oldest first. */

#include "engine/record.h"

#define HISTORY_STARTED  "started"
#define HISTORY_DONE     "done"
#define HISTORY_REVERTED "reverted"

/* Adds to the history of @to that it takes the place of @from by @action ("update", "rollback"). Of
 * more than fifty the oldest goes. */
void history_add(struct record *to, const struct record *from, const char *action);

/* Writes down what came of the last one; @error says why, or is NULL. */
void history_settle(struct record *record, const char *result, const char *error);
