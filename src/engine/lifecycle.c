/* SPDX-License-Identifier: MIT */
/* Start, kill, stop, pause, resume, delete, wait, attach: one call of the monitor each, behind the
 * rule which states allow it. */

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/bundle.h"
#include "engine/container.h"
#include "engine/ct/ct.h"
#include "engine/ct/ct_end.h"
#include "engine/ct/ct_volume.h"
#include "engine/event.h"
#include "engine/files/root.h"
#include "engine/guest/guest.h"
#include "engine/lifecycle.h"
#include "engine/limits/container_limits.h"
#include "engine/network/attach.h"
#include "engine/pod/ct_address.h"
#include "engine/service/demand.h"
#include "engine/service/hook.h"
#include "engine/service/restart.h"
#include "engine/virtual/virtual_ready.h"
#include "lxcri/service.h"
#include "os/cgroup/cgroup_move.h"
#include "os/process.h"
#include "os/signal.h"
#include "runtime/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

/* How long a killed container may take to be gone before we say that it hangs: a process in an
 * uninterruptible sleep cannot be killed by anybody. */
#define KILL_TIMEOUT_MS 30000

/* A monitor that has recorded the end has a few things to give back still. */
static int await_monitor(const struct lxcri_container *container, struct lxcri_error *err)
{
	return container->state.alive
		       ? monitor_await_end(container->home.run_fd, KILL_TIMEOUT_MS, err)
		       : 0;
}

/* A host may have lost since what a container is confined by; each backend would say something else
 * then, and none what helps. */
static int check_confinement(const struct lxcri_container *container, struct lxcri_error *err)
{
	autojson spec = root_load_spec(container, err);

	if (!spec)
		return -1;

	const char *profile = json_get_text(json_get(spec, "process"), "apparmorProfile");

	return profile ? bundle_check_apparmor(profile, err) : 0;
}

/* Starts a stopped container once more: a new monitor over the same files. How it ended last is
 * forgotten when that has worked. */
static int relaunch(struct lxcri_container *container, struct lxcri_error *err)
{
	autofree char *last_exit = xformat("%s/%s", container->home.data_dir, WIRE_STATE);
	pid_t pid;

	cgroup_expect_move(container->record.type == LXCRI_CRUN);
	if (check_confinement(container, err) < 0 || container_limits_load(container, err) < 0)
		return -1;
	/* Who has just recorded the end is still about to go. */
	if (container->home.run_fd >= 0 &&
	    monitor_await_end(container->home.run_fd, KILL_TIMEOUT_MS, err) < 0)
		return -1;
	/* Of the last run, and of an attempt since whose monitor was killed. Without its state.json
	 * the same can be found out about ours. */
	if (await_monitor(container, err) < 0 || container_clean_up(container, err) < 0)
		return -1;
	if (unlinkat(container->home.run_fd, WIRE_STATE, 0) < 0 && errno != ENOENT)
		return fail_errno(err, errno, "remove %s/%s", container->home.run_dir, WIRE_STATE);
	if (container_launch(container, 0, &pid, err) < 0) {
		const char *id = container->home.id;
		struct lxcri_error second = {};

		/* Uncommitted, a monitor that came to life undoes itself. */
		monitor_free(steal(container->monitor));
		if (monitor_await_end(container->home.run_fd, KILL_TIMEOUT_MS, &second) < 0 ||
		    container_clean_up(container, &second) < 0 ||
		    attach_release(container->engine, id, ATTACH_STOPPED, &second) < 0)
			log_error("%s", second.text);
		return -1;
	}
	if (unlink(last_exit) < 0 && errno != ENOENT)
		return fail_errno(err, errno, "remove %s", last_exit);
	return monitor_commit(container->monitor, err);
}

/* Makes sure that the user's process can be released: that the container is created, or is one that
 * can be started again and now is. */
static int make_startable(struct lxcri_container *container, struct lxcri_error *err)
{
	if (container->status == LXCRI_STATUS_CREATED)
		return 0;
	if (container->status == LXCRI_STATUS_STOPPED && home_is_persistent(&container->home))
		return relaunch(container, err);
	return fail(err, LXCRI_E_INVALID_STATE, "container %s is %s", container->home.id,
		    lxcri_status_name(container->status));
}

