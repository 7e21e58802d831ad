/* SPDX-License-Identifier: MIT */
/* What was applied is made true again. */

#include "serve/workloads.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/database/objects.h"
#include "engine/database/services.h"
#include "os/helper.h"
#include "serve/job.h"

#include <string.h>
#include <time.h>

/* Who makes or removes pods is given the time to end. */
#define SETTLE_US       300000ull
#define BACK_OFF_US     1000000ull /* after the first failure */
#define BACK_OFF_MAX_US 60000000ull
/* Pods may be waited for, one after the other. */
#define TIMEOUT_US (3600ull * 1000000)

struct workloads {
	const struct serve_part *part;
	void (*settled)(void *userdata);
	void *userdata;
	sd_event_source *timer;
	struct job *job;
	uint64_t back_off_us; /* 0: it went well */
	bool is_needed;
	bool is_asked; /* something has happened since the command began */
};

void workloads_create(const struct serve_part *part, void (*settled)(void *userdata),
		      void *userdata, struct workloads **ret)
{
	struct workloads *workloads = xnew(struct workloads);

	workloads->part = part;
	workloads->settled = settled;
	workloads->userdata = userdata;
	*ret = workloads;
}

void workloads_free(struct workloads *workloads)
{
	if (!workloads)
		return;
	(void)sd_event_source_disable_unref(workloads->timer);
	job_free(workloads->job);
	free(workloads);
}

bool workloads_are_needed(const struct workloads *workloads)
{
	return workloads->is_needed;
}

/* What is asked of what was applied. */
struct question {
	struct database *database;
	bool is_needed;
};

/* A service that is not as it was applied is one that an apply has not come to. */
static int note(void *userdata, const struct object_key *key, const char *document,
		int64_t revision, struct lxcri_error *err)
{
	struct question *question = userdata;
	const struct service_row service = { .network = (char *)key->name_space,
					     .space = (char *)key->name_space,
					     .name = (char *)key->name };
	int due = strcmp(key->kind, "Service") == 0
			  ? services_are_due(question->database, &service, revision, err)
			  : 0;

	question->is_needed |= due > 0 || strcmp(key->kind, "Deployment") == 0 ||
			       strcmp(key->kind, "StatefulSet") == 0;
	return due < 0 ? -1 : 0;
}

/* What cannot be read is taken to be as before. */
static void look(struct workloads *workloads)
{
	static const struct object_key all;
	struct lxcri_engine *engine = workloads->part->engine;
	struct lxcri_error err = {};
	struct question question = {};

	if (!database_exists(engine->data)) {
		workloads->is_needed = false;
		return;
	}
	question.database = engine_database(engine, &err);
	if (!question.database ||
	    objects_each(question.database, &all, note, &question, &err) < 0) {
		log_error("read what was applied: %s", err.text);
		return;
	}
	workloads->is_needed = question.is_needed;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata);

static void set_timer(struct workloads *workloads, uint64_t us)
{
	int r;

	if (!workloads->timer)
		r = sd_event_add_time_relative(workloads->part->event, &workloads->timer,
					       CLOCK_MONOTONIC, us, 1, on_time, workloads);
	else if ((r = sd_event_source_set_time_relative(workloads->timer, us)) >= 0)
		r = sd_event_source_set_enabled(workloads->timer, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("set a timer: %s", strerror(-r));
}

static void on_ended(void *userdata, const struct job_end *end)
{
	struct workloads *workloads = userdata;

	job_free(steal(workloads->job));
	if (end->exit_code == 0) {
		workloads->back_off_us = 0;
	} else {
		workloads->back_off_us =
			workloads->back_off_us ? 2 * workloads->back_off_us : BACK_OFF_US;
		if (workloads->back_off_us > BACK_OFF_MAX_US)
			workloads->back_off_us = BACK_OFF_MAX_US;
		log_warning("not all that was applied is there; once more in %ju s",
			    (uintmax_t)(workloads->back_off_us / 1000000));
	}
	if (workloads->back_off_us || workloads->is_asked)
		set_timer(workloads, workloads->back_off_us ? workloads->back_off_us : SETTLE_US);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct workloads *workloads = userdata;
	const struct strings *command = workloads->part->command;
	autofree char *program = helper_path("lxcri-serve");
	autorun(strings_finish) struct strings words = {};
	struct job_options options = { .timeout_us = TIMEOUT_US,
				       .ended = on_ended,
				       .userdata = workloads };
	int r;

	look(workloads);
	workloads->settled(workloads->userdata);
	if (!workloads->is_needed || workloads->job)
		return 0;
	strings_add(&words, program);
	for (size_t i = 1; i < command->count; i++)
		strings_add(&words, command->items[i]);
	strings_add(&words, "converge");
	options.program = program;
	options.words = (const char *const *)words.items;
	workloads->is_asked = false;
	r = job_start(workloads->part, &options, &workloads->job);
	if (r < 0)
		log_error("make true what was applied: %s", strerror(-r));
	return 0;
}

void workloads_refresh(struct workloads *workloads)
{
	look(workloads);
	workloads->is_asked = true;
	/* While it fails there is a pause, whatever happens. */
	if (workloads->is_needed && !workloads->job && workloads->back_off_us == 0)
		set_timer(workloads, SETTLE_US);
}
