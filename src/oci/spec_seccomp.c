/* SPDX-License-Identifier: MIT */
/* The system call filter of a runtime specification. */

#include "oci/spec_seccomp.h"

static void read_arg(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(struct spec_seccomp_arg *)member = (struct spec_seccomp_arg){
		.index = spec_read_u32(value, "index"),
		.value = json_get_u64(value, "value", 0),
		.value_two = json_get_u64(value, "valueTwo", 0),
		.op = json_get_text(value, "op"),
	};
}

static void read_rule(struct spec_pool *pool, struct json_object *value, void *member)
{
	struct spec_seccomp_rule *rule = member;

	*rule = (struct spec_seccomp_rule){
		.names = spec_read_strings(pool, value, "names"),
		.action = json_get_text(value, "action"),
		.errno_ret = spec_read_u64(value, "errnoRet"),
	};
	rule->args = spec_read_array(pool, value, "args", sizeof(struct spec_seccomp_arg), read_arg,
				     &rule->n_args);
}

struct spec_seccomp *spec_seccomp_read(struct spec_pool *pool, struct json_object *object)
{
	if (!object)
		return NULL;

	struct spec_seccomp *seccomp = spec_pool_new(pool, struct spec_seccomp);

	*seccomp = (struct spec_seccomp){
		.default_action = json_get_text(object, "defaultAction"),
		.default_errno_ret = spec_read_u64(object, "defaultErrnoRet"),
		.architectures = spec_read_strings(pool, object, "architectures"),
		.flags = spec_read_strings(pool, object, "flags"),
		.listener_path = json_get_text(object, "listenerPath"),
		.listener_metadata = json_get_text(object, "listenerMetadata"),
	};
	seccomp->syscalls =
		spec_read_array(pool, object, "syscalls", sizeof(struct spec_seccomp_rule),
				read_rule, &seccomp->n_syscalls);
	return seccomp;
}