int lifecycle_start_locked(struct lxcri_container *container, struct lxcri_error *err)
{
	autoptr(monitor) monitor = NULL;

	if (ct_is(container))
		return ct_start(container, err);
	if (make_startable(container, err) < 0 || container_connect(container, &monitor, err) < 0)
		return -1;
	return monitor_begin(monitor, err);
}

static bool is_startable(const struct lxcri_container *container)
{
	return container->status == LXCRI_STATUS_CREATED ||
	       container->status == LXCRI_STATUS_STOPPED;
}

/* Does @start for the user, of which the restart policy takes note: before it runs, for it may end
 * at once, and without effect where it cannot be started. */
static int start_noted(struct lxcri_container *container,
		       int (*start)(struct lxcri_container *container, struct lxcri_error *err),
		       struct lxcri_error *err)
{
	struct lxcri_error second = {};
	const bool counts = is_startable(container);

	if (counts && restart_note(container, RESTART_STARTED, err) < 0)
		return -1;

	int r = start(container, err);

	if (r < 0 && counts && restart_note(container, RESTART_STOPPED, &second) < 0)
		log_error("%s", second.text);
	return r;
}

/* Services learn of it where no service of ours tells them. */
static void tell_services(const struct lxcri_container *container)
{
	const char *pod = container->record.pod_of;

	if (pod || container->record.networked)
		virtual_ready_tell(container->engine, pod ? pod : container->home.id);
}

/* Whom a container in Proxmox VE asks for names is there before it; others learn of its addresses
 * as far as it has them at once. */
static void prepare_guest(const struct lxcri_container *container)
{
	if (ct_is(container) && !container->record.pod_of)
		guest_demand_service(container->engine, container->home.id);
}

static void find_guest(struct lxcri_container *container)
{
	struct lxcri_error err = {};

	if (ct_is(container) && !container->record.pod_of &&
	    ct_address_look_at(container, &err) < 0)
		log_warning("the addresses of container %s: %s", container->home.id, err.text);
}

int lxcri_container_start(struct lxcri_container *container, struct lxcri_error *err)
{
	prepare_guest(container);
	if (container_lock(container, err) < 0)
		return -1;

	int mark = is_startable(container) ? hook_mark_start(container) : -1;
	int r = container_explain_end(container,
				      start_noted(container, lifecycle_start_locked, err), err);

	home_unlock(&container->home);
	/* Before what takes long: should it be ended, somebody has to start it again. */
	if (r == 0)
		demand_service_of(container);
	if (r == 0)
		hook_run_started(container, mark);
	else
		closep(&mark);
	if (r == 0) {
		find_guest(container);
		tell_services(container);
	}
	return r < 0 ? fail_as(err, LXCRI_E_CONTAINER_START_FAILED, "start %s", container->home.id)
		     : 0;
}

/* Starts and carries the streams; the lock is held only until the connection stands, for it would
 * outlive the start by the whole life of the container, and others may want to kill it. The monitor
 * itself refuses a second start. */
static int attach(struct lxcri_container *container, bool pass_signals, struct lxcri_error *err)
{
	autoptr(monitor) monitor = NULL;
	const struct monitor_attach_options options = {
		.start = true,
		.want_stdin = container->record.open_stdin,
		.pass_signals = pass_signals,
		.terminal = container->record.terminal && !container->record.console_socket,
	};

	if (container_lock(container, err) < 0)
		return -1;

	int r = start_noted(container, make_startable, err);

	if (r == 0)
		r = container_connect(container, &monitor, err);
	home_unlock(&container->home);
	if (r < 0)
		return -1;
	tell_services(container);
	demand_service_of(container);
	return monitor_attach(monitor, &options, err);
}

static int start_ct_noted(struct lxcri_container *container, struct lxcri_error *err)
{
	prepare_guest(container);
	if (start_noted(container, lifecycle_start_locked, err) < 0)
		return -1;
	demand_service_of(container);
	find_guest(container);
	return 0;
}

/* A container that has ended takes its interfaces and ports with it, before anyone hears that it
 * has. One that goes then may be gone already. */
static int settle_end(struct lxcri_container *container, struct lxcri_error *err)
{
	struct lxcri_error gone = {};

	if (!container->record.networked || container->record.remove)
		return 0;
	if (monitor_await_end(container->home.run_fd, KILL_TIMEOUT_MS, err) < 0)
		return -1;
	if (container_lock(container, &gone) == 0) {
		home_unlock(&container->home);
		return 0;
	}
	if (gone.code == LXCRI_E_CONTAINER_NOT_FOUND)
		return 0;
	*err = gone;
	return -1;
}

