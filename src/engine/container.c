/* SPDX-License-Identifier: MIT */
/* A container's handle: finding it, its state, its end.
 *
 * Truth is kept in three places, each with one writer: the record (the creating command),
 * state.json (the monitor) and the monitor's lock (the kernel). A command that dies half-way leaves
 * a record in phase "creating" whose lock nobody holds; a monitor that dies leaves a state.json
 * that is not "stopped" and a lock that nobody holds. Who comes across either cleans up. */

#include "engine/container.h"

#include "engine/driver.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/ct/ct.h"
#include "engine/files/root.h"
#include "engine/rename.h"
#include "engine/event.h"
#include "engine/limits/container_limits.h"
#include "engine/limits/container_scope.h"
#include "engine/network/attach.h"
#include "engine/network/share.h"
#include "engine/pod/pod.h"
#include "engine/pod/sandbox.h"
#include "engine/service/hook.h"
#include "engine/volumes/parts.h"
#include "image/collect/access.h"
#include "os/helper.h"
#include "os/path.h"
#include "runtime/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

/* The exit code of a container whose monitor was killed: as if by SIGKILL. */
#define EXIT_CODE_LOST 137

/* How long a killed container may take to be gone before we say that it hangs: a process in an
 * uninterruptible sleep cannot be killed by anybody. */
#define KILL_TIMEOUT_MS 30000

/* The same when we could not kill it, which may be because it is ending by itself. */
#define DOUBT_TIMEOUT_MS 500

const char *lxcri_status_name(enum lxcri_status status)
{
	static const char *const names[] = {
		[LXCRI_STATUS_CREATING] = "creating", [LXCRI_STATUS_CREATED] = "created",
		[LXCRI_STATUS_RUNNING] = "running",   [LXCRI_STATUS_PAUSED] = "paused",
		[LXCRI_STATUS_STOPPED] = "stopped",
	};

	return names[status];
}

void lxcri_container_free(struct lxcri_container *container)
{
	if (!container)
		return;
	monitor_free(container->monitor);
	home_finish(&container->home);
	record_finish(&container->record);
	limits_finish(&container->limits);
	health_state_finish(&container->health);
	free(container);
}

static int no_such_container(const char *id, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_CONTAINER_NOT_FOUND, "no container is called %s", id);
}

