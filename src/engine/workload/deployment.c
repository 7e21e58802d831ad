/* SPDX-License-Identifier: MIT */
/* The pods of a Deployment.
 *
 * Those that are made from what is wanted are called by its sum, so they are told from the former
 * by their names. They are looked at, a step is taken, and they are looked at again, until all that
 * are wanted are available and no former one is left. A command that is killed anywhere leaves what
 * the next one goes on with. While it waits others may change workloads, and go on with this one.
 */

#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/pod/crew.h"
#include "engine/pod/pod.h"
#include "engine/workload/replicas.h"

#include <string.h>

/* One pod as of the last look. */
struct seen {
	char *id;
	bool is_fresh;
	bool is_gone;
	bool is_available;
	int64_t ready_ns; /* since when it has been ready; 0: it is not */
};

struct rollout {
	struct replicas *replicas;
	struct seen *items;
	size_t count;
	int64_t progress_ns; /* the last time that anything came forward */
	int64_t available;   /* fresh ones, then */
	bool has_made;       /* something, in this call */
};

static void rollout_finish(struct rollout *rollout)
{
	for (size_t i = 0; i < rollout->count; i++)
		free(rollout->items[i].id);
	free(rollout->items);
}

static void add(struct rollout *rollout, const char *id)
{
	for (size_t i = 0; i < rollout->count; i++)
		if (strcmp(rollout->items[i].id, id) == 0) {
			rollout->items[i].is_gone = false;
			return;
		}
	rollout->items = xreallocarray(rollout->items, rollout->count + 1, sizeof(*rollout->items));
	rollout->items[rollout->count++] =
		(struct seen){ .id = xstrdup(id),
			       .is_fresh = strings_has(&rollout->replicas->wanted, id) };
}

/* What was ready before is taken to have been so for long, unless it is one of ours. */
static int look_at(struct rollout *rollout, struct seen *seen, struct lxcri_error *err)
{
	const int64_t min_ns = rollout->replicas->rolling.min_ready_seconds * NS_IN_SECOND;
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_error gone = {};
	struct lxcri_pod_state state;
	const int64_t now = moment_now();

	if (lxcri_pod_open(rollout->replicas->engine, seen->id, &pod, &gone) < 0 ||
	    lxcri_pod_state(pod, &state, &gone) < 0) {
		if (gone.code != LXCRI_E_POD_NOT_FOUND) {
			*err = gone;
			return -1;
		}
		seen->is_gone = true;
		return 0;
	}
	if (!pod_is_ready(&state))
		seen->ready_ns = 0;
	else if (seen->ready_ns == 0)
		seen->ready_ns = now;
	/* Nobody makes one meanwhile. */
	if (seen->is_fresh && seen->ready_ns == 0 && pod_start_left(pod, err) < 0)
		return -1;
	seen->is_available =
		seen->ready_ns > 0 && (!seen->is_fresh || now - seen->ready_ns >= min_ns);
	return 0;
}

static int look(struct rollout *rollout, struct rolling_pods *ret, struct lxcri_error *err)
{
	*ret = (struct rolling_pods){ .wanted = rollout->replicas->object->set->replicas };
	for (size_t i = 0; i < rollout->count; i++) {
		struct seen *seen = &rollout->items[i];

		if (seen->is_gone)
			continue;
		if (look_at(rollout, seen, err) < 0)
			return -1;
		if (seen->is_gone)
			continue;
		*(seen->is_fresh ? &ret->fresh : &ret->former) += 1;
		*(seen->is_fresh ? &ret->fresh_available : &ret->former_available) +=
			seen->is_available;
	}
	return 0;
}

static bool is_there(const struct rollout *rollout, const char *id)
{
	for (size_t i = 0; i < rollout->count; i++)
		if (!rollout->items[i].is_gone && strcmp(rollout->items[i].id, id) == 0)
			return true;
	return false;
}

/* What is done to some pods side by side. */
struct share {
	struct rollout *rollout;
	size_t *items; /* numbers of wanted ones, or of those that were seen */
	size_t count;
};

static int make_one(void *userdata, size_t job, struct lxcri_error *err)
{
	const struct share *share = userdata;

	return replicas_make(share->rollout->replicas, (int64_t)share->items[job], err);
}

static void note_made(void *userdata, size_t job, int result)
{
	const struct share *share = userdata;
	struct rollout *rollout = share->rollout;

	(void)result;
	add(rollout, rollout->replicas->wanted.items[share->items[job]]);
	rollout->has_made = true;
	rollout->progress_ns = moment_now();
}

/* Makes up to @count of those that are missing. */
static int make(struct rollout *rollout, int64_t count, struct lxcri_error *err)
{
	const struct strings *wanted = &rollout->replicas->wanted;
	autofree size_t *items = xcalloc(wanted->count + 1, sizeof(*items));
	struct share share = { .rollout = rollout, .items = items };

	for (size_t i = 0; (int64_t)share.count < count && i < wanted->count; i++)
		if (!is_there(rollout, wanted->items[i]))
			items[share.count++] = i;

	const struct crew crew = { .engine = rollout->replicas->engine,
				   .count = share.count,
				   .work = make_one,
				   .done = note_made,
				   .userdata = &share };

	return crew_run(&crew, err);
}

