/* SPDX-License-Identifier: MIT */
/* Asking a container what its probes say.
 *
 * Each kind has its timer and at most one question that is being asked: a command, which runs
 * beside the loop, or a connection in it. An answer is counted, kept in the run directory, and told
 * when it makes the container another one. A run that has ended takes its questions along. */

#include "serve/prober.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/service/http_get.h"
#include "os/helper.h"
#include "serve/dial.h"
#include "serve/job.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define US_IN_SECOND 1000000ull
/* What is made of what takes no time at all. */
#define GRACE_US 500000ull

struct asking {
	struct prober *prober;
	enum probe_kind kind;
	sd_event_source *timer;
	struct job *job;
	struct dial *dial;
};

struct prober {
	const struct serve_part *part;
	struct prober_owner owner;
	char *text; /* of the record */
	struct probes probes;
	struct probes_state state;
	struct prober_run run;
	char *id, *network_id;
	struct asking asking[PROBE_KINDS];
	bool is_running;
};

struct prober *prober_create(const struct serve_part *part, const struct prober_owner *owner)
{
	struct prober *prober = xnew(struct prober);

	prober->part = part;
	prober->owner = *owner;
	for (size_t i = 0; i < PROBE_KINDS; i++) {
		prober->asking[i].prober = prober;
		prober->asking[i].kind = (enum probe_kind)i;
	}
	return prober;
}

static void give_up(struct asking *asking)
{
	asking->timer = sd_event_source_disable_unref(asking->timer);
	job_free(steal(asking->job));
	dial_free(steal(asking->dial));
}

static void give_all_up(struct prober *prober)
{
	for (size_t i = 0; i < PROBE_KINDS; i++)
		give_up(&prober->asking[i]);
}

void prober_free(struct prober *prober)
{
	if (!prober)
		return;
	give_all_up(prober);
	probes_finish(&prober->probes);
	probes_state_finish(&prober->state);
	free(prober->text);
	free(prober->id);
	free(prober->network_id);
	free(prober);
}

void prober_set(struct prober *prober, const char *text)
{
	struct lxcri_error err = {};

	if (prober->text && strcmp(prober->text, text) == 0)
		return;
	give_all_up(prober);
	probes_finish(&prober->probes);
	probes_state_finish(&prober->state);
	free(prober->text);
	prober->text = xstrdup(text);
	if (probes_parse(text, &prober->probes, &err) < 0)
		log_error("%s", err.text);
}

enum probes_health prober_judge(const struct prober *prober)
{
	return probes_judge(&prober->state);
}

static void see_to_all(struct prober *prober);

static const struct probe *probe_of(const struct asking *asking)
{
	return &asking->prober->probes.of[asking->kind];
}

/* Counts an answer, and has it told what it makes of the container. */
static void take_answer(struct asking *asking, bool is_success, const char *output)
{
	struct prober *prober = asking->prober;
	const struct probe *probe = probe_of(asking);
	struct probe_result *result = &prober->state.of[asking->kind];
	const enum probes_health before = prober_judge(prober);
	enum probe_verdict verdict;
	int r;

	result->checked_ns = moment_now();
	free(result->output);
	result->output = xstrdup(output);
	text_mask_malformed(result->output, '?');
	verdict = probe_take(probe, asking->kind, is_success, result);
	r = probes_state_save(prober->run.run_dir_fd, &prober->state);
	if (r < 0)
		log_warning("container %s: keep what its probes say: %s", prober->id, strerror(-r));
	see_to_all(prober);
	if (verdict == PROBE_END)
		prober->owner.failed(prober->owner.userdata, asking->kind, probe, output);
	/* Last: it may be the end of us. */
	if (prober_judge(prober) != before)
		prober->owner.changed(prober->owner.userdata, prober_judge(prober));
}

static void on_job(void *userdata, const struct job_end *end)
{
	struct asking *asking = userdata;
	autofree char *output =
		end->exit_code < 0 ? xstrdup("no answer in time") : xstrdup(end->output);
	bool is_success = end->exit_code == 0;

	job_free(steal(asking->job));
	take_answer(asking, is_success, output);
}

static void on_dial(void *userdata, const struct dial_end *end)
{
	struct asking *asking = userdata;

	dial_free(steal(asking->dial));
	take_answer(asking, end->is_success, end->output);
}

static uint64_t timeout_us(const struct asking *asking)
{
	return (uint64_t)probe_of(asking)->timeout_seconds * US_IN_SECOND;
}

static int ask_by_command(struct asking *asking)
{
	struct prober *prober = asking->prober;
	autofree char *pid_file =
		xformat("%s/containers/%s/probe-%s.pid", prober->part->engine->root, prober->id,
			probe_kind_name(asking->kind));
	autorun(strings_finish) struct strings words = {};

	strings_add(&words, "exec");
	strings_add(&words, "--pid-file");
	strings_add(&words, pid_file);
	strings_add(&words, prober->id);
	strings_add_all(&words, &probe_of(asking)->command);

	const struct job_options options = {
		.words = (const char *const *)words.items,
		/* The time is the program's, not ours to start it. */
		.timeout_us = timeout_us(asking) + GRACE_US,
		.pid_file = pid_file,
		.output_max = PROBE_OUTPUT_MAX,
		.ended = on_job,
		.userdata = asking,
	};

	return job_start(prober->part, &options, &asking->job);
}

