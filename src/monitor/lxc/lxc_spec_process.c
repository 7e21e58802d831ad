/* SPDX-License-Identifier: MIT */
/* A process of the specification, in the numbers that the kernel wants. */

#include "monitor/lxc/lxc_spec.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "oci/spec_validate.h"

#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>

/* In the kernel's order: the place is the number. */
static const char *const capability_names[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};

static const struct {
	const char *name;
	uint32_t resource;
} rlimit_names[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

/* Names that this build does not know are left out, as the specification asks: the capability
 * cannot be given, and a set may only become smaller by that. */
static uint64_t capability_set(const struct spec_strings *names)
{
	uint64_t set = 0;

	for (size_t i = 0; i < names->count; i++)
		for (size_t cap = 0; cap < ARRAY_LEN(capability_names); cap++)
			if (text_starts_with(names->items[i], "CAP_") &&
			    strcmp(names->items[i] + 4, capability_names[cap]) == 0)
				set |= UINT64_C(1) << cap;
	return set;
}

static int take_rlimits(const struct spec_process *spec, struct lxc_plan_process *process,
			struct lxcri_error *err)
{
	process->rlimits =
		spec->n_rlimits ? xcalloc(spec->n_rlimits, sizeof(*process->rlimits)) : NULL;
	for (size_t i = 0; i < spec->n_rlimits; i++) {
		struct lxc_plan_rlimit *limit = &process->rlimits[process->n_rlimits];
		size_t known = 0;

		while (known < ARRAY_LEN(rlimit_names) &&
		       strcmp(rlimit_names[known].name, spec->rlimits[i].type) != 0)
			known++;
		if (known == ARRAY_LEN(rlimit_names))
			return fail(err, LXCRI_E_INVALID_SPEC, "process.rlimits[%zu]: unknown %s",
				    i, spec->rlimits[i].type);
		*limit = (struct lxc_plan_rlimit){ rlimit_names[known].resource,
						   spec->rlimits[i].soft, spec->rlimits[i].hard };
		process->n_rlimits++;
	}
	return 0;
}

static void take_strings(struct strings *to, const struct spec_strings *from)
{
	for (size_t i = 0; i < from->count; i++)
		strings_add(to, from->items[i]);
}

static void take_capabilities(const struct spec_capabilities *spec,
			      struct lxc_plan_process *process)
{
	if (!spec)
		return;
	process->bounding = capability_set(&spec->bounding);
	process->permitted = capability_set(&spec->permitted);
	process->effective = capability_set(&spec->effective);
	process->inheritable = capability_set(&spec->inheritable);
	/* The kernel refuses what is not both permitted and inheritable. */
	process->ambient =
		capability_set(&spec->ambient) & process->permitted & process->inheritable;
}

int lxc_spec_process(const struct spec_process *spec, struct lxc_plan_process *process,
		     struct lxcri_error *err)
{
	const struct spec_user *user = &spec->user;

	if (spec->selinux_label && *spec->selinux_label)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "process.selinuxLabel on LXC");
	if (spec->scheduler)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "process.scheduler on LXC");
	if (spec->io_priority)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "process.ioPriority on LXC");
	take_strings(&process->args, &spec->args);
	take_strings(&process->env, &spec->env);
	process->cwd = xstrdup(spec->cwd);
	process->uid = user->uid;
	process->gid = user->gid;
	process->n_groups = user->n_additional_gids;
	process->groups = xmemdup(user->additional_gids, process->n_groups * sizeof(uint32_t));
	process->umask = user->umask.set ? (uint32_t)user->umask.value : 0022;
	take_capabilities(spec->capabilities, process);
	process->no_new_privileges = spec->no_new_privileges;
	process->terminal = spec->terminal;
	process->rows = (uint16_t)(spec->console_height & UINT16_MAX);
	process->columns = (uint16_t)(spec->console_width & UINT16_MAX);
	process->oom_score_adj =
		(uint32_t)(spec->oom_score_adj.set ? (int32_t)spec->oom_score_adj.value
						   : INT32_MIN);
	process->personality = UINT64_MAX;
	if (spec->apparmor_profile && *spec->apparmor_profile)
		process->apparmor = xstrdup(spec->apparmor_profile);
	return take_rlimits(spec, process, err);
}

int lxc_spec_process_parse(const char *text, size_t size, bool has_console,
			   struct lxc_plan_process *process, struct lxcri_error *err)
{
	autojson document = NULL;
	autorun(spec_pool_finish) struct spec_pool pool = {};

	if (json_parse(text, size, &json_limits_spec, &document, err) < 0 ||
	    spec_validate_process(document, err) < 0 ||
	    lxc_spec_process(spec_process_read(&pool, document), process, err) < 0)
		return -1;
	if (process->terminal && !has_console)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "a terminal needs a console socket");
	return 0;
}