static int drop_one(void *userdata, size_t job, struct lxcri_error *err)
{
	const struct share *share = userdata;
	const struct rollout *rollout = share->rollout;

	return converge_drop(rollout->replicas->engine, rollout->items[share->items[job]].id, err);
}

static void note_dropped(void *userdata, size_t job, int result)
{
	const struct share *share = userdata;

	(void)result;
	share->rollout->items[share->items[job]].is_gone = true;
	share->rollout->progress_ns = moment_now();
}

static int drop(struct share *share, struct lxcri_error *err)
{
	const struct crew crew = { .engine = share->rollout->replicas->engine,
				   .count = share->count,
				   .work = drop_one,
				   .done = note_dropped,
				   .userdata = share };

	return crew_run(&crew, err);
}

/* Removes up to @count of the former that are, or are not, available. */
static int remove_former(struct rollout *rollout, int64_t count, bool is_available,
			 struct lxcri_error *err)
{
	autofree size_t *items = xcalloc(rollout->count + 1, sizeof(*items));
	struct share share = { .rollout = rollout, .items = items };

	for (size_t i = rollout->count; (int64_t)share.count < count && i-- > 0;) {
		const struct seen *seen = &rollout->items[i];

		if (!seen->is_gone && !seen->is_fresh && seen->is_available == is_available)
			items[share.count++] = i;
	}
	return drop(&share, err);
}

static int take_step(struct rollout *rollout, const struct rolling_step *step,
		     struct lxcri_error *err)
{
	if (remove_former(rollout, step->remove_unavailable, false, err) < 0 ||
	    remove_former(rollout, step->remove_available, true, err) < 0)
		return -1;
	return make(rollout, step->make, err);
}

static int check_deadline(struct rollout *rollout, const struct rolling_pods *pods,
			  struct lxcri_error *err)
{
	const struct rolling *rolling = &rollout->replicas->rolling;
	const int64_t now = moment_now();

	if (pods->fresh_available != rollout->available) {
		rollout->available = pods->fresh_available;
		rollout->progress_ns = now;
	}
	if (now - rollout->progress_ns < rolling->deadline_seconds * NS_IN_SECOND)
		return 0;
	return fail(err, LXCRI_E_TIMEOUT,
		    "no progress within %jd s (progressDeadlineSeconds): %jd of %jd new pods are "
		    "available",
		    (intmax_t)rolling->deadline_seconds, (intmax_t)pods->fresh_available,
		    (intmax_t)pods->wanted);
}

/* Those that are there already are not waited for: who looks again and again must not hang on what
 * has fallen ill since. */
static bool is_done(const struct rollout *rollout, const struct rolling_pods *pods)
{
	return pods->former == 0 && pods->fresh == pods->wanted &&
	       (!rollout->has_made || pods->fresh_available == pods->wanted);
}

static int run(struct rollout *rollout, struct lxcri_error *err)
{
	for (;;) {
		struct rolling_pods pods;
		struct rolling_step step;

		if (look(rollout, &pods, err) < 0)
			return -1;
		if (is_done(rollout, &pods))
			return 0;
		step = rolling_next(&rollout->replicas->rolling, &pods);
		if (step.make == 0 && step.remove_available == 0 && step.remove_unavailable == 0) {
			if (check_deadline(rollout, &pods, err) < 0)
				return -1;
			if (shelf_pause(rollout->replicas->engine, rollout->replicas->object, err) <
			    0)
				return -1;
		} else if (take_step(rollout, &step, err) < 0) {
			return -1;
		}
	}
}

static bool is_like_wanted(const struct rollout *rollout, const char *id)
{
	return text_starts_with(id, rollout->replicas->prefix);
}

/* While it is paused, its pods stay those that there are, unless they are as wanted. */
static bool is_held(const struct rollout *rollout)
{
	bool is_mixed = rollout->count == 0;

	for (size_t i = 0; i < rollout->count; i++)
		is_mixed |= !is_like_wanted(rollout, rollout->items[i].id);
	return rollout->replicas->object->set->paused && is_mixed;
}

/* Fewer are wanted than before. */
static int remove_surplus(struct rollout *rollout, struct lxcri_error *err)
{
	autofree size_t *items = xcalloc(rollout->count + 1, sizeof(*items));
	struct share share = { .rollout = rollout, .items = items };

	for (size_t i = rollout->count; i-- > 0;) {
		const struct seen *seen = &rollout->items[i];

		if (!seen->is_fresh && is_like_wanted(rollout, seen->id))
			items[share.count++] = i;
	}
	return drop(&share, err);
}

int deployment_converge(struct replicas *replicas, struct lxcri_error *err)
{
	autorun(rollout_finish) struct rollout rollout = { .replicas = replicas,
							   .progress_ns = moment_now() };

	for (size_t i = 0; i < replicas->found.count; i++)
		add(&rollout, replicas->found.items[i]);
	if (is_held(&rollout))
		return 0;
	return remove_surplus(&rollout, err) < 0 || run(&rollout, err) < 0
		       ? fail_while(err, "Deployment %s", replicas->object->meta->name)
		       : 0;
}
