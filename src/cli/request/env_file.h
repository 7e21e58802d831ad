/* SPDX-License-Identifier: MIT */
#pragma once

/* A file of environment variables: NAME=VALUE or NAME (the caller's own value) a line; empty lines
 * and those that begin with # say nothing. Values are taken as they stand, without quotes. */

#include "base/fail.h"
#include "base/strings.h"

#include <stddef.h>

/* Appends the variables in @size @bytes to @env; @name stands for the file in messages. A malformed
 * line is LXCRI_E_INVALID_ARGUMENT with its number. */
[[nodiscard]] int env_file_parse(const char *bytes, size_t size, const char *name,
				 struct strings *env, struct lxcri_error *err);

/* The same from the file @path, which may be a pipe. */
[[nodiscard]] int env_file_load(const char *path, struct strings *env, struct lxcri_error *err);
