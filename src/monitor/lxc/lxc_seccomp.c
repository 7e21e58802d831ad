/* SPDX-License-Identifier: MIT */
/* The system call filter of a specification, for the shim to load. */

#include "monitor/lxc/lxc_seccomp.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "runtime/lxc/lxc_runtime.h"
#include "runtime/seccomp_cache.h"
#include "runtime/seccomp_compile.h"

#include <linux/seccomp.h>
#include <string.h>

#define FILTER_BYTES_MAX (1u << 20)

static const struct {
	const char *name;
	uint32_t flag;
} filter_flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", 0 }, /* there is one thread */
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
};

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

int lxc_seccomp_compile(const struct runtime_spec *spec, const char *cache,
			struct lxc_plan_process *process, struct lxcri_error *err)
{
	const struct spec_seccomp *seccomp = spec->linux_->seccomp;
	struct json_object *profile = json_get(json_get(spec->document, "linux"), "seccomp");

	if (!seccomp)
		return 0;
	if (take_flags(seccomp, &process->seccomp_flags, err) < 0)
		return -1;
	if (!cache)
		return seccomp_compile(profile, &process->seccomp, &process->seccomp_size, err);
	return seccomp_cache_get(cache, profile, &process->seccomp, &process->seccomp_size, err);
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