int lxcri_container_run_attached(struct lxcri_container *container, bool pass_signals,
				 struct lxcri_error *err)
{
	int code = ct_is(container) ? ct_run_attached(container, pass_signals, start_ct_noted, err)
				    : attach(container, pass_signals, err);

	if (code < 0)
		return fail_as(err, LXCRI_E_CONTAINER_START_FAILED, "run %s", container->home.id);
	if (code == MONITOR_DETACHED)
		return 0;
	if (settle_end(container, err) < 0)
		return -1;
	/* Somebody who came across it since may have removed it already. */
	if (container->record.remove && lxcri_container_delete(container, false, err) < 0 &&
	    err->code != LXCRI_E_CONTAINER_NOT_FOUND)
		return -1;
	return code;
}

static int stop_signal_of(const struct lxcri_container *container)
{
	const char *name = container->record.stop_signal;
	int number = name ? signal_parse(name) : SIGTERM;

	return number > 0 ? number : SIGTERM;
}

/* Who is told to end by its user is not to be started again. */
static int note_kill(struct lxcri_container *container, int signal, struct lxcri_error *err)
{
	if (!container->record.restart ||
	    (signal != SIGKILL && signal != stop_signal_of(container)))
		return 0;
	if (container_lock(container, err) < 0)
		return -1;

	int r = restart_note(container, RESTART_STOPPED, err);

	home_unlock(&container->home);
	return r;
}

/* Kills the first process, and so all, where @err is that the monitor does not answer: it waits for
 * one that is to run in the container, and that those who run there can stop or starve. Returns
 * whether that was done. */
static bool kill_first(const struct lxcri_container *container, struct lxcri_error *err)
{
	if (err->code != LXCRI_E_TIMEOUT ||
	    process_signal(container->state.pid, container->state.pid_start_time, SIGKILL) < 0)
		return false;
	*err = (struct lxcri_error){};
	return true;
}

int lxcri_container_kill(struct lxcri_container *container, int signal, bool all,
			 struct lxcri_error *err)
{
	autoptr(monitor) monitor = NULL;

	if (signal < 1 || signal > 64)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "signal %d: expected 1 to 64", signal);
	if (container_refresh(container, err) < 0 ||
	    container_need_alive(container, "kill", err) < 0)
		return -1;
	if (note_kill(container, signal, err) < 0 ||
	    (ct_is(container) && ct_kill(container, signal, err) < 0))
		return fail_as(err, LXCRI_E_CONTAINER_KILL_FAILED, "kill %s", container->home.id);
	if (ct_is(container))
		return 0;
	if (container_connect(container, &monitor, err) == 0 &&
	    monitor_kill(monitor, signal, all, err) == 0)
		return 0;
	return signal == SIGKILL && kill_first(container, err)
		       ? 0
		       : fail_as(err, LXCRI_E_CONTAINER_KILL_FAILED, "kill %s", container->home.id);
}

/* Kills, and waits until nothing is left. */
static int kill_and_wait(const struct lxcri_container *container, struct monitor *monitor,
			 struct lxcri_error *err)
{
	if (monitor_kill(monitor, SIGKILL, true, err) < 0 && !kill_first(container, err))
		return -1;
	return monitor_wait(monitor, KILL_TIMEOUT_MS, err) < 0 ? -1 : 0;
}

static int stop_through(struct lxcri_container *container, struct monitor *monitor,
			unsigned int grace_seconds, struct lxcri_error *err)
{
	/* What has not started has nothing to finish. */
	if (container->status == LXCRI_STATUS_CREATED || grace_seconds == 0)
		return kill_and_wait(container, monitor, err);
	if (monitor_kill(monitor, stop_signal_of(container), false, err) < 0) {
		if (!kill_first(container, err))
			return -1;
		return monitor_wait(monitor, KILL_TIMEOUT_MS, err) < 0 ? -1 : 0;
	}
	if (container->status == LXCRI_STATUS_PAUSED) {
		if (monitor_resume(monitor, err) < 0)
			return -1;
		container->status = LXCRI_STATUS_RUNNING;
	}

	const uint64_t grace_ms = 1000ull * grace_seconds;
	int code = monitor_wait(monitor, grace_ms > INT32_MAX ? INT32_MAX : (int)grace_ms, err);

	if (code >= 0)
		return 0;
	return err->code == LXCRI_E_TIMEOUT ? kill_and_wait(container, monitor, err) : -1;
}

