/* SPDX-License-Identifier: MIT */
#pragma once

/* What the command says of itself, from the table of verbs. */

#include "cli/cli.h"

#include <stdio.h>

/* Writes the list of verbs and global options. */
void help_overview(FILE *out);

/* Writes usage and options of @verb. */
void help_verb(const struct verb *verb, FILE *out);

/* Writes name and version. */
void help_version(FILE *out);

extern const struct verb verb_help;
extern const struct verb verb_version;
extern const struct verb verb_completion;
