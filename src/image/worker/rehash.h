/* SPDX-License-Identifier: MIT */
#pragma once

/* Reading blobs again, to compare them with their digests. */

#include "base/json.h"

/* More than these are not told apart: the answer has its bound. */
#define REHASH_BROKEN_MAX 2000

/* Hashes the blobs @names, hexadecimal and ended by NULL, of the store in @data_dir. Adds
 * WORKER_BROKEN to @result: those that are not what their names say, or can't be read, and why. */
[[nodiscard]] int rehash_blobs(const char *data_dir, char *const *names, struct json_object *result,
			       struct lxcri_error *err);
