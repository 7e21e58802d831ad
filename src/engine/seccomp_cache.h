/* SPDX-License-Identifier: MIT */
#pragma once

/* Compiled seccomp profiles, kept by what they were made from: compiling one takes longer than
 * starting the container it is for. */

#include "base/fail.h"
#include "base/json.h"

/* Returns the program for @profile ("linux.seccomp" of a runtime specification) in base64, owned by
 * the caller: from <data>/cache/seccomp when it is there and sound, else compiled, and then stored
 * for the next time; where it cannot be stored, there will be no next time. Fails as
 * seccomp_compile(). */
[[nodiscard]] int seccomp_cache_get(const char *data_dir, struct json_object *profile,
				    char **ret_bpf_base64, struct lxcri_error *err);

/* Gives crun the compiled program instead of the profile in @spec, a whole specification: crun
 * takes it from an annotation of its own. A specification without a profile stays as it is. */
[[nodiscard]] int seccomp_cache_attach(const char *data_dir, struct json_object *spec,
				       struct lxcri_error *err);
