/* SPDX-License-Identifier: MIT */
/* A container in the service's eyes. */

#include "serve/guarded.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "engine/ct/ct.h"
#include "engine/network/rows.h"
#include "engine/service/hook.h"
#include "engine/service/restart.h"
#include "os/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/pidfd.h>

/* A start that takes longer will not come to an end. */
#define START_TIMEOUT_US (120ull * 1000000)
/* How often it is asked whether a container of Proxmox VE still runs, or one is still starting. */
#define POLL_NS (5 * NS_IN_SECOND)
/* How often for its addresses, once there are some. */
#define ADDRESS_NS         (60 * NS_IN_SECOND)
#define ADDRESS_TIMEOUT_US (30ull * 1000000)
/* One that is the first of its pod waits for what runs there before it. */
#define POD_START_TIMEOUT_US (3600ull * 1000000)

struct guarded *guarded_create(const struct serve_part *part, const char *id)
{
	struct guarded *guarded = xnew(struct guarded);

	guarded->part = part;
	guarded->id = xstrdup(id);
	guarded->monitor_fd = -1;
	guarded->run_dir_fd = -1;
	return guarded;
}

static void forget_monitor(struct guarded *guarded)
{
	guarded->monitor = sd_event_source_disable_unref(guarded->monitor);
	closep(&guarded->monitor_fd);
	guarded->monitor_pid = 0;
}

void guarded_free(struct guarded *guarded)
{
	if (!guarded)
		return;
	forget_monitor(guarded);
	(void)sd_event_source_disable_unref(guarded->poll_timer);
	(void)sd_event_source_disable_unref(guarded->restart_timer);
	(void)sd_event_source_disable_unref(guarded->check_timer);
	job_free(guarded->addressing);
	job_free(guarded->restart);
	job_free(guarded->checking);
	job_free(guarded->acting);
	prober_free(guarded->prober);
	free(guarded->pod_of);
	health_check_finish(&guarded->check);
	health_state_finish(&guarded->health);
	closep(&guarded->run_dir_fd);
	free(guarded->id);
	free(guarded);
}

static int on_monitor(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct guarded *guarded = userdata;

	forget_monitor(guarded);
	guarded->look(guarded->userdata, guarded);
	return 0;
}

/* Has the end of the container's monitor told. Returns false when it has ended meanwhile. */
static bool watch_monitor(struct guarded *guarded, int run_fd)
{
	pid_t pid = monitor_find(run_fd);

	if (pid > 0 && pid == guarded->monitor_pid)
		return true;
	forget_monitor(guarded);
	if (pid <= 0)
		return false;
	guarded->monitor_fd = pidfd_open(pid, 0);
	/* The number may have passed to another process, but not the lock. */
	if (guarded->monitor_fd < 0 || monitor_find(run_fd) != pid ||
	    sd_event_add_io(guarded->part->event, &guarded->monitor, guarded->monitor_fd, EPOLLIN,
			    on_monitor, guarded) < 0) {
		forget_monitor(guarded);
		return false;
	}
	guarded->monitor_pid = pid;
	return true;
}

static void set_timer(struct guarded *guarded, sd_event_source **timer, int64_t ns,
		      sd_event_time_handler_t handler)
{
	const uint64_t us = (uint64_t)(ns / NS_IN_US) + 1;
	int r;

	if (*timer) {
		r = sd_event_source_set_time_relative(*timer, us);
		if (r >= 0)
			r = sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT);
	} else {
		r = sd_event_add_time_relative(guarded->part->event, timer, CLOCK_MONOTONIC, us, 1,
					       handler, guarded);
	}
	if (r < 0)
		log_error("container %s: set a timer: %s", guarded->id, strerror(-r));
}

static int on_poll_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct guarded *guarded = userdata;

	guarded->look(guarded->userdata, guarded);
	return 0;
}

/* Has a command of the service run beside the loop. */
static int start_command(struct guarded *guarded, const char *verb, struct job_options *options,
			 struct job **ret)
{
	const struct strings *command = guarded->part->command;
	autofree char *program = helper_path("lxcri-serve");
	autorun(strings_finish) struct strings words = {};

	strings_add(&words, program);
	for (size_t i = 1; i < command->count; i++)
		strings_add(&words, command->items[i]);
	strings_add(&words, verb);
	strings_add(&words, guarded->id);
	options->words = (const char *const *)words.items;
	options->program = program;
	options->userdata = guarded;
	return job_start(guarded->part, options, ret);
}