/* What is spoken over TLS is another process's: what it links has no place in this one. */
static int ask_by_helper(struct asking *asking, const struct address *address)
{
	const struct probe *probe = probe_of(asking);
	autofree char *request = http_get_format(probe, address);
	autofree char *program = helper_path("lxcri-probe");
	autofree char *port = xformat("%u", probe->port);
	char host[ADDRESS_TEXT_MAX];
	const char *const words[] = { program, address_format(address, host), port, NULL };
	const struct job_options options = {
		.words = words,
		.program = program,
		.input = request,
		.timeout_us = timeout_us(asking),
		.output_max = PROBE_OUTPUT_MAX,
		.ended = on_job,
		.userdata = asking,
	};

	return job_start(asking->prober->part, &options, &asking->job);
}

static int ask_by_connection(struct asking *asking)
{
	const struct probe *probe = probe_of(asking);
	autofree char *request = NULL;
	struct dial_options options = {
		.port = probe->port,
		.timeout_us = timeout_us(asking),
		.ended = on_dial,
		.userdata = asking,
	};

	if (!http_get_find_address(asking->prober->part->engine, asking->prober->network_id, probe,
				   &options.address))
		return -EADDRNOTAVAIL;
	if (probe->by == LXCRI_PROBE_HTTPS)
		return ask_by_helper(asking, &options.address);
	if (probe->by == LXCRI_PROBE_HTTP)
		options.request = request = http_get_format(probe, &options.address);
	return dial_start(asking->prober->part, &options, &asking->dial);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct asking *asking = userdata;
	int r = probe_of(asking)->by == LXCRI_PROBE_EXEC ? ask_by_command(asking)
							 : ask_by_connection(asking);

	if (r < 0)
		take_answer(asking, false, strerror(-r));
	return 0;
}

static void set_timer(struct asking *asking, int64_t ns)
{
	const uint64_t us = ns > 0 ? (uint64_t)(ns / NS_IN_US) : 0;
	int r;

	if (asking->timer) {
		r = sd_event_source_set_time_relative(asking->timer, us);
		if (r >= 0)
			r = sd_event_source_set_enabled(asking->timer, SD_EVENT_ONESHOT);
	} else {
		r = sd_event_add_time_relative(asking->prober->part->event, &asking->timer,
					       CLOCK_MONOTONIC, us, 1000, on_time, asking);
	}
	if (r < 0)
		log_error("container %s: set a timer: %s", asking->prober->id, strerror(-r));
}

/* Until it has started, nothing else is asked; afterwards, that is not. */
static bool is_wanted(const struct prober *prober, enum probe_kind kind)
{
	bool has_started = prober->state.of[PROBE_STARTUP].is_good;

	return prober->probes.of[kind].is_there && has_started == (kind != PROBE_STARTUP);
}

/* As if we had been here all the time. */
static void see_to(struct prober *prober, enum probe_kind kind)
{
	const struct probe *probe = &prober->probes.of[kind];
	const struct probe_result *result = &prober->state.of[kind];
	struct asking *asking = &prober->asking[kind];
	int enabled = SD_EVENT_OFF;
	int64_t whole;
	int64_t left;

	if (!is_wanted(prober, kind)) {
		give_up(asking);
		return;
	}
	if (asking->timer)
		(void)sd_event_source_get_enabled(asking->timer, &enabled);
	if (asking->job || asking->dial || enabled != SD_EVENT_OFF)
		return;
	whole = NS_IN_SECOND * (result->checked_ns ? probe->period_seconds : probe->delay_seconds);
	left = (result->checked_ns ? result->checked_ns : prober->run.run_ns) + whole -
	       moment_now();
	/* Somebody may have set the clock. */
	set_timer(asking, left > whole ? whole : left);
}

static void see_to_all(struct prober *prober)
{
	for (int kind = 0; kind < PROBE_KINDS; kind++)
		see_to(prober, (enum probe_kind)kind);
}

static void set_name(char **name, const char *given)
{
	if (*name && strcmp(*name, given) == 0)
		return;
	free(*name);
	*name = xstrdup(given);
}

void prober_see_to(struct prober *prober, const struct prober_run *run)
{
	if (!run) {
		give_all_up(prober);
		prober->is_running = false;
		return;
	}
	set_name(&prober->id, run->id);
	set_name(&prober->network_id, run->network_id);
	prober->run = *run;
	if (!prober->is_running || prober->state.run_ns != run->run_ns) {
		give_all_up(prober);
		probes_state_finish(&prober->state);
		probes_state_load(run->run_dir_fd, &prober->probes, run->run_ns, &prober->state);
		prober->is_running = true;
	}
	see_to_all(prober);
}
