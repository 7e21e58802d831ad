/* SPDX-License-Identifier: MIT */
/* What the containers of a pod share. */

#include "engine/pod/sandbox.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/network/attach.h"
#include "engine/pod/ct_pod.h"
#include "engine/pod/memory.h"
#include "engine/pod/pod.h"
#include "os/network/ns_set.h"
#include "os/path.h"

#include <string.h>
#include <time.h>

/* How long another command may be at work on the pod whose container is to be started. It is not
 * waited for: it may wait for us. */
#define LOCK_TRIES   500
#define LOCK_WAIT_NS 20000000

static char *set_path(const struct lxcri_engine *engine, const char *pod)
{
	autofree char *run_dir = engine_run_dir(engine, pod);

	return xformat("%s/ns", run_dir);
}

bool sandbox_is_up(const struct lxcri_engine *engine, const char *pod)
{
	autofree char *path = set_path(engine, pod);

	return ns_set_is_there(path);
}

bool sandbox_is_left(const struct lxcri_engine *engine, const char *pod)
{
	autofree char *path = set_path(engine, pod);

	return path_exists(path) > 0 && !ns_set_is_there(path);
}

/* A port that is taken has a code of its own, which says more. */
static int explain(struct lxcri_error *err, enum lxcri_code code, const char *doing,
		   const char *pod)
{
	if (lxcri_code_class(err->code) == LXCRI_CLASS_SYSTEM &&
	    err->code != LXCRI_E_PORT_FORWARDING_FAILED)
		err->code = code;
	return fail_while(err, "%s the network of pod %s", doing, pod);
}

static int make(struct lxcri_container *pod, const struct pod_note *note, struct lxcri_error *err)
{
	autofree char *path = set_path(pod->engine, pod->home.id);
	autoclose int netns = -1;
	int r;

	if (attach_prepare(pod, err) < 0)
		return -1;
	r = ns_set_create(path, note->hostname);
	if (r == 0)
		r = netns = ns_set_open_net(path);
	if (r < 0)
		return fail_errno(err, r, "make the namespaces in %s", path);
	if (memory_up(pod, note, err) < 0)
		return -1;
	return attach_plug_pod(pod, netns, err);
}

int sandbox_up(struct lxcri_container *pod, const struct pod_note *note, struct lxcri_error *err)
{
	struct lxcri_error second = {};

	if (ct_pod_is(pod) || sandbox_is_up(pod->engine, pod->home.id))
		return 0;
	/* Of the last boot, or of a command that was killed. */
	if (sandbox_down(pod, err) < 0)
		return -1;
	if (make(pod, note, err) == 0)
		return 0;
	if (sandbox_down(pod, &second) < 0)
		log_error("%s", second.text);
	return explain(err, LXCRI_E_NETWORK_SETUP_FAILED, "set up", pod->home.id);
}

/* Takes namespaces away by @remove. */
static int remove_set(const char *path, int (*remove)(const char *path), struct lxcri_error *err)
{
	int r = remove(path);

	return r < 0 ? fail_errno(err, r, "remove the namespaces in %s", path) : 0;
}

int sandbox_down(struct lxcri_container *pod, struct lxcri_error *err)
{
	autofree char *path = set_path(pod->engine, pod->home.id);
	int r;

	if (ct_pod_is(pod))
		return ct_pod_leave(pod, err);
	/* First, so that what a killed command leaves behind is never taken for what is whole. */
	r = remove_set(path, ns_set_break, err);
	if (r == 0 && pod->record.networked)
		r = attach_release(pod->engine, pod->home.id, ATTACH_POD, err);
	if (r == 0)
		r = remove_set(path, ns_set_remove, err);
	if (r == 0)
		r = memory_down(pod, err);
	return r < 0 ? explain(err, LXCRI_E_NETWORK_CLEANUP_FAILED, "clean up", pod->home.id) : 0;
}

