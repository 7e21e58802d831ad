/* SPDX-License-Identifier: MIT */
/* Asking containers whether they are well: a command is run in them, and what came of it is kept in
 * the run directory, told as an event when it is another answer than before, and acted upon. */

#include "serve/guarded.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/event.h"
#include "os/helper.h"
#include "os/process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define ACTION_TIMEOUT_US (600ull * 1000000)

static int on_check_time(sd_event_source *source, uint64_t usec, void *userdata);

static void set_check_timer(struct guarded *guarded, int64_t ns)
{
	const uint64_t us = ns > 0 ? (uint64_t)(ns / NS_IN_US) : 0;
	int r;

	if (guarded->check_timer) {
		r = sd_event_source_set_time_relative(guarded->check_timer, us);
		if (r >= 0)
			r = sd_event_source_set_enabled(guarded->check_timer, SD_EVENT_ONESHOT);
	} else {
		r = sd_event_add_time_relative(guarded->part->event, &guarded->check_timer,
					       CLOCK_MONOTONIC, us, 1000, on_check_time, guarded);
	}
	if (r < 0)
		log_error("container %s: set a timer: %s", guarded->id, strerror(-r));
}

static void on_acted(void *userdata, const struct job_end *end)
{
	struct guarded *guarded = userdata;

	if (end->exit_code != 0)
		log_warning("container %s: what was to be done about its health failed (%d)",
			    guarded->id, end->exit_code);
	job_free(steal(guarded->acting));
	guarded->look(guarded->userdata, guarded);
}

static void act_by_command(struct guarded *guarded, const char *verb)
{
	const char *const words[] = { verb, guarded->id, NULL };
	const struct job_options options = {
		.words = words,
		.timeout_us = ACTION_TIMEOUT_US,
		.ended = on_acted,
		.userdata = guarded,
	};
	int r = guarded->acting ? 0 : job_start(guarded->part, &options, &guarded->acting);

	if (r < 0)
		log_error("%s container %s: %s", verb, guarded->id, strerror(-r));
}

static void act(struct guarded *guarded)
{
	switch (guarded->check.action) {
	case LXCRI_HEALTH_NONE:
		break;
	case LXCRI_HEALTH_KILL:
		/* Not by the verb, after which no policy would hold. */
		(void)process_signal(guarded->pid, guarded->pid_start_time, SIGKILL);
		break;
	case LXCRI_HEALTH_RESTART:
		act_by_command(guarded, "restart");
		break;
	case LXCRI_HEALTH_STOP:
		act_by_command(guarded, "stop");
		break;
	}
}

static void tell(const struct guarded *guarded)
{
	const char *const attributes[] = { "health", health_status_name(guarded->health.status),
					   NULL };

	engine_event(guarded->part->engine, "container", "health_status", guarded->id, attributes);
}

static bool is_starting(const struct guarded *guarded, int64_t now)
{
	return guarded->health.status == HEALTH_STARTING &&
	       now - guarded->run_ns < guarded->check.start_period_ns;
}

/* Takes the answer of one check. */
static void take_answer(struct guarded *guarded, const struct job_end *end)
{
	struct health_state *health = &guarded->health;
	const enum health_status before = health->status;
	int r;

	health->checked_ns = moment_now();
	health->exit_code = end->exit_code;
	free(health->output);
	health->output = xstrdup(end->output);
	text_mask_malformed(health->output, '?');
	if (end->exit_code == 0) {
		health->failing = 0;
		health->status = HEALTH_WELL;
	} else if (!is_starting(guarded, health->checked_ns)) {
		health->failing++;
		if (health->failing >= guarded->check.retries)
			health->status = HEALTH_ILL;
	}
	r = health_state_save(guarded->run_dir_fd, health);
	if (r < 0)
		log_warning("container %s: keep its health: %s", guarded->id, strerror(-r));
	if (health->status == before)
		return;
	tell(guarded);
	if (health->status == HEALTH_ILL)
		act(guarded);
}

static void on_checked(void *userdata, const struct job_end *end)
{
	struct guarded *guarded = userdata;
	const int64_t run_ns = guarded->run_ns;

	/* Whatever has happened meanwhile is to be known first: to what has ended, or begun anew,
	 * the answer says nothing. */
	if (guarded_refresh(guarded) > 0 && guarded->run_ns == run_ns &&
	    guarded->status == LXCRI_STATUS_RUNNING && guarded->has_check) {
		take_answer(guarded, end);
		set_check_timer(guarded, guarded->check.interval_ns);
	}
	job_free(steal(guarded->checking));
	guarded->look(guarded->userdata, guarded);
}

