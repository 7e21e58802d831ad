/* SPDX-License-Identifier: MIT */
/* A container of Proxmox VE from its start to its end. */

#include "engine/ct/ct.h"

#include "base/mem.h"
#include "base/moment.h"
#include "config/config.h"
#include "engine/ct/ct_end.h"
#include "engine/ct/ct_extra.h"
#include "engine/ct/ct_node.h"
#include "engine/ct/ct_options.h"
#include "engine/ct/zfs/ct_clone.h"
#include "engine/event.h"
#include "engine/files/root.h"
#include "lxcri/limits.h"
#include "os/cgroup/cgroup.h"
#include "os/signal.h"
#include "proxmox/task.h"
#include "proxmox/upid.h"
#include "runtime/usage.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#define POLL_MS   250
#define TASKS_MAX 50
/* In which Proxmox VE has the processes of a container, below its own. */
#define INNER_CGROUP "/ns"
/* How long after it was asked for a start may be. */
#define START_SECONDS 30
/* What a task says that somebody has ended. */
#define TASK_ABORTED "interrupted by signal"
/* How long HA may take to do what it was asked. */
#define HA_SECONDS 120
/* Of a stopped one whose end nobody has seen. */
#define EXIT_CODE_UNKNOWN 0

static unsigned int task_seconds(const struct lxcri_container *container)
{
	return (unsigned int)config_u64(container->engine->config, CONFIG_PROXMOX_TASK_TIMEOUT);
}

static void pause_a_while(void)
{
	const struct timespec time = { 0, POLL_MS * 1000000l };

	(void)nanosleep(&time, NULL);
}

/* Fills the state of one that is not there any more. */
static void be_gone(struct lxcri_container *container)
{
	container->status = LXCRI_STATUS_STOPPED;
	container->lost = true;
	container->state =
		(struct monitor_state){ .phase = MONITOR_STOPPED, .exit_code = EXIT_CODE_UNKNOWN };
	container->end_unknown = true;
}