/* Connects to the monitor. Returns 1, or 0 when the container has stopped already. */
static int connect_locked(struct lxcri_container *container, struct monitor **ret_monitor,
			  struct lxcri_error *err)
{
	if (container->status == LXCRI_STATUS_STOPPED)
		return 0;
	return container_connect(container, ret_monitor, err) < 0 ? -1 : 1;
}

/* How, and what is to be remembered of it. */
struct stop {
	unsigned int grace_seconds;
	const enum restart_note *note; /* NULL: nothing */
};

/* Nobody is to be led to what has ended. */
static void leave_guest(const struct lxcri_container *container)
{
	struct lxcri_error err = {};
	struct database *database = engine_database(container->engine, &err);

	if (!container->record.pod_of &&
	    (!database || endpoints_note_gone(database, container->home.id, &err) < 0))
		log_warning("the names of container %s: %s", container->home.id, err.text);
}

/* What is run in it before it is told to end takes a while, and no lock. */
static int stop_ct(struct lxcri_container *container, const struct stop *stop,
		   struct lxcri_error *err)
{
	unsigned int grace_seconds = stop->grace_seconds;
	int r;

	if (container->record.pre_stop) {
		home_unlock(&container->home);
		grace_seconds = hook_run(container, grace_seconds);
		if (container_lock(container, err) < 0)
			return -1;
	}
	r = stop->note ? 0 : ct_note_end(container, err);
	home_unlock(&container->home);
	if (r < 0 || ct_stop(container, grace_seconds, err) < 0)
		return -1;
	leave_guest(container);
	return 0;
}

/* The lock is held only until the connection stands: whoever wants to kill the container shall not
 * wait for the end of a long grace. */
static int stop_once(struct lxcri_container *container, const struct stop *stop,
		     struct lxcri_error *err)
{
	autoptr(monitor) monitor = NULL;

	if (container_lock(container, err) < 0)
		return -1;
	/* Before it ends: whoever sees that must see why. */
	int r = stop->note ? restart_note(container, *stop->note, err) : 0;

	if (r == 0 && ct_is(container))
		return stop_ct(container, stop, err);
	if (r == 0)
		r = connect_locked(container, &monitor, err);

	home_unlock(&container->home);
	if (r <= 0)
		return r;
	r = stop_through(container, monitor, hook_run(container, stop->grace_seconds), err);
	if (r == 0)
		container_event(container, "stop", NULL, NULL);
	return r == 0 ? settle_end(container, err) : r;
}

static int stop_for(struct lxcri_container *container, const struct stop *stop,
		    struct lxcri_error *err)
{
	int r = stop_once(container, stop, err);

	if (r < 0 && err->code == LXCRI_E_CONTAINER_NOT_FOUND)
		return -1;
	/* A monitor that was killed is found out by the next look; one that has only dropped the
	 * connection takes another. */
	if (r < 0 && err->code == LXCRI_E_MONITOR_LOST)
		r = stop_once(container, stop, err);
	/* It ended by itself meanwhile. */
	if (r < 0 && !ct_is(container) &&
	    (err->code == LXCRI_E_MONITOR_LOST || err->code == LXCRI_E_INVALID_STATE))
		r = lxcri_container_wait(container, KILL_TIMEOUT_MS / 1000, err);
	if (r < 0 && err->code == LXCRI_E_CONTAINER_NOT_FOUND)
		r = 0; /* and was one that goes then */
	return r < 0 ? fail_as(err, LXCRI_E_CONTAINER_KILL_FAILED, "stop %s", container->home.id)
		     : 0;
}

int lxcri_container_stop(struct lxcri_container *container, unsigned int grace_seconds,
			 struct lxcri_error *err)
{
	static const enum restart_note note = RESTART_STOPPED;

	if (stop_for(container, &(struct stop){ grace_seconds, &note }, err) < 0)
		return -1;
	tell_services(container);
	return 0;
}

