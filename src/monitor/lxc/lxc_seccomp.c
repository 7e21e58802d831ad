/* SPDX-License-Identifier: MIT */
/* The system call filter of a specification, compiled with libseccomp.
 *
 * A cached filter is found by a hash of what it was made from, and taken only when that text is in
 * it as well: a hash is for finding, not for trusting. */

#include "monitor/lxc/lxc_seccomp.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"
#include "os/path.h"
#include "runtime/lxc_runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

#define FILTER_BYTES_MAX (1u << 20)
#define ARGS_MAX         6

static const struct {
	const char *name;
	uint32_t action; /* SCMP_ACT_ERRNO and _TRACE take a number besides */
} actions[] = {
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0) },
	{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0) },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
};

static const struct {
	const char *name;
	enum scmp_compare op;
} operators[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

static const struct {
	const char *name;
	uint32_t flag;
} filter_flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", 0 }, /* there is one thread */
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
};

static int find_action(const char *name, const struct spec_u64 *number, uint32_t *ret,
		       struct lxcri_error *err)
{
	uint32_t value = number->set ? (uint32_t)number->value & 0xffff : EPERM;

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (strcmp(actions[i].name, name) != 0)
			continue;
		*ret = actions[i].action;
		if (*ret == SCMP_ACT_ERRNO(0) || *ret == SCMP_ACT_TRACE(0))
			*ret |= value;
		return 0;
	}
	return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "linux.seccomp: action %s on LXC", name);
}

static int find_condition(const struct spec_seccomp_arg *arg, struct scmp_arg_cmp *ret,
			  struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		if (strcmp(operators[i].name, arg->op) != 0)
			continue;
		*ret = (struct scmp_arg_cmp){ .arg = arg->index,
					      .op = operators[i].op,
					      .datum_a = arg->value,
					      .datum_b = arg->value_two };
		return 0;
	}
	return fail(err, LXCRI_E_INVALID_SPEC, "linux.seccomp: unknown operator %s", arg->op);
}

/* Conditions on different arguments must all hold. Several on one argument cannot be one rule of
 * libseccomp: they are alternatives then, as runc and crun read it. */
static bool has_alternatives(const struct spec_seccomp_rule *rule)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < rule->n_args; i++) {
		if (seen & 1u << rule->args[i].index)
			return true;
		seen |= 1u << rule->args[i].index;
	}
	return false;
}

static int add_one(scmp_filter_ctx filter, const struct spec_seccomp_rule *rule, uint32_t action,
		   const char *name, struct lxcri_error *err)
{
	struct scmp_arg_cmp conditions[ARGS_MAX];
	int number = seccomp_syscall_resolve_name(name);
	int r = 0;

	if (number == __NR_SCMP_ERROR)
		return 0;
	for (size_t i = 0; i < rule->n_args && i < ARGS_MAX; i++)
		if (find_condition(&rule->args[i], &conditions[i], err) < 0)
			return -1;
	if (has_alternatives(rule)) {
		for (size_t i = 0; i < rule->n_args && i < ARGS_MAX && r == 0; i++)
			r = seccomp_rule_add_array(filter, action, number, 1, &conditions[i]);
	} else {
		r = seccomp_rule_add_array(filter, action, number, (unsigned int)rule->n_args,
					   conditions);
	}
	/* The same rule twice is one. */
	if (r < 0 && r != -EEXIST)
		return fail_errno(err, r, "linux.seccomp: add a rule for %s", name);
	return 0;
}

static int add_rules(scmp_filter_ctx filter, const struct spec_seccomp *spec,
		     uint32_t default_action, struct lxcri_error *err)
{
	for (size_t i = 0; i < spec->n_syscalls; i++) {
		const struct spec_seccomp_rule *rule = &spec->syscalls[i];
		uint32_t action;

		if (rule->n_args > ARGS_MAX)
			return fail(err, LXCRI_E_INVALID_SPEC,
				    "linux.seccomp.syscalls[%zu].args: more than %d", i, ARGS_MAX);
		for (size_t k = 0; k < rule->n_args; k++)
			if (rule->args[k].index >= ARGS_MAX)
				return fail(err, LXCRI_E_INVALID_SPEC,
					    "linux.seccomp.syscalls[%zu].args[%zu].index: beyond "
					    "%d",
					    i, k, ARGS_MAX - 1);
		if (find_action(rule->action, &rule->errno_ret, &action, err) < 0)
			return -1;
		/* libseccomp refuses what changes nothing. */
		if (action == default_action)
			continue;
		for (size_t k = 0; k < rule->names.count; k++)
			if (add_one(filter, rule, action, rule->names.items[k], err) < 0)
				return -1;
	}
	return 0;
}

/* "SCMP_ARCH_X86_64" is libseccomp's x86_64. */
static uint32_t find_architecture(const char *name)
{
	char word[32] = {};

	if (!text_starts_with(name, "SCMP_ARCH_"))
		return 0;
	name += strlen("SCMP_ARCH_");
	for (size_t i = 0; i < sizeof(word) - 1 && name[i]; i++)
		word[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
	return seccomp_arch_resolve_name(word);
}

static int add_architectures(scmp_filter_ctx filter, const struct spec_seccomp *spec,
			     struct lxcri_error *err)
{
	for (size_t i = 0; i < spec->architectures.count; i++) {
		uint32_t arch = find_architecture(spec->architectures.items[i]);
		int r = arch == 0 ? 0 : seccomp_arch_add(filter, arch);

		/* -EDOM: of the other byte order; no program of it runs here. */
		if (r < 0 && r != -EEXIST && r != -EDOM)
			return fail_errno(err, r, "linux.seccomp.architectures[%zu]", i);
	}
	return 0;
}

static int take_flags(const struct spec_seccomp *spec, uint32_t *flags, struct lxcri_error *err)
{
	*flags = 0;
	for (size_t i = 0; i < spec->flags.count; i++) {
		size_t known = 0;

		while (known < ARRAY_LEN(filter_flags) &&
		       strcmp(filter_flags[known].name, spec->flags.items[i]) != 0)
			known++;
		if (known == ARRAY_LEN(filter_flags))
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "linux.seccomp.flags: %s on LXC", spec->flags.items[i]);
		*flags |= filter_flags[known].flag;
	}
	return 0;
}

