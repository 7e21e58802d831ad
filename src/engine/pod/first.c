/* SPDX-License-Identifier: MIT */
/* What runs in a pod before its other containers. */

#include "engine/pod/first.h"

#include "base/mem.h"
#include "engine/pod/pod.h"
#include "engine/pod/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int first_run(struct lxcri_engine *engine, const struct pod_member *member, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	int code;

	if (lxcri_container_open(engine, member->id, &container, err) < 0 ||
	    lxcri_container_start(container, err) < 0)
		return -1;
	code = lxcri_container_wait(container, -1, err);
	if (code > 0)
		return fail(err, LXCRI_E_POD_START_FAILED,
			    "its init container %s ended with exit code %d", member->name, code);
	return code;
}

static bool has_first(const struct pod_note *note)
{
	for (size_t i = 0; i < note->n_members; i++)
		if (note->members[i].is_first)
			return true;
	return false;
}

/* The file is there from before the namespaces are until all have run: whoever finds it goes on
 * where somebody failed or was killed. */
static int run_all(struct lxcri_pod *pod, const char *mark, struct lxcri_error *err)
{
	const char *id = pod->shell->home.id;
	autoclose int file = -1;

	if (sandbox_is_up(pod->engine, id) && access(mark, F_OK) < 0)
		return 0;
	file = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0)
		return fail_errno(err, errno, "make %s", mark);
	if (sandbox_need(pod->engine, id, err) < 0)
		return -1;
	for (size_t i = 0; i < pod->note.n_members; i++)
		if (pod->note.members[i].is_first &&
		    first_run(pod->engine, &pod->note.members[i], err) < 0)
			return fail_while(err, "start pod %s", id);
	return unlink(mark) < 0 ? fail_errno(err, errno, "remove %s", mark) : 0;
}

int first_run_again(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	autofree char *run_dir = engine_run_dir(engine, id);
	autofree char *mark = xformat("%s/first.todo", run_dir);
	autoclose int lock = -1;

	if (lxcri_pod_open(engine, id, &pod, err) < 0)
		return -1;
	if (!has_first(&pod->note))
		return 0;
	lock = engine_lock_file(run_dir, "first.lock", err);
	return lock < 0 ? -1 : run_all(pod, mark, err);
}