static int on_check_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct guarded *guarded = userdata;
	autofree char *pid_file =
		xformat("%s/containers/%s/health.pid", guarded->part->engine->root, guarded->id);
	autorun(strings_finish) struct strings words = {};

	if (guarded->checking || guarded->status != LXCRI_STATUS_RUNNING || !guarded->has_check)
		return 0;
	strings_add(&words, "exec");
	strings_add(&words, "--pid-file");
	strings_add(&words, pid_file);
	strings_add(&words, guarded->id);
	strings_add_all(&words, &guarded->check.command);

	const struct job_options options = {
		.words = (const char *const *)words.items,
		.timeout_us = (uint64_t)(guarded->check.timeout_ns / NS_IN_US),
		.pid_file = pid_file,
		.output_max = HEALTH_OUTPUT_MAX,
		.ended = on_checked,
		.userdata = guarded,
	};
	int r = job_start(guarded->part, &options, &guarded->checking);

	if (r < 0) {
		log_error("check container %s: %s", guarded->id, strerror(-r));
		set_check_timer(guarded, guarded->check.interval_ns);
	}
	return 0;
}

static enum health_status health_of(enum probes_health health)
{
	return health == PROBES_READY      ? HEALTH_WELL
	       : health == PROBES_STARTING ? HEALTH_STARTING
					   : HEALTH_ILL;
}

/* Whoever asks is told by the event, and looks. */
static void on_changed(void *userdata, enum probes_health health)
{
	struct guarded *guarded = userdata;

	guarded->health.status = health_of(health);
	tell(guarded);
	guarded->look(guarded->userdata, guarded);
}

/* Ends it gracefully; what comes then is its restart policy's. */
static void on_failed(void *userdata, enum probe_kind kind, const struct probe *probe,
		      const char *output)
{
	struct guarded *guarded = userdata;
	const char *const attributes[] = { "probe", probe_kind_name(kind), "output", output, NULL };
	const struct strings *command = guarded->part->command;
	autofree char *program = helper_path("lxcri-serve");
	autorun(strings_finish) struct strings words = {};
	int r;

	if (guarded->acting)
		return;
	engine_event(guarded->part->engine, "container", "probe_failed", guarded->id, attributes);
	strings_add(&words, program);
	for (size_t i = 1; i < command->count; i++)
		strings_add(&words, command->items[i]);
	strings_add(&words, "end");
	strings_add(&words, guarded->id);
	strings_addf(&words, "%jd", (intmax_t)probe->grace_seconds);

	const struct job_options options = {
		.words = (const char *const *)words.items,
		.program = program,
		.timeout_us = ACTION_TIMEOUT_US + 1000000ull * (uint64_t)probe->grace_seconds,
		.ended = on_acted,
		.userdata = guarded,
	};

	r = job_start(guarded->part, &options, &guarded->acting);
	if (r < 0)
		log_error("end container %s: %s", guarded->id, strerror(-r));
}

struct prober *guarded_make_prober(struct guarded *guarded)
{
	const struct prober_owner owner = { on_changed, on_failed, guarded };

	return prober_create(guarded->part, &owner);
}

static void see_to_probes(struct guarded *guarded)
{
	const struct prober_run run = {
		.id = guarded->id,
		.network_id = guarded->pod_of ? guarded->pod_of : guarded->id,
		.run_dir_fd = guarded->run_dir_fd,
		.run_ns = guarded->run_ns,
	};
	bool is_running = guarded->status == LXCRI_STATUS_RUNNING;

	prober_see_to(guarded->prober, is_running ? &run : NULL);
	guarded->health.status =
		is_running ? health_of(prober_judge(guarded->prober)) : HEALTH_UNKNOWN;
}

void guarded_see_to_health(struct guarded *guarded)
{
	struct health_state *health = &guarded->health;
	int enabled = SD_EVENT_OFF;
	int64_t since;

	if (guarded->prober)
		see_to_probes(guarded);
	if (guarded->status != LXCRI_STATUS_RUNNING || !guarded->has_check) {
		guarded->check_timer = sd_event_source_disable_unref(guarded->check_timer);
		return;
	}
	if (health->status == HEALTH_UNKNOWN) {
		health->status = HEALTH_STARTING;
		health->run_ns = guarded->run_ns;
	}
	if (guarded->check_timer)
		(void)sd_event_source_get_enabled(guarded->check_timer, &enabled);
	if (guarded->checking || enabled != SD_EVENT_OFF)
		return;
	/* As if we had been here all the time. */
	since = moment_now() - (health->checked_ns ? health->checked_ns : guarded->run_ns);
	set_check_timer(guarded, since < 0 ? 0 : guarded->check.interval_ns - since);
}