/* Tells whether a task of @type ends a container, or keeps it stopped. */
static bool is_ending(const char *type)
{
	static const char *const types[] = { "vzstop",    "vzshutdown", "vzsuspend",
					     "vzmigrate", "vzrollback", "hastop" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

/* Tells whether one task has begun after another: the clock has seconds, what the kernel notes of a
 * process ticks. */
static bool is_later(const struct upid *one, const struct upid *other)
{
	return one->start != other->start ? one->start > other->start : one->pstart > other->pstart;
}

/* The last of each kind that there were. */
struct last_tasks {
	struct upid create, start, end;
};

static int read_tasks(struct lxcri_container *container, const struct ct_place *place,
		      struct last_tasks *ret, struct lxcri_error *err)
{
	struct pve *pve = ct_session(container->engine, err);
	autojson tasks = NULL;
	size_t count;

	*ret = (struct last_tasks){};
	if (!pve || pve_get(pve, &tasks, err, "/nodes/%s/tasks?source=all&vmid=%u&limit=%d",
			    place->node, place->vmid, TASKS_MAX) < 0)
		return -1;
	count = json_count(tasks);
	for (size_t i = 0; i < count; i++) {
		const char *text = json_get_text(json_object_array_get_idx(tasks, i), "upid");
		struct upid task;

		if (!text || upid_parse(text, &task, err) < 0)
			return text ? -1
				    : fail(err, LXCRI_E_INVALID_FORMAT, "a task without a name");
		if (strcmp(task.type, "vzcreate") == 0 && is_later(&task, &ret->create))
			ret->create = task;
		if (strcmp(task.type, "vzstart") == 0 && is_later(&task, &ret->start))
			ret->start = task;
		if (is_ending(task.type) && is_later(&task, &ret->end))
			ret->end = task;
	}
	return 0;
}

/* Who asked for the first start was killed: a container before it had the same number. */
static int settle_start(struct lxcri_container *container, struct ct_place *place,
			struct json_object *status, struct lxcri_error *err)
{
	const char *word = json_get_text(status, "status");
	struct last_tasks last;

	if (!place->unsure || (word && strcmp(word, "running") == 0))
		return 0;
	if (read_tasks(container, place, &last, err) < 0)
		return -1;
	place->started = is_later(&last.start, &last.create);
	return 0;
}

/* When the run began that has lasted @uptime seconds: its whole seconds are another moment at each
 * look, so it is taken to be the start that we have asked for when it can be. */
static int64_t find_start(const struct ct_place *place, int64_t uptime)
{
	const int64_t began = moment_now() - uptime * NS_IN_SECOND;
	const int64_t late = began - place->started_ns;

	return late > -2 * NS_IN_SECOND && late < START_SECONDS * NS_IN_SECOND ? place->started_ns
									       : began;
}

static void take_status(struct lxcri_container *container, const struct ct_place *place,
			struct json_object *status)
{
	const char *word = json_get_text(status, "status");
	bool runs = word && strcmp(word, "running") == 0;

	container->lost = false;
	container->end_unknown = false;
	container->state =
		(struct monitor_state){ .phase = MONITOR_STOPPED, .exit_code = EXIT_CODE_UNKNOWN };
	container->status = place->started ? LXCRI_STATUS_STOPPED : LXCRI_STATUS_CREATED;
	if (!runs && place->started)
		ct_end_read(container, place);
	if (!runs)
		return;
	container->status = LXCRI_STATUS_RUNNING;
	container->state.phase = MONITOR_RUNNING;
	container->state.started_ns = find_start(place, (int64_t)pve_number(status, "uptime", 0));
	/* Which run it is that a check was about is told by its exact beginning. */
	if (container->record.health || container->record.probes)
		ct_start_read(container, place);
}

/* Notes that it was moved to another node. */
static int note_place(struct lxcri_container *container, const struct ct_place *place,
		      struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place before = {};

	if (ct_place_load(&container->record, &before, err) < 0)
		return -1;
	if (before.node && strcmp(before.node, place->node) == 0)
		return 0;
	ct_place_store(place, &container->record);
	return container->home.locked ? home_save_record(container->engine, &container->home,
							 &container->record, err)
				      : 0;
}

/* Reads the status of the container of @place. Returns 1, or 0 where it is gone. */
static int read_status(struct lxcri_container *container, struct ct_place *place,
		       struct json_object **ret, struct lxcri_error *err)
{
	struct pve *pve = ct_session(container->engine, err);
	autojson config = NULL;
	autofree char *path = NULL;
	int r;

	if (!pve)
		return -1;
	r = ct_find(pve, place, &config, err);
	if (r <= 0)
		return r;
	path = ct_path(place, "/status/current");
	return pve_get(pve, ret, err, "%s", path) < 0 ? -1 : 1;
}

int ct_refresh(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	autojson status = NULL;
	int r;

	if (ct_place_load(&container->record, &place, err) < 0)
		return -1;
	r = read_status(container, &place, &status, err);
	if (r < 0)
		return fail_while(err, "the state of container %s", container->home.id);
	if (r == 0) {
		be_gone(container);
		return 0;
	}
	if (settle_start(container, &place, status, err) < 0)
		return fail_while(err, "the state of container %s", container->home.id);
	take_status(container, &place, status);
	return note_place(container, &place, err);
}

/* Posts to @tail of the container, and waits for the task. */
static int post(struct lxcri_container *container, const struct ct_place *place, const char *tail,
		struct json_object *params, unsigned int seconds, struct lxcri_error *err)
{
	autofree char *path = ct_path(place, tail);
	const struct pve_request request = { .method = "POST", .path = path, .params = params };

	return task_run(container->engine->pve, &request, seconds, err);
}

/* Waits until it is as @wanted says. HA's tasks end as soon as it was asked. */
static int await_status(struct lxcri_container *container, struct ct_place *place,
			const char *wanted, unsigned int seconds, struct lxcri_error *err)
{
	const int64_t end = moment_now() + (int64_t)seconds * NS_IN_SECOND;

	for (;;) {
		autojson status = NULL;
		const char *word;
		int r = read_status(container, place, &status, err);

		if (r <= 0)
			return r;
		word = json_get_text(status, "status");
		if (word && strcmp(word, wanted) == 0)
			return 0;
		if (pve_number(json_get(status, "ha"), "managed", 0) == 0 &&
		    strcmp(wanted, "running") == 0)
			return 0; /* it ran, and has ended already */
		if (moment_now() > end)
			return fail(err, LXCRI_E_TIMEOUT, "CT %u on node %s is not %s after %u s",
				    place->vmid, place->node, wanted, seconds);
		pause_a_while();
	}
}

/* Opens what is needed to change it: the place, and that nothing has locked it. */
static int open_place(struct lxcri_container *container, struct ct_place *place,
		      struct json_object **ret_config, struct lxcri_error *err)
{
	struct pve *pve = ct_session(container->engine, err);

	if (!pve || ct_place_load(&container->record, place, err) < 0)
		return -1;
	return ct_get(pve, place, ret_config, err);
}

/* What its checks find lies in the run directory, which stays while there is something in it. */
static int keep_run_dir(struct lxcri_container *container, struct lxcri_error *err)
{
	const struct health_state none = { .status = HEALTH_STARTING };
	const struct record *record = &container->record;
	int r = record->health || record->probes ? health_state_save(container->home.run_fd, &none)
						 : 0;

	return r < 0 ? fail_errno(err, r, "write to %s", container->home.run_dir) : 0;
}

static int forget_doubt(struct lxcri_container *container, struct ct_place *place,
			struct lxcri_error *err)
{
	place->unsure = false;
	ct_place_store(place, &container->record);
	return home_save_record(container->engine, &container->home, &container->record, err);
}

int ct_start(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	autojson config = NULL;

	if (container->status != LXCRI_STATUS_CREATED && container->status != LXCRI_STATUS_STOPPED)
		return fail(err, LXCRI_E_INVALID_STATE, "container %s is %s", container->home.id,
			    lxcri_status_name(container->status));
	if (ct_apply(container, err) < 0 || open_place(container, &place, &config, err) < 0 ||
	    keep_run_dir(container, err) < 0)
		return -1;
	/* Written down before: it may end at once, and is stopped then, not created. */
	place.unsure = !place.started || place.unsure;
	place.started = true;
	place.started_ns = moment_now();
	place.ended_ns = 0;
	ct_place_store(&place, &container->record);
	if (home_save_record(container->engine, &container->home, &container->record, err) < 0 ||
	    post(container, &place, "/status/start", NULL, task_seconds(container), err) < 0 ||
	    await_status(container, &place, "running", HA_SECONDS, err) < 0)
		return -1;
	if (place.unsure && forget_doubt(container, &place, err) < 0)
		return -1;
	container->status = LXCRI_STATUS_RUNNING;
	container_event(container, "start", NULL, NULL);
	return 0;
}

/* Tells whether HA keeps it running. Returns 1, 0 where there is no container any more, or < 0. */
static int look_for_ha(struct lxcri_container *container, struct ct_place *place, bool *ret_managed,
		       struct lxcri_error *err)
{
	autojson status = NULL;
	int r = read_status(container, place, &status, err);

	*ret_managed = r > 0 && pve_number(json_get(status, "ha"), "managed", 0) != 0;
	return r;
}

/* Ends all of its processes, also while somebody waits for them to end by themselves, which keeps
 * it locked in Proxmox VE. What HA manages is for HA to stop. */
static int post_stop(struct lxcri_container *container, struct ct_place *place, bool is_managed,
		     struct lxcri_error *err)
{
	autojson params = json_object_new_object();

	if (!is_managed)
		json_object_object_add(params, "overrule-shutdown", json_object_new_int(1));
	return post(container, place, "/status/stop", params, task_seconds(container), err);
}

static int end_now(struct lxcri_container *container, struct ct_place *place,
		   struct lxcri_error *err)
{
	bool is_managed;
	int r = look_for_ha(container, place, &is_managed, err);

	return r <= 0 ? r : post_stop(container, place, is_managed, err);
}

/* Tells whether what was to be stopped had ended by itself. */
static bool has_ended_before(const struct lxcri_error *err)
{
	return err->code == LXCRI_E_INVALID_STATE && strstr(err->text, "not running");
}

int ct_stop(struct lxcri_container *container, unsigned int grace_seconds, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	autojson config = NULL;
	autojson params = json_object_new_object();
	int r;

	ct_thaw(container);
	if (container->status != LXCRI_STATUS_RUNNING)
		return 0;
	if (open_place(container, &place, &config, err) < 0)
		return -1;
	if (grace_seconds == 0) {
		r = end_now(container, &place, err);
	} else {
		json_object_object_add(params, "timeout", json_object_new_int64(grace_seconds));
		json_object_object_add(params, "forceStop", json_object_new_int(1));
		r = post(container, &place, "/status/shutdown", params,
			 grace_seconds + task_seconds(container), err);
	}
	/* It ended by itself meanwhile, or is ended by somebody who does not wait. */
	if (r < 0 && (has_ended_before(err) || strstr(err->text, TASK_ABORTED))) {
		*err = (struct lxcri_error){};
		r = 0;
	}
	if (r == 0)
		r = await_status(container, &place, "stopped", HA_SECONDS, err);
	if (r < 0)
		return -1;
	container->status = LXCRI_STATUS_STOPPED;
	container_event(container, "stop", NULL, NULL);
	return 0;
}

/* Asks for the stop signal, which is what halts it. */
static int ask_to_halt(struct lxcri_container *container, const struct ct_place *place,
		       struct lxcri_error *err)
{
	autofree char *path = ct_path(place, "/status/shutdown");
	autojson params = json_object_new_object();
	autojson upid = NULL;
	const struct pve_request request = { .method = "POST", .path = path, .params = params };

	json_object_object_add(params, "timeout", json_object_new_int(1));
	/* The task waits for an end that nobody has asked for; only that it was begun counts. */
	return pve_call(container->engine->pve, &request, &upid, err);
}

static void tell_kill(const struct lxcri_container *container, int signal)
{
	autofree char *number = xformat("%d", signal);

	container_event(container, "kill", "signal", number);
}

int ct_kill(struct lxcri_container *container, int signal, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	autojson config = NULL;
	const char *name = container->record.stop_signal;
	int stop = name ? signal_parse(name) : SIGTERM;

	if (open_place(container, &place, &config, err) < 0)
		return -1;
	if (signal != SIGKILL && ct_node_is_here(container->engine, place.node)) {
		if (ct_signal(container, signal, err) < 0)
			return -1;
		tell_kill(container, signal);
		return 0;
	}
	if (signal != SIGKILL && signal != stop)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "the API of Proxmox VE sends no signals but SIGKILL and, by halting, "
			    "the stop signal, which is %s; on node %s proxmox-lxcri sends others",
			    name ? name : "SIGTERM", place.node);
	if (signal == SIGKILL)
		ct_thaw(container);
	if (signal == SIGKILL ? end_now(container, &place, err) < 0
			      : ask_to_halt(container, &place, err) < 0)
		return -1;
	tell_kill(container, signal);
	return 0;
}

/* Ends one that is to be removed, unless HA keeps it running: its removal is refused then. */
static int overrule(struct lxcri_container *container, struct ct_place *place,
		    struct lxcri_error *err)
{
	bool is_managed;
	int r = look_for_ha(container, place, &is_managed, err);

	if (r <= 0 || is_managed)
		return r < 0 ? -1 : 0;
	if (post_stop(container, place, false, err) == 0)
		return 0;
	if (!has_ended_before(err))
		return -1;
	*err = (struct lxcri_error){};
	return 0;
}

/* Says by whom it is kept, before anything is tried. */
static int check_removable(const struct ct_place *place, struct json_object *config,
			   struct lxcri_error *err)
{
	if (pve_truth(config, "protection"))
		return fail(err, LXCRI_E_INVALID_STATE,
			    "CT %u on node %s is protected in Proxmox VE; switch its protection "
			    "off first",
			    place->vmid, place->node);
	return 0;
}

/* Removes what is left of a container whose making has died. It has no tags yet, nor a name, which
 * every container has that was made to its end; but our task has begun it. */
static int remove_torso(struct lxcri_container *container, const struct ct_place *place,
			struct lxcri_error *err)
{
	struct pve *pve = container->engine->pve;
	autofree char *upid = place->upid ? pve_escape(place->upid) : NULL;
	autofree char *path = upid ? ct_path(place, "") : NULL;
	autojson status = NULL;
	autojson config = NULL;
	struct lxcri_error ignored = {};
	const struct pve_request request = { .method = "DELETE", .path = path };
	const char *lock;

	if (!upid || pve_get(pve, &config, &ignored, "%s/config", path) < 0 ||
	    pve_get(pve, &status, &ignored, "/nodes/%s/tasks/%s/status", place->node, upid) < 0)
		return 0;
	lock = json_get_text(config, "lock");
	if ((lock && strcmp(lock, "create") != 0) || json_get(config, "tags") ||
	    json_get(config, "hostname") ||
	    strcmp(json_get_text(status, "status") ? json_get_text(status, "status") : "",
		   "stopped") != 0)
		return 0;
	if (task_run(pve, &request, task_seconds(container), err) == 0)
		return 0;
	return err->code == LXCRI_E_INVALID_STATE
		       ? fail_while(err,
				    "its making died, and left CT %u on node %s locked; there: pct "
				    "unlock %u, then this again",
				    place->vmid, place->node, place->vmid)
		       : -1;
}

int ct_remove(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	autojson config = NULL;
	autojson params = json_object_new_object();
	struct lxcri_error ignored = {};
	autojson spec = root_load_spec(container, &ignored);
	autofree char *path = NULL;
	struct pve *pve;
	int r;

	if (ct_place_load(&container->record, &place, err) < 0)
		return -1;
	if (!*place.token)
		return 0; /* none was asked for */
	pve = ct_session(container->engine, err);
	r = pve ? ct_search_patiently(pve, &place, err) : -1;
	if (r == 0)
		return ct_drop_draft(container, &place, NULL, err) < 0 ||
				       ct_clone_collect(container, &place, NULL, err) < 0
			       ? -1
			       : remove_torso(container, &place, err);
	if (r < 0 || ct_collect(container, err) < 0)
		return -1;
	if (ct_get(pve, &place, &config, err) < 0 || check_removable(&place, config, err) < 0)
		return -1;
	ct_thaw(container);
	if (container->status == LXCRI_STATUS_RUNNING && overrule(container, &place, err) < 0)
		return -1;
	path = ct_path(&place, "");

	const struct pve_request request = { .method = "DELETE", .path = path, .params = params };

	json_object_object_add(params, "force", json_object_new_int(1));
	/* Root file systems of before an update bear its number, and nobody else's. */
	json_object_object_add(params, "destroy-unreferenced-disks", json_object_new_int(1));
	/* Whom HA keeps by our wish it need not be told of apart. */
	if (ct_extra_has_ha(spec))
		json_object_object_add(params, "purge", json_object_new_int(1));
	if (task_run(pve, &request, task_seconds(container), err) < 0)
		return fail_while(err, "remove CT %u from node %s", place.vmid, place.node);
	/* One that was made when the container was on this node, and is on another by now. */
	ct_place_finish(&place);
	return ct_place_load(&container->record, &place, err) < 0
		       ? -1
		       : ct_clone_collect(container, &place, NULL, err);
}

int ct_wait(struct lxcri_container *container, int timeout_seconds, struct lxcri_error *err)
{
	const int64_t end = moment_now() + (int64_t)timeout_seconds * NS_IN_SECOND;

	for (;;) {
		if (ct_refresh(container, err) < 0)
			return -1;
		if (container->status == LXCRI_STATUS_STOPPED && !container->end_unknown)
			return container->state.exit_code;
		if (container->status == LXCRI_STATUS_STOPPED)
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "container %s has stopped; with which code Proxmox VE does not "
				    "tell, only what is on its node",
				    container->home.id);
		if (timeout_seconds >= 0 && moment_now() > end)
			return fail(err, LXCRI_E_TIMEOUT,
				    "container %s has not stopped within %d s", container->home.id,
				    timeout_seconds);
		pause_a_while();
	}
}