static int export(scmp_filter_ctx filter, struct lxc_plan_process *process, struct lxcri_error *err)
{
	autoclose int fd = memfd_create("filter", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);

	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r == 0)
		r = file_read_fd(fd, FILTER_BYTES_MAX, &process->seccomp, &process->seccomp_size);
	return r < 0 ? fail_errno(err, r, "compile linux.seccomp") : 0;
}

static void release(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static int compile(const struct spec_seccomp *spec, struct lxc_plan_process *process,
		   struct lxcri_error *err)
{
	uint32_t default_action;

	if (find_action(spec->default_action, &spec->default_errno_ret, &default_action, err) < 0)
		return -1;

	autorun(release) scmp_filter_ctx filter = seccomp_init(default_action);

	if (!filter)
		return fail(err, LXCRI_E_SYSTEM, "compile linux.seccomp: libseccomp refuses");
	/* A tree instead of a list: the cost of a call does not follow the number of rules. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (add_architectures(filter, spec, err) < 0 ||
	    add_rules(filter, spec, default_action, err) < 0)
		return -1;
	return export(filter, process, err);
}

/* FNV-1a. */
static uint64_t hash(const char *text)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return value;
}

/* A cached file is the text and its NUL, then the filter. */
static bool load_cached(const char *cache, const char *name, const char *text,
			struct lxc_plan_process *process)
{
	autofree char *path = xformat("%s/%s", cache, name);
	autofree char *bytes = NULL;
	size_t head = strlen(text) + 1;
	size_t size;

	if (file_read(AT_FDCWD, path, FILTER_BYTES_MAX * 2, &bytes, &size) < 0 || size <= head ||
	    memcmp(bytes, text, head) != 0 || (size - head) % 8 != 0)
		return false;
	process->seccomp_size = size - head;
	process->seccomp = xmemdup(bytes + head, size - head);
	return true;
}

static void save_cached(const char *cache, const char *name, const char *text,
			const struct lxc_plan_process *process)
{
	autorun(text_finish) struct text bytes = {};

	text_append(&bytes, text, strlen(text) + 1);
	text_append(&bytes, process->seccomp, process->seccomp_size);
	/* Without a cache the next start is slower, no more. */
	if (path_make_dirs(cache, 0700) < 0)
		return;

	autoclose int dir = open(cache, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		(void)file_write_atomic(dir, name, bytes.data, bytes.length, 0600, FILE_VOLATILE);
}

int lxc_seccomp_compile(const struct runtime_spec *spec, const char *cache,
			struct lxc_plan_process *process, struct lxcri_error *err)
{
	const struct spec_seccomp *seccomp = spec->linux_->seccomp;

	if (!seccomp)
		return 0;
	if (take_flags(seccomp, &process->seccomp_flags, err) < 0)
		return -1;
	if (!cache)
		return compile(seccomp, process, err);

	const struct scmp_version *version = seccomp_version();
	struct json_object *document = json_get(json_get(spec->document, "linux"), "seccomp");
	autofree char *json = json_format_line(document);
	autofree char *text = xformat("libseccomp %u.%u.%u %s", version->major, version->minor,
				      version->micro, json);
	autofree char *name = xformat("%016llx", (unsigned long long)hash(text));

	if (load_cached(cache, name, text, process))
		return 0;
	if (compile(seccomp, process, err) < 0)
		return -1;
	save_cached(cache, name, text, process);
	return 0;
}

int lxc_seccomp_save(const struct lxc_plan_process *process, const char *run_dir,
		     struct lxcri_error *err)
{
	autorun(text_finish) struct text bytes = {};

	if (process->seccomp_size == 0)
		return 0;
	text_append(&bytes, process->seccomp, process->seccomp_size);
	text_append(&bytes, (const char *)&process->seccomp_flags, sizeof(process->seccomp_flags));
	return lxc_runtime_save(run_dir, LXC_RUNTIME_SECCOMP, bytes.data, bytes.length, err);
}

int lxc_seccomp_load(const char *run_dir, struct lxc_plan_process *process, struct lxcri_error *err)
{
	size_t size;

	if (lxc_runtime_load(run_dir, LXC_RUNTIME_SECCOMP, FILTER_BYTES_MAX * 2, &process->seccomp,
			     &size, err) < 0)
		return -1;
	if (!process->seccomp)
		return 0;
	if (size % 8 != sizeof(process->seccomp_flags))
		return fail(err, LXCRI_E_INVALID_FORMAT,
			    "read the filter of the container: malformed");
	process->seccomp_size = size - sizeof(process->seccomp_flags);
	memcpy(&process->seccomp_flags, process->seccomp + process->seccomp_size,
	       sizeof(process->seccomp_flags));
	return 0;
}
