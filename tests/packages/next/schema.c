/* SPDX-License-Identifier: MIT */
/* A later layout of the state database, for the test of upgrades: one step more than schema.c has.
 */

#include "engine/database/schema.h"

#include "base/scope.h"

const char *const schema_steps[] = {
#include "engine/database/schema_steps.inc"
	"CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID;"
	"INSERT INTO note SELECT id FROM container;",
};

const int schema_version = ARRAY_LEN(schema_steps);