int ct_was_stopped(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	struct last_tasks last;

	if (ct_place_load(&container->record, &place, err) < 0 ||
	    read_tasks(container, &place, &last, err) < 0)
		return -1;
	/* By ourselves, as one that is not well; and nobody has started it since. */
	if (place.ended_ns > 0 && (int64_t)last.start.start * NS_IN_SECOND <= place.ended_ns)
		return 0;
	return is_later(&last.end, &last.start);
}

int ct_note_end(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};

	if (ct_place_load(&container->record, &place, err) < 0)
		return -1;
	place.ended_ns = moment_now();
	ct_place_store(&place, &container->record);
	return home_save_record(container->engine, &container->home, &container->record, err);
}

int ct_rename(struct lxcri_container *container, const struct record *record,
	      struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	autofree char *description = ct_description(record);
	autojson params = json_object_new_object();
	autojson config = NULL;

	if (open_place(container, &place, &config, err) < 0)
		return -1;
	json_set_text(params, "description", description);
	return ct_change(container->engine->pve, &place, config, params, err);
}

int ct_update_limits(struct lxcri_container *container, struct json_object *resources,
		     struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	autojson config = NULL;
	autojson params = json_object_new_object();

	if (json_get(resources, "devices"))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "rules for devices of a container of Proxmox VE cannot be changed");
	if (ct_options_add_resources(resources, params, err) < 0)
		return -1;
	if (json_object_object_length(params) == 0)
		return 0;
	if (open_place(container, &place, &config, err) < 0)
		return -1;
	return ct_change(container->engine->pve, &place, config, params, err);
}

