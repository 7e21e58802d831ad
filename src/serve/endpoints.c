/* SPDX-License-Identifier: MIT */
/* Who is ready, for services. */

#include "serve/endpoints.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/database/services.h"
#include "os/helper.h"
#include "serve/job.h"

#include <string.h>
#include <time.h>

/* What happens at once is looked at at once. */
#define SETTLE_US  20000ull
#define RETRY_US   1000000ull
#define TIMEOUT_US 60000000ull
/* With more than these all are looked at. */
#define IDS_MAX 64

struct endpoints {
	const struct serve_part *part;
	sd_event_source *timer;
	struct job *job;
	struct strings ids; /* since the command began */
	bool all;
};

void endpoints_create(const struct serve_part *part, struct endpoints **ret)
{
	*ret = xnew(struct endpoints);
	(*ret)->part = part;
}

void endpoints_free(struct endpoints *endpoints)
{
	if (!endpoints)
		return;
	(void)sd_event_source_disable_unref(endpoints->timer);
	job_free(endpoints->job);
	strings_finish(&endpoints->ids);
	free(endpoints);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata);

static void set_timer(struct endpoints *endpoints, uint64_t us)
{
	int enabled = SD_EVENT_OFF;
	int r = 0;

	if (endpoints->timer)
		(void)sd_event_source_get_enabled(endpoints->timer, &enabled);
	if (enabled != SD_EVENT_OFF)
		return; /* it comes soon enough */
	if (!endpoints->timer)
		r = sd_event_add_time_relative(endpoints->part->event, &endpoints->timer,
					       CLOCK_MONOTONIC, us, 1, on_time, endpoints);
	else if ((r = sd_event_source_set_time_relative(endpoints->timer, us)) >= 0)
		r = sd_event_source_set_enabled(endpoints->timer, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("set a timer: %s", strerror(-r));
}

static void on_ended(void *userdata, const struct job_end *end)
{
	struct endpoints *endpoints = userdata;

	job_free(steal(endpoints->job));
	if (end->exit_code != 0) {
		log_warning("services were not told who is ready (%d)", end->exit_code);
		endpoints->all = true;
		set_timer(endpoints, RETRY_US);
	} else if (endpoints->all || endpoints->ids.count > 0) {
		set_timer(endpoints, SETTLE_US);
	}
}

/* Tells whether there is a service that wants to know. */
static bool is_needed(const struct endpoints *endpoints)
{
	struct lxcri_engine *engine = endpoints->part->engine;
	struct lxcri_error ignored = {};
	struct database *database;

	if (!database_exists(engine->data))
		return false;
	database = engine_database(engine, &ignored);
	return database && services_have_virtual(database, &ignored) > 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct endpoints *endpoints = userdata;
	const struct strings *command = endpoints->part->command;
	autofree char *program = helper_path("lxcri-serve");
	autorun(strings_finish) struct strings words = {};
	struct job_options options = { .timeout_us = TIMEOUT_US,
				       .ended = on_ended,
				       .userdata = endpoints };
	int r;

	if (endpoints->job)
		return 0;
	strings_add(&words, program);
	for (size_t i = 1; i < command->count; i++)
		strings_add(&words, command->items[i]);
	strings_add(&words, "ready");
	if (!endpoints->all)
		strings_add_all(&words, &endpoints->ids);
	options.program = program;
	options.words = (const char *const *)words.items;
	endpoints->all = false;
	strings_finish(&endpoints->ids);
	if (!is_needed(endpoints))
		return 0;
	r = job_start(endpoints->part, &options, &endpoints->job);
	if (r < 0)
		log_error("tell services who is ready: %s", strerror(-r));
	return 0;
}

void endpoints_note(struct endpoints *endpoints, const char *container)
{
	endpoints->all |= !container || endpoints->ids.count >= IDS_MAX;
	if (!endpoints->all && !strings_has(&endpoints->ids, container))
		strings_add(&endpoints->ids, container);
	if (!endpoints->job)
		set_timer(endpoints, SETTLE_US);
}