int lxcri_container_shut_down(struct lxcri_container *container, unsigned int grace_seconds,
			      struct lxcri_error *err)
{
	static const enum restart_note note = RESTART_SHUT_DOWN;

	return stop_for(container, &(struct stop){ grace_seconds, &note }, err);
}

int lifecycle_end(struct lxcri_container *container, unsigned int grace_seconds,
		  struct lxcri_error *err)
{
	return stop_for(container, &(struct stop){ grace_seconds, NULL }, err);
}

int lxcri_container_restart(struct lxcri_container *container, unsigned int grace_seconds,
			    struct lxcri_error *err)
{
	if (lifecycle_end(container, grace_seconds, err) < 0)
		return -1;
	if (lxcri_container_start(container, err) == 0)
		return 0;

	struct lxcri_error ignored = {};

	/* Its policy may have been quicker. */
	if (err->code != LXCRI_E_INVALID_STATE || container_refresh(container, &ignored) < 0 ||
	    container->status != LXCRI_STATUS_RUNNING)
		return -1;
	*err = (struct lxcri_error){};
	return 0;
}

/* Ends it once. That it ended by itself, or its monitor was killed, the next look tells. */
static int stop_locked_once(struct lxcri_container *container, unsigned int grace_seconds,
			    struct lxcri_error *err)
{
	autoptr(monitor) monitor = NULL;
	int r;

	/* Somebody may have started it with this handle. */
	if (container_refresh(container, err) < 0)
		return -1;
	r = connect_locked(container, &monitor, err);
	if (r > 0) {
		r = stop_through(container, monitor, grace_seconds, err);
		if (r == 0)
			container_event(container, "stop", NULL, NULL);
	}
	if (r < 0 && (err->code == LXCRI_E_MONITOR_LOST || err->code == LXCRI_E_INVALID_STATE)) {
		*err = (struct lxcri_error){};
		return container_refresh(container, err);
	}
	return r;
}

int lifecycle_stop_locked(struct lxcri_container *container, unsigned int grace_seconds,
			  struct lxcri_error *err)
{
	if (ct_is(container))
		return container_refresh(container, err) < 0
			       ? -1
			       : ct_stop(container, grace_seconds, err);

	int r = stop_locked_once(container, grace_seconds, err);

	/* A monitor that has only dropped the connection takes another. */
	if (r == 0 && container->status != LXCRI_STATUS_STOPPED)
		r = stop_locked_once(container, grace_seconds, err);
	if (r < 0 || await_monitor(container, err) < 0 || container_refresh(container, err) < 0)
		return -1;
	if (container->status != LXCRI_STATUS_STOPPED)
		return fail(err, LXCRI_E_CONTAINER_KILL_FAILED, "it is %s still",
			    lxcri_status_name(container->status));
	return 0;
}

static int pause_locked(struct lxcri_container *container, struct lxcri_error *err)
{
	autoptr(monitor) monitor = NULL;

	if (ct_is(container))
		return ct_pause(container, err);
	if (container->status == LXCRI_STATUS_PAUSED)
		return fail(err, LXCRI_E_ALREADY_PAUSED, "it is paused already");
	if (container->status != LXCRI_STATUS_RUNNING)
		return fail(err, LXCRI_E_INVALID_STATE, "it is %s",
			    lxcri_status_name(container->status));
	if (container_connect(container, &monitor, err) < 0)
		return -1;
	return monitor_pause(monitor, err);
}

/* Does @change under the lock; @doing names it. */
static int change_locked(struct lxcri_container *container,
			 int (*change)(struct lxcri_container *container, struct lxcri_error *err),
			 const char *doing, struct lxcri_error *err)
{
	if (container_lock(container, err) < 0)
		return -1;

	int r = container_explain_end(container, change(container, err), err);

	home_unlock(&container->home);
	return r < 0 ? fail_while(err, "%s %s", doing, container->home.id) : 0;
}

int lxcri_container_pause(struct lxcri_container *container, struct lxcri_error *err)
{
	return change_locked(container, pause_locked, "pause", err);
}