/* Adds what this node's kernel counts: more than the cluster tells. */
static void add_own_stats(struct lxcri_container *container, struct lxcri_stats *stats)
{
	const struct cgroup_host host = cgroup_host_get();
	autorun(strings_finish) struct strings inner = {};
	autorun(strings_finish) struct strings cgroups = {};
	struct lxcri_error ignored = {};
	size_t tail = strlen(INNER_CGROUP);

	if (ct_node_enter(container, "stats", &ignored) < 0 ||
	    cgroup_list_own(container->state.pid, &inner) < 0)
		return;
	for (size_t i = 0; i < inner.count; i++) {
		const char *path = inner.items[i];
		size_t length = strlen(path);

		/* Limits are those of the cgroup around the one that it may change. */
		if (length > tail && strcmp(path + length - tail, INNER_CGROUP) == 0)
			length -= tail;
		strings_addf(&cgroups, "%.*s", (int)length, path);
	}
	usage_read_cgroups(&host, &cgroups, stats);
}

int ct_stats(struct lxcri_container *container, struct lxcri_stats *ret, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	autojson status = NULL;
	int r;

	if (ct_place_load(&container->record, &place, err) < 0)
		return -1;
	r = read_status(container, &place, &status, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return fail(err, LXCRI_E_CONTAINER_NOT_FOUND, "in Proxmox VE it is gone");
	*ret = (struct lxcri_stats){
		.has_memory = true,
		.memory_usage = pve_number(status, "mem", 0),
		.memory_limit = pve_number(status, "maxmem", LXCRI_UNLIMITED),
		.swap_usage = pve_number(status, "swap", 0),
		.swap_limit = pve_number(status, "maxswap", LXCRI_UNLIMITED),
		.has_io = true,
		.io_read_bytes = pve_number(status, "diskread", 0),
		.io_write_bytes = pve_number(status, "diskwrite", 0),
		.has_network = true,
		.network_rx_bytes = pve_number(status, "netin", 0),
		.network_tx_bytes = pve_number(status, "netout", 0),
	};
	if (ct_node_is_here(container->engine, place.node))
		add_own_stats(container, ret);
	return 0;
}

void ct_describe(const struct lxcri_container *container, struct json_object *object)
{
	autorun(ct_place_finish) struct ct_place place = {};
	struct lxcri_error ignored = {};
	struct json_object *part;

	if (!ct_is(container) || ct_place_load(&container->record, &place, &ignored) < 0)
		return;
	part = json_object_new_object();
	json_set_text(part, "node", place.node);
	json_object_object_add(part, "vmid", json_object_new_int64(place.vmid));
	json_set_text(part, "rootfs", place.rootfs);
	json_set_text(part, "token", place.token);
	json_object_object_add(object, "proxmox", part);
}

int ct_refuse(const struct lxcri_container *container, const char *verb, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	struct lxcri_error ignored = {};

	if (!ct_is(container) || ct_place_load(&container->record, &place, &ignored) < 0)
		return 0;
	return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
		    "%s %s: the API of Proxmox VE has nothing for that; on node %s there are pct "
		    "exec, pct console, pct push and pct pull for CT %u",
		    verb, container->home.id, place.node, place.vmid);
}