/* Reads the state of a container that has no run-time state: after a reboot, or ended long ago. */
static int read_last_exit(struct lxcri_container *container, struct lxcri_error *err)
{
	autoclose int data = open(container->home.data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (data < 0 && !home_is_current(&container->home))
		return no_such_container(container->home.id, err); /* deleted since we found it */
	container->status = LXCRI_STATUS_STOPPED;
	container->state = (struct monitor_state){ .phase = MONITOR_CREATING };
	if (data >= 0 && monitor_read_state(data, &container->state, err) < 0)
		return -1;
	container->lost = container->state.phase != MONITOR_STOPPED;
	if (container->lost)
		container->state = (struct monitor_state){ .phase = MONITOR_STOPPED,
							   .exit_code = EXIT_CODE_LOST };
	return 0;
}

enum lxcri_status container_status(const struct monitor_state *state)
{
	static const enum lxcri_status statuses[] = {
		[MONITOR_CREATING] = LXCRI_STATUS_CREATING,
		[MONITOR_CREATED] = LXCRI_STATUS_CREATED,
		[MONITOR_RUNNING] = LXCRI_STATUS_RUNNING,
		[MONITOR_PAUSED] = LXCRI_STATUS_PAUSED,
		[MONITOR_STOPPED] = LXCRI_STATUS_STOPPED,
	};

	return statuses[state->phase];
}

static int read_state(struct lxcri_container *container, struct lxcri_error *err)
{
	struct home *home = &container->home;

	if (home->run_fd < 0)
		home->run_fd = open(home->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (home->run_fd < 0 && errno != ENOENT)
		return fail_errno(err, errno, "open %s", home->run_dir);
	if (home->run_fd < 0)
		return read_last_exit(container, err);
	if (monitor_read_state(home->run_fd, &container->state, err) < 0)
		return fail_while(err, "read the state of container %s", home->id);
	if (container->state.phase == MONITOR_CREATING && !container->state.alive)
		return read_last_exit(container, err);
	container->status = container_status(&container->state);
	container->lost = container->state.lost;
	return 0;
}

/* Tells whether the last state read is of a monitor that was killed. */
static bool is_widowed(const struct lxcri_container *container)
{
	return container->home.run_fd >= 0 && !container->state.alive &&
	       container->status != LXCRI_STATUS_STOPPED;
}

int container_clean_up(const struct lxcri_container *container, struct lxcri_error *err)
{
	const struct home *home = &container->home;

	if (home->run_fd < 0)
		return 0;
	/* After a reboot, or somebody has emptied the run directory: of two containers on the same
	 * data neither would survive. */
	if (faccessat(home->run_fd, WIRE_LOCK, F_OK, 0) < 0 && errno == ENOENT)
		return home_is_persistent(home) ? monitor_end_strays(home->run_dir, err) : 0;
	if (monitor_cleanup_lost(home->run_fd, home->run_dir, err) < 0)
		return fail_while(err, "clean up behind the monitor of container %s", home->id);
	return 0;
}

/* Cleans up behind a killed monitor. The lock must be held. */
static int bury(struct lxcri_container *container, struct lxcri_error *err)
{
	log_warning("the monitor of container %s was killed; cleaning up", container->home.id);
	if (container_clean_up(container, err) < 0 || read_state(container, err) < 0)
		return -1;
	if (container->lost) {
		const char *const attributes[] = {
			"image", container->record.image, "exitCode", "137", "monitor", "lost", NULL
		};

		engine_event(container->engine, "container", "die", container->home.id, attributes);
	}
	return 0;
}

/* Takes back what a container that has ended has on the host still. Who holds its lock, as whoever
 * starts it does, sees to that himself. */
static int leave_networks(struct lxcri_container *container, struct lxcri_error *err)
{
	bool had_lock = container->home.locked;
	struct lxcri_error problem = {};
	int r;

	if (container->status != LXCRI_STATUS_STOPPED || !container->record.networked)
		return 0;
	r = attach_is_needed(container->engine, container->home.id, err);
	if (r <= 0)
		return r;
	if (!had_lock) {
		r = home_lock(&container->home, HOME_TRY, err);
		if (r <= 0)
			return r;
		r = read_state(container, err);
	}
	/* On a full disk it is done, but cannot be noted: the next look does it again. */
	if (r >= 0 && container->status == LXCRI_STATUS_STOPPED && !container->state.alive &&
	    attach_release(container->engine, container->home.id, ATTACH_STOPPED, &problem) < 0)
		log_warning("take the network of container %s back: %s", container->home.id,
			    problem.text);
	if (!had_lock)
		home_unlock(&container->home);
	return r < 0 ? -1 : 0;
}

int container_refresh(struct lxcri_container *container, struct lxcri_error *err)
{
	bool had_lock = container->home.locked;
	int r;

	if (container->record.phase == RECORD_CREATING && !had_lock) {
		container->status = LXCRI_STATUS_CREATING;
		return 0;
	}
	if (ct_is(container))
		return ct_refresh(container, err);
	if (read_state(container, err) < 0)
		return -1;
	if (!is_widowed(container)) {
		container_limits_settle(container);
		return leave_networks(container, err);
	}
	if (!had_lock && home_lock(&container->home, HOME_WAIT, err) < 0)
		return -1;
	r = read_state(container, err);
	if (r == 0 && is_widowed(container))
		r = bury(container, err);
	if (r == 0)
		r = leave_networks(container, err);
	if (!had_lock)
		home_unlock(&container->home);
	return r;
}

int container_lock(struct lxcri_container *container, struct lxcri_error *err)
{
	struct record record = {};

	if (home_lock(&container->home, HOME_WAIT, err) < 0)
		return -1;

	int found = home_load_record(container->engine, &container->home, &record, err);

	if (found > 0 && record.phase == RECORD_READY) {
		record_finish(&container->record);
		container->record = record;
		if (container_refresh(container, err) == 0)
			return 0;
		home_unlock(&container->home);
		return -1;
	}
	record_finish(&record);
	home_unlock(&container->home);
	return found < 0 ? -1 : no_such_container(container->home.id, err);
}

int container_need_alive(const struct lxcri_container *container, const char *verb,
			 struct lxcri_error *err)
{
	switch (container->status) {
	case LXCRI_STATUS_CREATED:
	case LXCRI_STATUS_RUNNING:
	case LXCRI_STATUS_PAUSED:
		return 0;
	case LXCRI_STATUS_CREATING:
	case LXCRI_STATUS_STOPPED:
		break;
	}
	return fail(err, LXCRI_E_INVALID_STATE, "%s container %s: it is %s", verb,
		    container->home.id, lxcri_status_name(container->status));
}

int container_explain_end(struct lxcri_container *container, int r, struct lxcri_error *err)
{
	struct lxcri_error ignored = {};

	if (r < 0 && err->code == LXCRI_E_MONITOR_LOST &&
	    container_refresh(container, &ignored) == 0 &&
	    container->status == LXCRI_STATUS_STOPPED)
		return fail(err, LXCRI_E_INVALID_STATE, "it has stopped meanwhile");
	return r;
}

int container_connect(struct lxcri_container *container, struct monitor **ret_monitor,
		      struct lxcri_error *err)
{
	if (container->monitor) {
		*ret_monitor = steal(container->monitor);
		return 0;
	}
	if (monitor_connect(container->home.run_fd, ret_monitor, err) < 0)
		return fail_while(err, "container %s", container->home.id);
	return 0;
}

/* What the monitor mounts before the backend begins. */
static int describe_mounts(const struct lxcri_container *container, struct mount_root *rootfs,
			   struct strings *parts, struct lxcri_error *err)
{
	const struct record *record = &container->record;

	if (record->pod_of && parts_load(container->home.data_dir, parts, err) < 0)
		return -1;
	return record->owns_bundle ? driver_describe(container, rootfs, err) : 0;
}

int container_launch(struct lxcri_container *container, unsigned int preserve_fds, pid_t *ret_pid,
		     struct lxcri_error *err)
{
	const struct record *record = &container->record;
	const struct home *home = &container->home;
	autorun(mount_root_finish) struct mount_root rootfs = {};
	/* The end of what goes when it ends needs no flush: nobody will ask after a reboot. */
	bool keep_exit = home_is_persistent(home) && !record->remove;
	/* Whoever comes across a container that was to go, removes it, and whoever comes across one
	 * that has ended takes its interfaces and ports back: looking is enough, and does nothing
	 * to another one that has taken the id. */
	autofree char *command = helper_command_path();
	const char *const reap[] = { command,
				     "--root",
				     container->engine->root,
				     "--data",
				     container->engine->data,
				     "inspect",
				     home->id,
				     NULL };
	autofree char *cgroups_path = container_scope_cgroup(container);
	autorun(strings_finish) struct strings properties = {};
	autorun(strings_finish) struct strings parts = {};

	if (describe_mounts(container, &rootfs, &parts, err) < 0)
		return -1;
	if (record->slice)
		limits_properties(&container->limits, &properties);

	const struct monitor_options options = {
		.id = home->id,
		.type = record->type,
		.runtime_path = record->runtime_path,
		.bundle = record->bundle,
		.run_dir = home->run_dir,
		.exit_dir = keep_exit ? home->data_dir : NULL,
		.log_path = record->log_path,
		.log_max_bytes = (uint64_t)record->log_max_bytes,
		.log_max_files = (unsigned int)record->log_max_files,
		.journal = record->log_id,
		.events = container->engine->root,
		.image = record->image,
		.exit_command = record->remove || record->networked ? reap : NULL,
		.rootfs = rootfs.target ? &rootfs : NULL,
		.parts = &parts,
		.console_socket = record->console_socket,
		.stdio = record->stdio == LXCRI_STDIO_LOG ? MONITOR_STDIO_PUMP
							  : MONITOR_STDIO_INHERIT,
		.preserve_fds = preserve_fds,
		.terminal = record->terminal,
		.open_stdin = record->open_stdin,
		.systemd_cgroup = record->scope && !record->slice,
		.cgroups_path = cgroups_path,
		.slice = record->slice,
		.scope = record->scope,
		.scope_properties = &properties,
	};

	if (record->type == LXCRI_RUNC && root_check_dev(container, err) < 0)
		return -1;
	if (record->pod_of && sandbox_need(container->engine, record->pod_of, err) < 0)
		return -1;
	if (share_network(container, err) < 0 || attach_prepare(container, err) < 0)
		return -1;
	if (monitor_launch(&options, &container->monitor, ret_pid, err) < 0)
		return -1;
	if (attach_plug(container, *ret_pid, err) < 0)
		return -1;
	return container_limits_apply(container, err);
}

/* Waits until no monitor is alive, and keeps one that is late from coming to life while *@ret_lock
 * is open. A home without a run directory has none. */
static int exclude_monitor(const struct home *home, int *ret_lock, struct lxcri_error *err)
{
	if (home->run_fd >= 0 && monitor_exclude(home->run_fd, ret_lock, err) < 0)
		return fail_while(err, "container %s", home->id);
	return 0;
}

/* Kills the container through its monitor, if there is one, and waits for both to be gone, but not
 * for ever: nothing of a container that lives is removed. */
static int end_monitor(struct lxcri_container *container, struct lxcri_error *err)
{
	const struct home *home = &container->home;
	autoptr(monitor) monitor = NULL;
	struct lxcri_error second = {};

	if (home->run_fd < 0)
		return 0;
	/* Any failure here may mean that the monitor is on its way out; whether it is, its lock
	 * tells. */
	if (container_connect(container, &monitor, err) == 0 &&
	    monitor_kill(monitor, SIGKILL, true, err) == 0)
		(void)monitor_wait(monitor, KILL_TIMEOUT_MS, err);
	monitor_free(steal(monitor));
	/* It may wait for a process that will never go on: of a frozen container, say. */
	if (err->code == LXCRI_E_TIMEOUT && monitor_destroy(home->run_fd, &second) == 0)
		*err = (struct lxcri_error){};

	/* What never reached it has no end that could be waited for. */
	bool is_ending = err->code == LXCRI_E_NONE || err->code == LXCRI_E_MONITOR_LOST ||
			 err->code == LXCRI_E_INVALID_STATE;

	if (monitor_await_end(home->run_fd, is_ending ? KILL_TIMEOUT_MS : DOUBT_TIMEOUT_MS,
			      &second) == 0)
		return 0;
	/* What kept us from killing it says more than that it lives. */
	if (err->code == LXCRI_E_NONE || err->code == LXCRI_E_MONITOR_LOST)
		*err = second;
	return fail_while(err, "end container %s", home->id);
}

/* Removes what we wrote into a bundle directory of the caller's choice. */
static void remove_bundle(const struct lxcri_container *container)
{
	const char *bundle = container->record.bundle;

	if (!container->record.owns_bundle || text_starts_with(bundle, container->home.data_dir))
		return;

	autoclose int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (dir < 0)
		return;
	if (path_remove_tree(dir, "rootfs") < 0 || path_remove_tree(dir, "config.json") < 0)
		log_warning("something is left in %s", bundle);
	(void)rmdir(bundle);
}

/* Takes back what it has on the host. On a disk that the container has filled that cannot be noted
 * before there is room. */
static int leave_for_good(const struct lxcri_container *container, struct lxcri_error *err)
{
	const struct home *home = &container->home;

	if (attach_release(container->engine, home->id, ATTACH_DELETED, err) == 0)
		return 0;
	if (err->code != LXCRI_E_STORAGE_ERROR)
		return -1;
	*err = (struct lxcri_error){};
	home_make_room(home);
	return attach_release(container->engine, home->id, ATTACH_DELETED, err);
}

int container_teardown(struct lxcri_container *container, struct lxcri_error *err)
{
	autoclose int lock = -1;

	if (ct_is(container))
		return ct_remove(container, err) < 0
			       ? -1
			       : home_remove(container->engine, &container->home, err);
	if (container->record.pod)
		return pod_teardown(container, err);
	if (end_monitor(container, err) < 0)
		return -1;
	*err = (struct lxcri_error){}; /* of a monitor that was on its way out */
	container_limits_forget(container);
	if (container_clean_up(container, err) < 0)
		return -1;
	if (exclude_monitor(&container->home, &lock, err) < 0)
		return -1;
	/* What is left in the rows goes with the record. */
	if (home_is_persistent(&container->home) && leave_for_good(container, err) < 0)
		return -1;
	if (container->record.bundle)
		remove_bundle(container);
	return home_remove(container->engine, &container->home, err);
}

int container_remove(struct lxcri_container *container, struct lxcri_error *err)
{
	const struct record *record = &container->record;

	access_note(container->engine->data, record->digest, &record->layers);
	if (container_teardown(container, err) < 0)
		return -1;
	container_event(container, "delete", NULL, NULL);
	return 0;
}

/* Removes what a killed command left, if it is that. Returns 1 when the container is whole, 0 when
 * there is none (any more). */
static int recover(struct lxcri_container *container, struct lxcri_error *err)
{
	int got = home_lock(&container->home, HOME_TRY, err);

	if (got < 0)
		return -1;
	if (got == 0)
		return container->record.id ? 1 : 0; /* its creator is at work */
	record_finish(&container->record);

	int r = home_load_record(container->engine, &container->home, &container->record, err);

	if (r >= 0 && (r == 0 || container->record.phase == RECORD_CREATING)) {
		log_warning("container %s was left half-made; removing it", container->home.id);
		r = container_teardown(container, err);
	}
	home_unlock(&container->home);
	return r;
}

static bool is_over(const struct lxcri_container *container)
{
	return container->record.remove && container->status == LXCRI_STATUS_STOPPED;
}

/* Removes a container that was to go when it ends, and whose command did not live to see it. Under
 * the lock it is looked at again: it may have gone, and another one taken its id. Returns 1 when
 * there is one of that id after all. */
static int reap_removable(struct lxcri_container *container, struct lxcri_error *err)
{
	int r = home_lock(&container->home, HOME_TRY, err);

	if (r <= 0)
		return r;
	record_finish(&container->record);
	r = home_load_record(container->engine, &container->home, &container->record, err);
	if (r > 0)
		r = container_refresh(container, err) < 0 ? -1 : 1;
	if (r > 0 && is_over(container))
		r = container_remove(container, err);
	home_unlock(&container->home);
	return r;
}

static int refuse_pod(const struct lxcri_container *container, const char *id,
		      struct lxcri_error *err)
{
	return container->record.pod ? fail(err, LXCRI_E_CONTAINER_NOT_FOUND,
					    "no container is called %s: that is a pod", id)
				     : 0;
}

/* Looks at what has a record. */
static int finish_open(struct lxcri_container *container, struct lxcri_error *err)
{
	const char *id = container->home.id;

	if (container_refresh(container, err) < 0)
		return -1;
	if (is_over(container)) {
		int there = reap_removable(container, err);

		if (there <= 0)
			return there < 0 ? -1 : no_such_container(id, err);
	}
	return 0;
}

int container_open_known(struct lxcri_engine *engine, const char *id, struct record *record_consume,
			 struct lxcri_container **ret_container, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = xnew(struct lxcri_container);

	container->engine = engine;
	container->home = HOME_NULL;
	container->record = *record_consume;
	*record_consume = (struct record){};
	if (refuse_pod(container, id, err) < 0 ||
	    home_open(engine, id, &container->home, err) < 0 || finish_open(container, err) < 0)
		return -1;
	*ret_container = steal(container);
	return 0;
}

int lxcri_container_open(struct lxcri_engine *engine, const char *id,
			 struct lxcri_container **ret_container, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = xnew(struct lxcri_container);

	container->engine = engine;
	container->home = HOME_NULL;
	if (home_open(engine, id, &container->home, err) < 0)
		return -1;

	int found = home_load_record(engine, &container->home, &container->record, err);

	/* It may have got this id just before a command was killed. */
	if (found == 0 && home_is_persistent(&container->home))
		found = rename_recover(engine, err) < 0 ? -1
							: home_load_record(engine, &container->home,
									   &container->record, err);
	if (found < 0)
		return -1;
	if (found == 0 && container->home.run_fd < 0 && !home_is_persistent(&container->home))
		return no_such_container(id, err);
	if (found == 0 || container->record.phase == RECORD_CREATING)
		found = recover(container, err);
	if (found <= 0)
		return found < 0 ? -1 : no_such_container(id, err);
	if (refuse_pod(container, id, err) < 0 || finish_open(container, err) < 0)
		return -1;
	*ret_container = steal(container);
	return 0;
}

const struct health_state *container_health(struct lxcri_container *container)
{
	struct health_state *health = &container->health;
	const bool is_up = container->status == LXCRI_STATUS_RUNNING ||
			   container->status == LXCRI_STATUS_PAUSED;

	health_state_finish(health);
	if (!is_up)
		return health;
	if (hook_is_starting(container)) {
		health->status = HEALTH_STARTING;
		return health;
	}
	if (container->record.probes)
		health->status = health_by_probes(container->record.probes, container->home.run_fd,
						  container->state.started_ns);
	if (container->record.probes || !container->record.health)
		return health;
	health_state_load(container->home.run_fd, container->state.started_ns, health);
	/* Until the first check has been made. */
	if (health->status == HEALTH_UNKNOWN)
		health->status = HEALTH_STARTING;
	return health;
}

void container_describe(struct lxcri_container *container, struct lxcri_state *ret_state)
{
	*ret_state = (struct lxcri_state){
		.id = container->home.id,
		.type = container->record.type,
		.status = container->status,
		.pid = container->state.pid,
		.bundle = container->record.bundle,
		.image = container->record.image,
		.digest = container->record.digest,
		.log_path = container->record.log_path,
		.pod = container->record.pod_of,
		.created_ns = container->record.created_ns,
		.started_ns = container->state.started_ns,
		.finished_ns = container->state.finished_ns,
		.exit_code = container->state.exit_code,
		.monitor_lost = container->lost,
		.health = health_status_name(container_health(container)->status),
		.restarts = container->record.restarts,
		.oom_killed = container_oom_killed(container),
		.end_unknown = container->end_unknown,
	};
}

int lxcri_container_state(struct lxcri_container *container, struct lxcri_state *ret_state,
			  struct lxcri_error *err)
{
	if (container_refresh(container, err) < 0)
		return -1;
	if (ct_is(container))
		ct_look(container);
	container_describe(container, ret_state);
	return 0;
}
