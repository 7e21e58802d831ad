/* SPDX-License-Identifier: MIT */
#pragma once

/* crun takes a compiled filter from an annotation, which saves it the compiling at every start. */

#include "base/fail.h"
#include "base/json.h"

/* Gives crun the compiled program instead of the profile in @spec, a whole specification; programs
 * are kept below @data_dir. A specification without a profile stays as it is. */
[[nodiscard]] int seccomp_annotate(const char *data_dir, struct json_object *spec,
				   struct lxcri_error *err);

/* Takes that program out of @spec again, for who shows it to people: it is kilobytes of base64. */
void seccomp_hide(struct json_object *spec);