/* Takes the lock of @pod when nobody has it for some time. */
static int lock_patiently(struct lxcri_pod *pod, struct lxcri_error *err)
{
	static const struct timespec pause = { .tv_nsec = LOCK_WAIT_NS };

	for (int i = 0; i < LOCK_TRIES; i++) {
		int r = home_lock(&pod->shell->home, HOME_TRY, err);

		if (r != 0)
			return r < 0 ? -1 : 0;
		(void)nanosleep(&pause, NULL);
	}
	return fail(err, LXCRI_E_INVALID_STATE, "another command is at work on the pod %s",
		    pod->shell->home.id);
}

int sandbox_need(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	int r;

	if (sandbox_is_up(engine, id))
		return 0;
	if (lxcri_pod_open(engine, id, &pod, err) < 0 || lock_patiently(pod, err) < 0)
		return -1;
	r = sandbox_up(pod->shell, &pod->note, err);
	home_unlock(&pod->shell->home);
	return r;
}

static void share_namespaces(const struct lxcri_engine *engine, const char *pod, bool host_network,
			     struct json_object *linux_)
{
	static const struct {
		const char *type;
		const char *file;
	} shared[] = { { "network", "net" }, { "ipc", "ipc" }, { "uts", "uts" } };
	struct json_object *namespaces = json_get(linux_, "namespaces");
	autofree char *set = set_path(engine, pod);

	for (size_t i = 0; i < json_count(namespaces); i++) {
		struct json_object *namespace = json_object_array_get_idx(namespaces, i);
		const char *type = json_get_text(namespace, "type");

		for (size_t k = host_network ? 1 : 0; type && k < ARRAY_LEN(shared); k++) {
			autofree char *path = xformat("%s/%s", set, shared[k].file);

			if (strcmp(type, shared[k].type) == 0)
				json_set_text(namespace, "path", path);
		}
	}
}

static bool has_own_ids(struct json_object *linux_)
{
	return json_count(json_get(linux_, "uidMappings")) > 0;
}

/* Messages of POSIX are shown for the IPC namespace, which only its owner may mount. */
static void drop_queues(struct json_object *spec)
{
	struct json_object *mounts = json_get(spec, "mounts");

	for (size_t i = json_count(mounts); i-- > 0;) {
		const char *type = json_get_text(json_object_array_get_idx(mounts, i), "type");

		if (type && strcmp(type, "mqueue") == 0)
			json_object_array_del_idx(mounts, i, 1);
	}
}

void sandbox_share(const struct lxcri_engine *engine, const char *pod, bool host_network,
		   struct json_object *spec)
{
	struct json_object *linux_ = json_get(spec, "linux");

	share_namespaces(engine, pod, host_network, linux_);
	json_object_object_del(spec, "hostname");
	memory_share(engine, pod, spec);
	if (has_own_ids(linux_))
		drop_queues(spec);
}

static int put_right(struct lxcri_pod *pod, struct lxcri_error *err)
{
	struct lxcri_container *shell = pod->shell;
	autofree char *path = set_path(shell->engine, shell->home.id);
	autoclose int netns = -1;

	if (!sandbox_is_up(shell->engine, shell->home.id))
		return sandbox_down(shell, err);
	netns = ns_set_open_net(path);
	if (netns < 0)
		return fail_errno(err, netns, "open %s/net", path);
	return attach_plug_pod(shell, netns, err);
}

int sandbox_reload(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_error gone = {};
	int r;

	if (lxcri_pod_open(engine, id, &pod, &gone) < 0) {
		*err = gone;
		return gone.code == LXCRI_E_POD_NOT_FOUND ? 0 : -1;
	}
	r = home_lock(&pod->shell->home, HOME_TRY, err);
	if (r <= 0)
		return r; /* who is at work on it sees to that himself */
	r = put_right(pod, err);
	home_unlock(&pod->shell->home);
	return r;
}
