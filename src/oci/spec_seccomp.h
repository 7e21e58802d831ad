/* SPDX-License-Identifier: MIT */
#pragma once

/* The system call filter of a runtime specification. Names are those of libseccomp and are known to
 * the validator. All is borrowed from the specification. */

#include "oci/spec_read.h"

struct spec_seccomp_arg {
	uint32_t index;
	uint64_t value;
	uint64_t value_two;
	const char *op; /* "SCMP_CMP_EQ" */
};

struct spec_seccomp_rule {
	struct spec_strings names; /* at least one */
	const char *action;        /* "SCMP_ACT_ERRNO" */
	struct spec_u64 errno_ret;
	struct spec_seccomp_arg *args;
	size_t n_args;
};

struct spec_seccomp {
	const char *default_action;
	struct spec_u64 default_errno_ret;
	struct spec_strings architectures; /* "SCMP_ARCH_X86_64" */
	struct spec_strings flags;         /* "SECCOMP_FILTER_FLAG_LOG" */
	const char *listener_path;
	const char *listener_metadata;
	struct spec_seccomp_rule *syscalls;
	size_t n_syscalls;
};

/* Returns the filter that the validated @object describes, owned by @pool; NULL for NULL. */
struct spec_seccomp *spec_seccomp_read(struct spec_pool *pool, struct json_object *object);