static void on_addressed(void *userdata, const struct job_end *end)
{
	struct guarded *guarded = userdata;

	if (end->exit_code != 0)
		log_warning("the addresses of container %s are not known (%d)", guarded->id,
			    end->exit_code);
	job_free(steal(guarded->addressing));
}

/* What is known of the place of a container in Proxmox VE, or of its pod's. */
enum place { PLACE_NONE, PLACE_UNKNOWN, PLACE_KNOWN };

static enum place find_place(const struct guarded *guarded, const struct record *record)
{
	const char *id = record->pod_of ? record->pod_of : guarded->id;
	autorun(endpoint_list_finish) struct endpoint_list rows = {};
	struct lxcri_error ignored = {};
	struct database *database = engine_database(guarded->part->engine, &ignored);

	/* What cannot be read now may be there. */
	if (!database || endpoint_list_read(database, id, NULL, &rows, &ignored) < 0)
		return PLACE_UNKNOWN;
	if (rows.count == 0)
		return PLACE_NONE;
	return rows.items[0].away ? PLACE_KNOWN : PLACE_UNKNOWN;
}

/* A lease comes when it comes, and may be another one later. What has ended is known no more; a
 * pod's is the pod's affair. */
static void see_to_address(struct guarded *guarded, const struct lxcri_container *container,
			   enum place place)
{
	struct job_options options = { .timeout_us = ADDRESS_TIMEOUT_US, .ended = on_addressed };
	const bool runs = container->status == LXCRI_STATUS_RUNNING;
	const int64_t now = moment_now();
	int64_t pause = POLL_NS / 2;
	int r;

	if (guarded->addressing || place == PLACE_NONE ||
	    (!runs && (container->status != LXCRI_STATUS_STOPPED || container->record.pod_of ||
		       place == PLACE_UNKNOWN)))
		return;
	if (runs && place == PLACE_KNOWN)
		pause = ADDRESS_NS;
	if (now - guarded->addressed_ns < pause)
		return;
	guarded->addressed_ns = now;
	r = start_command(guarded, "address", &options, &guarded->addressing);
	if (r < 0)
		log_error("ask for the addresses of container %s: %s", guarded->id, strerror(-r));
}

/* Has the end of a container of Proxmox VE told: on this host by its first process, and everywhere
 * by asking again. */
static void watch_ct(struct guarded *guarded, struct lxcri_container *container)
{
	const struct record *record = &container->record;
	const enum place place = find_place(guarded, record);
	const bool is_wanted = record->restart || record->health || record->probes ||
			       record->pod_of || place != PLACE_NONE;

	if (!is_wanted || container->status == LXCRI_STATUS_CREATING) {
		forget_monitor(guarded);
		guarded->poll_timer = sd_event_source_disable_unref(guarded->poll_timer);
		return;
	}
	set_timer(guarded, &guarded->poll_timer, POLL_NS, on_poll_time);
	see_to_address(guarded, container, place);
	ct_look(container);
	if (container->state.pid > 0 && container->state.pid == guarded->monitor_pid)
		return;
	forget_monitor(guarded);
	if (container->state.pid <= 0)
		return;
	guarded->monitor_fd = pidfd_open(container->state.pid, 0);
	if (guarded->monitor_fd < 0 ||
	    sd_event_add_io(guarded->part->event, &guarded->monitor, guarded->monitor_fd, EPOLLIN,
			    on_monitor, guarded) < 0) {
		forget_monitor(guarded);
		return;
	}
	guarded->monitor_pid = container->state.pid;
}

static void take_record(struct guarded *guarded, const struct lxcri_container *container)
{
	const struct record *record = &container->record;
	struct lxcri_error err = {};

	guarded->created_ns = record->created_ns;
	guarded->restarts = record->restarts;
	guarded->has_policy = record->restart != NULL;
	guarded->is_due = restart_is_due(container, &guarded->due_ns);
	health_check_finish(&guarded->check);
	guarded->is_first = record->is_first;
	free(guarded->pod_of);
	guarded->pod_of = xstrdup(record->pod_of);
	if (!record->probes)
		prober_free(steal(guarded->prober));
	else if (!guarded->prober)
		guarded->prober = guarded_make_prober(guarded);
	if (guarded->prober)
		prober_set(guarded->prober, record->probes);
	guarded->has_check = record->health != NULL;
	if (guarded->has_check && health_check_parse(record->health, &guarded->check, &err) < 0) {
		log_error("container %s: %s", guarded->id, err.text);
		guarded->has_check = false;
	}
}

