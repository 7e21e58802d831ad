/* SPDX-License-Identifier: MIT */
#pragma once

/* The version of this program, which every helper tells when asked. */

#include <stdbool.h>
#include <string.h>

/* What a helper prints for --version, before a line end. */
#define VERSION_LINE(name) name " " LXCRI_VERSION

/* Tells whether a command line is nothing but --version. */
static inline bool version_is_asked(int argc, char *const *argv)
{
	return argc == 2 && strcmp(argv[1], "--version") == 0;
}
