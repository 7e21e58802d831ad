/* SPDX-License-Identifier: MIT */
#pragma once

/* What a shell may offer for the word at the cursor, from the tables of verbs and options, with the
 * containers and images that there are. */

#include "cli/cli.h"

/* Prints the script that makes @shell ask "__complete". LXCRI_E_UNSUPPORTED_OPERATION. */
[[nodiscard]] int complete_print_script(const char *shell, struct lxcri_error *err);

extern const struct verb verb_complete;
