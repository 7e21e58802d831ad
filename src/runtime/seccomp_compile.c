/* SPDX-License-Identifier: MIT */
/* A seccomp profile, compiled with libseccomp. */

#include "runtime/seccomp_compile.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"

#include <ctype.h>
#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

#define ARGS_MAX 6

/* libseccomp's way of building the filter: a binary tree of the calls' numbers. */
#define OPTIMIZE_TREE 2

static int find_action(const char *name, uint64_t errno_return, uint32_t *ret)
{
	const struct {
		const char *name;
		uint32_t action;
	} actions[] = {
		{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
		{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(errno_return) },
		{ "SCMP_ACT_KILL", SCMP_ACT_KILL },
		{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
		{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
		{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(errno_return) },
		{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	};

	for (size_t i = 0; name && i < ARRAY_LEN(actions); i++)
		if (strcmp(actions[i].name, name) == 0) {
			*ret = actions[i].action;
			return 0;
		}
	return -EINVAL;
}

static int find_comparison(const char *name, enum scmp_compare *ret)
{
	static const struct {
		const char *name;
		enum scmp_compare compare;
	} comparisons[] = {
		{ "SCMP_CMP_NE", SCMP_CMP_NE },
		{ "SCMP_CMP_LT", SCMP_CMP_LT },
		{ "SCMP_CMP_LE", SCMP_CMP_LE },
		{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
		{ "SCMP_CMP_GE", SCMP_CMP_GE },
		{ "SCMP_CMP_GT", SCMP_CMP_GT },
		{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	};

	for (size_t i = 0; name && i < ARRAY_LEN(comparisons); i++)
		if (strcmp(comparisons[i].name, name) == 0) {
			*ret = comparisons[i].compare;
			return 0;
		}
	return -EINVAL;
}

static int add_architectures(scmp_filter_ctx filter, struct json_object *list,
			     struct lxcri_error *err)
{
	static const char prefix[] = "SCMP_ARCH_";

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));
		char lower[32] = "";

		if (!name || !text_starts_with(name, prefix) ||
		    strlen(name) - strlen(prefix) >= sizeof(lower))
			return fail(err, LXCRI_E_INVALID_SPEC,
				    "linux.seccomp.architectures[%zu]: unknown architecture", i);
		for (size_t c = 0; name[strlen(prefix) + c]; c++)
			lower[c] = (char)tolower((unsigned char)name[strlen(prefix) + c]);

		uint32_t token = seccomp_arch_resolve_name(lower);
		int r = token ? seccomp_arch_add(filter, token) : -EINVAL;

		/* -EDOM: of the other byte order; no program of it runs here. */
		if (r < 0 && r != -EEXIST && r != -EDOM)
			return fail(err, LXCRI_E_INVALID_SPEC,
				    "linux.seccomp.architectures[%zu]: unknown architecture", i);
	}
	return 0;
}

/* What one rule asks. */
struct rule {
	uint32_t action;
	struct scmp_arg_cmp conditions[ARGS_MAX];
	unsigned int n_conditions;
	bool any; /* an argument is asked about twice: one condition is enough */
};

static int read_conditions(struct json_object *list, struct rule *rule)
{
	size_t count = json_count(list);
	unsigned int seen = 0;

	if (count > ARGS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		struct json_object *object = json_object_array_get_idx(list, i);
		uint64_t index = json_get_u64(object, "index", UINT64_MAX);
		enum scmp_compare compare;

		if (index >= ARGS_MAX || find_comparison(json_get_text(object, "op"), &compare) < 0)
			return -EINVAL;
		if (seen & 1u << index)
			rule->any = true;
		seen |= 1u << index;
		rule->conditions[rule->n_conditions++] = (struct scmp_arg_cmp){
			.arg = (unsigned int)index,
			.op = compare,
			.datum_a = json_get_u64(object, "value", 0),
			.datum_b = json_get_u64(object, "valueTwo", 0),
		};
	}
	return 0;
}

static int add_call(scmp_filter_ctx filter, const struct rule *rule, int call)
{
	int r = 0;

	if (!rule->any)
		return seccomp_rule_add_array(filter, rule->action, call, rule->n_conditions,
					      rule->conditions);
	for (unsigned int i = 0; r == 0 && i < rule->n_conditions; i++)
		r = seccomp_rule_add_array(filter, rule->action, call, 1, &rule->conditions[i]);
	return r;
}

static int add_rule(scmp_filter_ctx filter, struct json_object *object, uint32_t otherwise,
		    struct lxcri_error *err)
{
	struct json_object *names = json_get(object, "names");
	uint64_t errno_return = json_get_u64(object, "errnoRet", EPERM);
	const char *action = json_get_text(object, "action");
	struct rule rule = {};

	if (action && strcmp(action, "SCMP_ACT_NOTIFY") == 0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "linux.seccomp.syscalls: SCMP_ACT_NOTIFY cannot be compiled ahead");
	if (!json_object_is_type(names, json_type_array) ||
	    find_action(action, errno_return, &rule.action) < 0 ||
	    read_conditions(json_get(object, "args"), &rule) < 0)
		return fail(err, LXCRI_E_INVALID_SPEC,
			    "linux.seccomp.syscalls: a rule's names, action or args are not valid");

	/* What happens anyway is refused as a rule. */
	if (rule.action == otherwise)
		return 0;
	for (size_t i = 0; i < json_object_array_length(names); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(names, i));
		int call = name ? seccomp_syscall_resolve_name(name) : __NR_SCMP_ERROR;
		int r = call == __NR_SCMP_ERROR ? 0 : add_call(filter, &rule, call);

		if (r < 0)
			return fail_errno(err, r, "seccomp rule for %s", name);
	}
	return 0;
}

/* Reads the finished program out of libseccomp, which writes to a descriptor only. */
static int export(scmp_filter_ctx filter, char **ret_bpf, size_t *ret_size, struct lxcri_error *err)
{
	autoclose int fd = memfd_create("seccomp", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return fail_errno(err, errno, "make a memory file");
	r = seccomp_export_bpf(filter, fd);
	if (r < 0)
		return fail_errno(err, r, "compile the seccomp filter");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, errno, "read the seccomp filter");
	r = file_read_fd(fd, BPF_MAXINSNS * sizeof(struct sock_filter), ret_bpf, ret_size);
	return r < 0 ? fail_errno(err, r, "read the seccomp filter") : 0;
}

static int compile(scmp_filter_ctx filter, struct json_object *profile, uint32_t otherwise,
		   char **ret_bpf, size_t *ret_size, struct lxcri_error *err)
{
	struct json_object *rules = json_get(profile, "syscalls");
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_TREE);

	if (r < 0)
		return fail_errno(err, r, "set up libseccomp");
	if (add_architectures(filter, json_get(profile, "architectures"), err) < 0)
		return -1;
	for (size_t i = 0; rules && i < json_object_array_length(rules); i++)
		if (add_rule(filter, json_object_array_get_idx(rules, i), otherwise, err) < 0)
			return -1;
	return export(filter, ret_bpf, ret_size, err);
}

int seccomp_compile(struct json_object *profile, char **ret_bpf, size_t *ret_size,
		    struct lxcri_error *err)
{
	uint64_t errno_return = json_get_u64(profile, "defaultErrnoRet", EPERM);
	uint32_t otherwise;

	if (find_action(json_get_text(profile, "defaultAction"), errno_return, &otherwise) < 0)
		return fail(err, LXCRI_E_INVALID_SPEC,
			    "linux.seccomp.defaultAction is missing or unknown");

	scmp_filter_ctx filter = seccomp_init(otherwise);

	if (!filter)
		return fail_errno(err, ENOMEM, "set up libseccomp");

	int r = compile(filter, profile, otherwise, ret_bpf, ret_size, err);

	seccomp_release(filter);
	return r;
}
