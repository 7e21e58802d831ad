/* SPDX-License-Identifier: MIT */
#pragma once

/* "linux.seccomp" of a runtime specification made into a program for the kernel. */

#include "base/fail.h"
#include "base/json.h"

#include <stddef.h>

/* Compiles @profile for this machine as a search tree, so that no call pays for the length of the
 * list. System calls that libseccomp does not know are left out, as the runtimes do. The caller
 * owns *@ret_bpf, an array of struct sock_filter of *@ret_size bytes. LXCRI_E_INVALID_SPEC for
 * what the specification does not allow, LXCRI_E_SYSTEM where libseccomp fails. */
[[nodiscard]] int seccomp_compile(struct json_object *profile, char **ret_bpf, size_t *ret_size,
				  struct lxcri_error *err);
