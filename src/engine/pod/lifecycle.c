/* SPDX-License-Identifier: MIT */
/* Start, stop, delete, limits. The lock is held while namespaces and record change, never while a
 * container is waited for: whoever starts one wants to look at the pod. */

#include "base/log.h"
#include "base/mem.h"
#include "engine/event.h"
#include "engine/guest/guest.h"
#include "engine/pod/ct_address.h"
#include "engine/pod/ct_pod.h"
#include "engine/pod/first.h"
#include "engine/pod/pod.h"
#include "engine/pod/sandbox.h"
#include "engine/service/demand.h"
#include "engine/virtual/virtual_ready.h"
#include "lxcri/limits.h"

#include <string.h>

static int save(struct lxcri_pod *pod, struct lxcri_error *err)
{
	return home_save_record(pod->engine, &pod->shell->home, &pod->shell->record, err);
}

static void tell(const struct lxcri_pod *pod, const char *event)
{
	const char *const attributes[] = { "namespace", pod->note.name_space, NULL };

	engine_event(pod->engine, "pod", event, pod->shell->home.id, attributes);
}

/* Notes whether its user wants it to run. */
static int want(struct lxcri_pod *pod, bool wanted, struct lxcri_error *err)
{
	if (pod->shell->record.wanted == wanted)
		return 0;
	pod->shell->record.wanted = wanted;
	return save(pod, err);
}

static int prepare(struct lxcri_pod *pod, struct lxcri_error *err)
{
	struct pod_look look;
	int r;

	if (pod_lock(pod, err) < 0)
		return -1;
	r = pod_look(pod, &look, err);
	if (r == 0 && pod_status(pod, &look) == LXCRI_POD_RUNNING)
		r = fail(err, LXCRI_E_INVALID_STATE, "it is running");
	if (r == 0)
		r = want(pod, true, err);
	if (r == 0)
		r = sandbox_up(pod->shell, &pod->note, err);
	home_unlock(&pod->shell->home);
	return r;
}

static int start_member(struct lxcri_pod *pod, const struct pod_member *member,
			struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;

	if (member->is_first)
		return first_run(pod->engine, member, err);
	if (lxcri_container_open(pod->engine, member->id, &container, err) < 0)
		return -1;
	return lxcri_container_start(container, err);
}

static int start_members(struct lxcri_pod *pod, struct lxcri_error *err)
{
	for (size_t i = 0; i < pod->note.n_members; i++)
		if (start_member(pod, &pod->note.members[i], err) < 0)
			return -1;
	return 0;
}

/* Those that it has at once; for a lease the service looks. */
static void look_for_addresses(struct lxcri_pod *pod)
{
	struct lxcri_error err = {};

	if (ct_pod_is(pod->shell) && ct_address_look(pod->engine, pod->shell->home.id, &err) < 0)
		log_warning("%s", err.text);
}

static int start(struct lxcri_pod *pod, struct lxcri_error *err)
{
	const char *id = pod->shell->home.id;
	const unsigned int at_once = 0;
	struct lxcri_error second = {};

	if (prepare(pod, err) < 0)
		return pod_fail(err, LXCRI_E_POD_START_FAILED, "start pod %s", id);
	if (ct_pod_is(pod->shell))
		guest_demand_service(pod->engine, id);
	if (start_members(pod, err) < 0) {
		if (lxcri_pod_stop(pod, &at_once, &second) < 0)
			log_error("%s", second.text);
		return pod_fail(err, LXCRI_E_POD_START_FAILED, "start pod %s", id);
	}
	look_for_addresses(pod);
	virtual_ready_tell(pod->engine, id);
	demand_service_of(pod->shell);
	tell(pod, "start");
	return 0;
}

int lxcri_pod_start(struct lxcri_pod *pod, struct lxcri_error *err)
{
	return engine_defer(pod->engine, err) < 0
		       ? -1
		       : engine_settle(pod->engine, start(pod, err), err);
}

/* What is gone needs no stop. */
static int stop_member(struct lxcri_pod *pod, const struct pod_member *member,
		       unsigned int grace_seconds, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	struct lxcri_error gone = {};

	if (lxcri_container_open(pod->engine, member->id, &container, &gone) == 0 &&
	    lxcri_container_stop(container, grace_seconds, &gone) == 0)
		return 0;
	if (gone.code == LXCRI_E_CONTAINER_NOT_FOUND)
		return 0;
	*err = gone;
	return -1;
}

/* Nobody is to be led to it from here on. What cannot be marked is stopped all the same. */
static int begin_end(struct lxcri_pod *pod)
{
	int fd = pod_mark_ending(pod->engine, pod->shell->home.id);

	if (fd < 0)
		return fd;
	virtual_ready_tell(pod->engine, pod->shell->home.id);
	tell(pod, "ending");
	return fd;
}

