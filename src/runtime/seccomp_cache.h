/* SPDX-License-Identifier: MIT */
#pragma once

/* Compiled seccomp profiles, kept by what they were made from: compiling one costs more than
 * everything else of a start. */

#include "base/fail.h"
#include "base/json.h"

#include <stddef.h>

/* Returns the program for @profile, "linux.seccomp" of a specification: from the directory
 * @cache_dir, or compiled and put there. A directory that cannot be read or written is as good as
 * none. The caller owns *@ret_bpf. Errors are those of seccomp_compile(). */
[[nodiscard]] int seccomp_cache_get(const char *cache_dir, struct json_object *profile,
				    char **ret_bpf, size_t *ret_size, struct lxcri_error *err);
