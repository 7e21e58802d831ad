/* SPDX-License-Identifier: MIT */
/* The layouts of the state database. */

#include "engine/database/schema.h"

#include "base/scope.h"

const char *const schema_steps[] = {
#include "engine/database/schema_steps.inc"
};

const int schema_version = ARRAY_LEN(schema_steps);
