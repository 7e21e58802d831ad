/* SPDX-License-Identifier: MIT */
/* What the LXC backend does on the host with nothing but a container's run directory. */

#include "runtime/lxc/lxc_clean.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/path.h"
#include "runtime/hook.h"
#include "runtime/lxc/lxc_cgroup.h"
#include "runtime/lxc/lxc_plan.h"
#include "runtime/lxc/lxc_runtime.h"

#include <errno.h>
#include <fcntl.h>

static int load_plan(const char *run_dir, struct lxc_plan *plan, bool *ret_found,
		     struct lxcri_error *err)
{
	autofree char *bytes = NULL;
	size_t size;

	if (lxc_runtime_load(run_dir, LXC_RUNTIME_PLAN, LXC_PLAN_BYTES_MAX, &bytes, &size, err) < 0)
		return -1;
	*ret_found = bytes != NULL;
	return bytes ? lxc_plan_decode(bytes, size, plan, err) : 0;
}

int lxc_host_hooks(const char *run_dir, enum lxc_hooks_stage stage, pid_t pid,
		   struct lxcri_error *err)
{
	static const struct {
		const char *name;
		const char *status;
	} stages[] = {
		[LXC_HOOKS_CREATE] = { "createRuntime", "creating" },
		[LXC_HOOKS_START] = { "poststart", "running" },
		[LXC_HOOKS_STOP] = { "poststop", "stopped" },
	};
	autorun(lxc_plan_finish) struct lxc_plan plan = {};
	bool found;

	if (load_plan(run_dir, &plan, &found, err) < 0)
		return -1;
	if (!found)
		return 0;

	const struct lxc_plan_hooks *hooks[] = {
		[LXC_HOOKS_CREATE] = &plan.create_runtime,
		[LXC_HOOKS_START] = &plan.poststart,
		[LXC_HOOKS_STOP] = &plan.poststop,
	};
	const struct hook_state state = {
		.head = plan.state_head,
		.tail = plan.state_tail,
		.status = stages[stage].status,
		.pid = pid,
	};

	return hooks_run(hooks[stage], stages[stage].name, &state, err);
}

int lxc_clean(const char *run_dir, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" LXC_RUNTIME_DIR, run_dir);
	autorun(lxc_cgroup_names_finish) struct lxc_cgroup_names names = {};
	struct lxcri_error ignored = {};
	autoclose int run = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (lxc_cgroup_names_load(run_dir, &names, err) < 0)
		return -1;
	if (!names.payload)
		return 0;

	int r = lxc_cgroup_remove(&names);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_CONTAINER_DELETE_FAILED, r,
				       "remove the cgroups of %s", names.payload);
	/* Once: a second call finds no plan. What a hook says then changes nothing. */
	(void)lxc_host_hooks(run_dir, LXC_HOOKS_STOP, 0, &ignored);
	r = run < 0 ? -errno : path_remove_tree(run, LXC_RUNTIME_DIR);
	if (r < 0 && r != -ENOENT)
		return fail_code_errno(err, LXCRI_E_CONTAINER_DELETE_FAILED, r, "remove %s", path);
	return 0;
}