static int stop_members(struct lxcri_pod *pod, unsigned int grace_seconds, struct lxcri_error *err)
{
	autoclose int mark = begin_end(pod);
	struct lxcri_error first = {};

	/* A failure stops none of the others from being stopped. */
	for (size_t i = pod->note.n_members; i-- > 0;) {
		struct lxcri_error one = {};

		if (stop_member(pod, &pod->note.members[i], grace_seconds, &one) < 0 &&
		    first.code == LXCRI_E_NONE)
			first = one;
	}
	if (first.code == LXCRI_E_NONE)
		return 0;
	*err = first;
	return -1;
}

/* The lock is held: no container of it is started from here on but by who finds it stopped. */
static int take_down(struct lxcri_pod *pod, struct lxcri_error *err)
{
	struct pod_look look;

	if (pod_look(pod, &look, err) < 0)
		return -1;
	if (look.alive > 0)
		return fail(err, LXCRI_E_INVALID_STATE, "a container of it was started meanwhile");
	return want(pod, false, err) < 0 || sandbox_down(pod->shell, err) < 0 ? -1 : 0;
}

static int stop(struct lxcri_pod *pod, const unsigned int *grace_seconds, struct lxcri_error *err)
{
	const char *id = pod->shell->home.id;
	int r = stop_members(pod, grace_seconds ? *grace_seconds : pod->note.grace_seconds, err);
	if (r == 0)
		r = pod_lock(pod, err);
	if (r == 0) {
		r = take_down(pod, err);
		home_unlock(&pod->shell->home);
	}
	if (r < 0)
		return pod_fail(err, LXCRI_E_POD_STOP_FAILED, "stop pod %s", id);
	tell(pod, "stop");
	return 0;
}

int lxcri_pod_stop(struct lxcri_pod *pod, const unsigned int *grace_seconds,
		   struct lxcri_error *err)
{
	return engine_defer(pod->engine, err) < 0
		       ? -1
		       : engine_settle(pod->engine, stop(pod, grace_seconds, err), err);
}

int pod_start_left(struct lxcri_pod *pod, struct lxcri_error *err)
{
	const unsigned int at_once = 0;
	struct pod_look look;

	if (pod_look(pod, &look, err) < 0)
		return -1;
	if (look.created == 0 && pod_status(pod, &look) != LXCRI_POD_CREATED)
		return 0;
	/* Those that come first run anew with the others. */
	if (look.has_run && lxcri_pod_stop(pod, &at_once, err) < 0)
		return -1;
	return lxcri_pod_start(pod, err) < 0 ? -1 : 1;
}

/* From here on it is as one that is half made: whoever comes across it goes on. */
static int remove_locked(struct lxcri_pod *pod, struct lxcri_error *err)
{
	pod->shell->record.phase = RECORD_CREATING;
	if (save(pod, err) < 0)
		return -1;
	return pod_teardown(pod->shell, err);
}

static int check_rest(struct lxcri_pod *pod, struct lxcri_error *err)
{
	struct pod_look look;

	if (pod_look(pod, &look, err) < 0)
		return -1;
	if (pod_status(pod, &look) == LXCRI_POD_RUNNING)
		return fail(err, LXCRI_E_POD_STILL_RUNNING,
			    "it is running; stop it first, or delete it by force");
	return 0;
}

static int end(struct lxcri_pod *pod, bool force, struct lxcri_error *err)
{
	const char *id = pod->shell->home.id;
	struct lxcri_error second = {};
	int r = 0;

	/* What cannot be stopped is killed as it is removed. */
	if (force && stop_members(pod, pod->note.grace_seconds, &second) < 0)
		log_warning("%s", second.text);
	if (!force)
		r = check_rest(pod, err);
	if (r == 0)
		r = pod_lock(pod, err);
	if (r == 0) {
		r = force ? 0 : check_rest(pod, err);
		if (r == 0)
			r = remove_locked(pod, err);
		home_unlock(&pod->shell->home);
	}
	if (r < 0)
		return pod_fail(err, LXCRI_E_POD_DELETION_FAILED, "delete pod %s", id);
	tell(pod, "delete");
	return 0;
}

int lxcri_pod_delete(struct lxcri_pod *pod, bool force, struct lxcri_error *err)
{
	return engine_defer(pod->engine, err) < 0
		       ? -1
		       : engine_settle(pod->engine, end(pod, force, err), err);
}

static const struct pod_member *find_member(const struct lxcri_pod *pod, const char *name)
{
	for (size_t i = 0; i < pod->note.n_members; i++)
		if (strcmp(pod->note.members[i].name, name) == 0)
			return &pod->note.members[i];
	return NULL;
}

int lxcri_pod_update_resources(struct lxcri_pod *pod, const char *name, const char *resources_json,
			       struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	const struct pod_member *member = find_member(pod, name);
	const char *id = pod->shell->home.id;

	if (!member)
		return fail(err, LXCRI_E_CONTAINER_NOT_FOUND, "pod %s has no container %s", id,
			    name);
	if (lxcri_container_open(pod->engine, member->id, &container, err) < 0 ||
	    lxcri_container_update(container, resources_json, err) < 0)
		return pod_fail(err, LXCRI_E_RESOURCE_UPDATE_FAILED,
				"change the limits of %s in pod %s", name, id);
	return 0;
}