static int resume_locked(struct lxcri_container *container, struct lxcri_error *err)
{
	autoptr(monitor) monitor = NULL;

	if (ct_is(container))
		return ct_resume(container, err);
	if (container->status == LXCRI_STATUS_STOPPED)
		return fail(err, LXCRI_E_INVALID_STATE, "it is stopped");
	if (container->status != LXCRI_STATUS_PAUSED)
		return fail(err, LXCRI_E_NOT_PAUSED, "it is %s, not paused",
			    lxcri_status_name(container->status));
	if (container_connect(container, &monitor, err) < 0)
		return -1;
	return monitor_resume(monitor, err);
}

int lxcri_container_resume(struct lxcri_container *container, struct lxcri_error *err)
{
	return change_locked(container, resume_locked, "resume", err);
}

int lxcri_container_delete(struct lxcri_container *container, bool force, struct lxcri_error *err)
{
	if (container_lock(container, err) < 0)
		return -1;

	int r;

	if (container->record.pod_of)
		r = fail(err, LXCRI_E_INVALID_STATE, "it goes with the pod %s",
			 container->record.pod_of);
	else if (!force && (container->status == LXCRI_STATUS_RUNNING ||
			    container->status == LXCRI_STATUS_PAUSED))
		r = fail(err, LXCRI_E_INVALID_STATE,
			 "it is %s; stop it first, or delete it by force",
			 lxcri_status_name(container->status));
	else
		r = container_remove(container, err);
	home_unlock(&container->home);
	return r < 0 ? fail_as(err, LXCRI_E_CONTAINER_DELETE_FAILED, "delete %s",
			       container->home.id)
		     : 0;
}

int lxcri_container_delete_volumes(struct lxcri_container *container, bool force,
				   struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};

	if (ct_is(container))
		ct_volume_names(container, &names);
	if (lxcri_container_delete(container, force, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (ct_volume_remove(container->engine, names.items[i], err) < 0)
			return -1;
	return 0;
}

int lxcri_container_discard(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = xnew(struct lxcri_container);
	struct home *home = &container->home;

	container->engine = engine;
	*home = HOME_NULL;
	if (home_open(engine, id, home, err) < 0)
		return -1;
	if (home->run_fd < 0 && !home_is_persistent(home))
		return fail(err, LXCRI_E_CONTAINER_NOT_FOUND, "no container is called %s", id);
	if (home_lock(home, HOME_WAIT, err) < 0)
		return -1;

	int r = home_has_damaged_record(engine, home, err);

	if (r == 0)
		r = home_load_record(engine, home, &container->record, err);
	if (r >= 0)
		r = container_teardown(container, err);
	if (r == 0)
		container_event(container, "delete", NULL, NULL);
	home_unlock(home);
	return r < 0 ? fail_as(err, LXCRI_E_CONTAINER_DELETE_FAILED, "delete %s", id) : 0;
}

int container_delete_stopped(struct lxcri_container *container, struct lxcri_error *err)
{
	if (container_lock(container, err) < 0)
		return -1;

	/* Between two of its runs it has not stopped for good. */
	int64_t wait_ns;
	bool stopped =
		container->status == LXCRI_STATUS_STOPPED && !restart_is_due(container, &wait_ns);
	int r = stopped ? container_remove(container, err) : 0;

	home_unlock(&container->home);
	if (r < 0)
		return fail_as(err, LXCRI_E_CONTAINER_DELETE_FAILED, "delete %s",
			       container->home.id);
	return stopped;
}

int lxcri_container_wait(struct lxcri_container *container, int timeout_seconds,
			 struct lxcri_error *err)
{
	autoptr(monitor) monitor = NULL;
	int timeout_ms = timeout_seconds < 0                  ? -1
			 : timeout_seconds > INT32_MAX / 1000 ? INT32_MAX
							      : 1000 * timeout_seconds;

	if (container_refresh(container, err) < 0)
		return -1;
	if (ct_is(container))
		return ct_wait(container, timeout_seconds, err);
	if (container->status == LXCRI_STATUS_STOPPED)
		return container->state.exit_code;

	int code = container_connect(container, &monitor, err);

	if (code == 0)
		code = monitor_wait(monitor, timeout_ms, err);
	if (code >= 0)
		return code;
	/* It may have ended between the look and the connection. */
	if (err->code == LXCRI_E_MONITOR_LOST && container_refresh(container, err) == 0 &&
	    container->status == LXCRI_STATUS_STOPPED)
		return container->state.exit_code;
	return fail_while(err, "wait for %s", container->home.id);
}