static void take_state(struct guarded *guarded, const struct lxcri_container *container)
{
	guarded->status = container->status;
	guarded->is_lost = ct_is(container) && container->lost && container->record.pod_of;
	guarded->is_starting = hook_is_starting(container);
	/* Whoever sees to that may be killed, of which nobody tells. */
	if (guarded->is_starting)
		set_timer(guarded, &guarded->poll_timer, POLL_NS, on_poll_time);
	guarded->pid = container->state.pid;
	guarded->pid_start_time = container->state.pid_start_time;
	if (guarded->run_ns != container->state.started_ns) {
		health_state_finish(&guarded->health);
		guarded->run_ns = container->state.started_ns;
		health_state_load(container->home.run_fd, guarded->run_ns, &guarded->health);
	}
	closep(&guarded->run_dir_fd);
	if (container->home.run_fd >= 0)
		guarded->run_dir_fd = fcntl(container->home.run_fd, F_DUPFD_CLOEXEC, 3);
}

int guarded_refresh(struct guarded *guarded)
{
	autoptr(lxcri_container) container = NULL;
	struct lxcri_error err = {};

	/* Twice: a monitor that ended in between has a record of its end by now. */
	for (unsigned int i = 0; i < 2; i++) {
		lxcri_container_free(steal(container));
		if (lxcri_container_open(guarded->part->engine, guarded->id, &container, &err) <
		    0) {
			if (err.code != LXCRI_E_CONTAINER_NOT_FOUND)
				log_warning("%s", err.text);
			return 0;
		}
		if (ct_is(container)) {
			watch_ct(guarded, container);
			break;
		}
		if (container->status == LXCRI_STATUS_STOPPED ||
		    container->status == LXCRI_STATUS_CREATING) {
			forget_monitor(guarded);
			break;
		}
		if (watch_monitor(guarded, container->home.run_fd))
			break;
	}
	take_record(guarded, container);
	take_state(guarded, container);
	return 1;
}

bool guarded_is_ready(const struct guarded *guarded)
{
	return guarded->status == LXCRI_STATUS_RUNNING && !guarded->is_starting &&
	       ((!guarded->has_check && !guarded->prober) || guarded->health.status == HEALTH_WELL);
}

bool guarded_is_needy(const struct guarded *guarded)
{
	const bool is_up =
		guarded->status == LXCRI_STATUS_RUNNING || guarded->status == LXCRI_STATUS_PAUSED;

	return (guarded->has_policy && (is_up || guarded->is_due)) ||
	       ((guarded->has_check || guarded->prober) && is_up) || guarded->restart ||
	       guarded->checking || guarded->acting;
}

static void on_restarted(void *userdata, const struct job_end *end)
{
	struct guarded *guarded = userdata;

	if (end->exit_code != 0)
		log_warning("container %s was not started again (%d)", guarded->id, end->exit_code);
	job_free(steal(guarded->restart));
	guarded->look(guarded->userdata, guarded);
}

static void start_again(struct guarded *guarded)
{
	struct job_options options = {
		.timeout_us = guarded->pod_of ? POD_START_TIMEOUT_US : START_TIMEOUT_US,
		.ended = on_restarted,
	};
	int r = start_command(guarded, "again", &options, &guarded->restart);

	if (r < 0)
		log_error("start container %s again: %s", guarded->id, strerror(-r));
}

static int on_restart_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct guarded *guarded = userdata;

	guarded->look(guarded->userdata, guarded);
	return 0;
}

void guarded_see_to_restart(struct guarded *guarded, enum guarded_room room)
{
	if (guarded->restart)
		return;
	if (!guarded->is_due) {
		guarded->restart_timer = sd_event_source_disable_unref(guarded->restart_timer);
		return;
	}
	if (guarded->due_ns > 0)
		set_timer(guarded, &guarded->restart_timer, guarded->due_ns, on_restart_time);
	else if (room == GUARDED_MAY_START)
		start_again(guarded);
}
