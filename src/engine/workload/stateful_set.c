/* SPDX-License-Identifier: MIT */
/* The pods of a StatefulSet.
 *
 * They are called by their ordinals, and keep what belongs to the name: they are made in order,
 * each when the one before it is ready, replaced and removed from the last on.
 *
 * Those below a partition stay as they are, and one of them that is missing is made from what the
 * last revision that was there without a partition says: so nothing is to be remembered of it. */

#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/pod/crew.h"
#include "engine/pod/pod.h"
#include "engine/workload/claims.h"
#include "engine/workload/replicas.h"

#include <string.h>

/* A set with what those below its partition are made from. */
struct set {
	struct replicas *replicas;
	struct object former; /* has no meta where that is what is wanted */
	char *former_sum;
	bool *settled; /* of those that are wanted: known to have been ready for long enough */
};

static void set_finish(struct set *set)
{
	object_finish(&set->former);
	free(set->former_sum);
	free(set->settled);
}

/* Takes what became true of all pods: without a partition, or as the first of all. */
static int note_revision(void *userdata, const struct object_key *key, const char *document,
			 int64_t revision, struct lxcri_error *err)
{
	struct set *set = userdata;
	struct object object = {};
	struct rolling rolling;

	if (shelf_parse(document, &object, err) < 0)
		return -1;
	if (set->former.meta &&
	    (rolling_read(object.set, object.kind, &rolling, err) < 0 || rolling.partition > 0)) {
		object_finish(&object);
		*err = (struct lxcri_error){};
		return 0;
	}
	object_finish(&set->former);
	set->former = object;
	return 0;
}

static int find_former(struct set *set, struct lxcri_error *err)
{
	const struct object_key key = shelf_key(set->replicas->object);
	struct database *database;

	if (set->replicas->rolling.partition == 0)
		return 0;
	database = engine_database(set->replicas->engine, err);
	if (!database || objects_each_revision(database, &key, note_revision, set, err) < 0)
		return -1;
	if (set->former.meta)
		set->former_sum = converge_sum(&set->former);
	return 0;
}

/* Waits until the pod is ready, and has been so for as long as is asked for. */
static int await_ready(const struct replicas *replicas, const char *id, struct lxcri_error *err)
{
	const struct rolling *rolling = &replicas->rolling;
	const int64_t deadline = moment_now() + rolling->deadline_seconds * NS_IN_SECOND;
	int64_t ready_ns = 0;

	for (;;) {
		autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
		struct lxcri_pod_state state;
		const int64_t now = moment_now();

		if (lxcri_pod_open(replicas->engine, id, &pod, err) < 0 ||
		    lxcri_pod_state(pod, &state, err) < 0)
			return -1;
		if (!pod_is_ready(&state))
			ready_ns = 0;
		else if (ready_ns == 0)
			ready_ns = now;
		if (ready_ns && now - ready_ns >= rolling->min_ready_seconds * NS_IN_SECOND)
			return 0;
		if (now > deadline)
			return fail(err, LXCRI_E_TIMEOUT,
				    "pod %s is not ready: %zu of %zu containers are", id,
				    state.n_ready, state.n_containers);
		if (shelf_pause(replicas->engine, replicas->object, err) < 0)
			return -1;
	}
}

static int settle(struct set *set, size_t i, struct lxcri_error *err)
{
	if (await_ready(set->replicas, set->replicas->wanted.items[i], err) < 0)
		return -1;
	set->settled[i] = true;
	return 0;
}

/* One that was there before is waited for when it is not ready, or may be too young. One that is
 * not there is not. */
static int settle_present(struct set *set, size_t i, struct lxcri_error *err)
{
	const struct rolling *rolling = &set->replicas->rolling;
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_error gone = {};
	struct lxcri_pod_state state;

	if (set->settled[i])
		return 0;
	if (lxcri_pod_open(set->replicas->engine, set->replicas->wanted.items[i], &pod, &gone) <
		    0 ||
	    lxcri_pod_state(pod, &state, &gone) < 0) {
		*err = gone;
		return gone.code == LXCRI_E_POD_NOT_FOUND ? 0 : -1;
	}
	if (!pod_is_ready(&state) ||
	    moment_now() - state.created_ns < rolling->min_ready_seconds * NS_IN_SECOND)
		return settle(set, i, err);
	set->settled[i] = true;
	return 0;
}

/* Whoever else is at work on the set, each comes when those are ready that come before it. */
static int settle_range(struct set *set, size_t from, size_t to, struct lxcri_error *err)
{
	for (size_t i = from; i < to; i++)
		if (settle_present(set, i, err) < 0)
			return -1;
	return 0;
}

/* Makes one, from what is wanted or with @former from what was. Returns 1 when it is to be waited
 * for. */
static int make(struct set *set, int64_t i, bool former, struct lxcri_error *err)
{
	return former ? replicas_make_from(set->replicas, i, &set->former, set->former_sum, err)
		      : replicas_make(set->replicas, i, err);
}

static bool is_below(const struct set *set, int64_t i)
{
	return i < set->replicas->rolling.partition && set->former_sum;
}

/* The ordinal of a pod of a set; -1 for what is none of its. */
static int64_t ordinal_of(const struct replicas *replicas, const char *id)
{
	const struct object_meta *meta = replicas->object->meta;
	autofree char *name = xformat("%s-", meta->name);
	autofree char *prefix = pod_plan_id(meta->name_space, name);
	uint64_t ordinal;

	return text_starts_with(id, prefix) &&
			       text_parse_u64(id + strlen(prefix), 0, INT64_MAX, &ordinal) == 0
		       ? (int64_t)ordinal
		       : -1;
}

/* Drops one that is not wanted: of a set the one with the highest ordinal. Returns 1, or 0 when
 * there is none. */
static int drop_one(struct replicas *replicas, struct lxcri_error *err)
{
	char **last = NULL;
	int64_t highest = -2;

	for (size_t i = 0; i < replicas->found.count; i++) {
		char **id = &replicas->found.items[i];
		int64_t ordinal;

		if (!**id || strings_has(&replicas->wanted, *id))
			continue;
		ordinal = ordinal_of(replicas, *id);
		if (ordinal > highest) {
			highest = ordinal;
			last = id;
		}
	}
	if (!last)
		return 0;
	if (converge_drop(replicas->engine, *last, err) < 0)
		return -1;
	**last = '\0'; /* it is gone */
	return 1;
}

static int drop_all(struct replicas *replicas, struct lxcri_error *err)
{
	int r;

	do {
		r = drop_one(replicas, err);
	} while (r > 0);
	return r;
}

static bool is_there(const struct replicas *replicas, int64_t i)
{
	return strings_has(&replicas->found, replicas->wanted.items[i]);
}

/* Replaces the pod @i that is there, if it is not as wanted, and not to stay as it is. */
static int replace(struct set *set, int64_t i, struct lxcri_error *err)
{
	struct replicas *replicas = set->replicas;
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_error gone = {};
	const char *sum;

	if (lxcri_pod_open(replicas->engine, replicas->wanted.items[i], &pod, &gone) < 0) {
		*err = gone;
		return gone.code == LXCRI_E_POD_NOT_FOUND ? 0 : -1;
	}
	/* What a killed command has made of it is to be started, and labels are to be right. */
	sum = json_get_text(pod->note.annotations, POD_MANIFEST_SUM);
	if (sum && strcmp(sum, replicas->sum) == 0)
		return make(set, i, false, err) < 0 ? -1 : 0;
	if (!replicas->rolling.on_delete && i >= replicas->rolling.partition)
		return settle_range(set, (size_t)i + 1, replicas->wanted.count, err) < 0 ||
				       make(set, i, false, err) < 0
			       ? -1
			       : settle(set, (size_t)i, err);
	if (sum && set->former_sum && strcmp(sum, set->former_sum) == 0)
		return make(set, i, true, err) < 0 ? -1 : 0;
	return 0;
}

/* Those of a set that are made side by side. */
struct missing {
	struct set *set;
	size_t *ordinals;
	size_t count;
};

static int make_one(void *userdata, size_t job, struct lxcri_error *err)
{
	const struct missing *missing = userdata;
	const int64_t i = (int64_t)missing->ordinals[job];

	return make(missing->set, i, is_below(missing->set, i), err);
}

/* All at once, before any is waited for. */
static int make_side_by_side(struct missing *missing, struct lxcri_error *err)
{
	struct set *set = missing->set;
	const struct crew crew = { .engine = set->replicas->engine,
				   .count = missing->count,
				   .work = make_one,
				   .userdata = missing };

	if (crew_run(&crew, err) < 0)
		return -1;
	for (size_t i = 0; i < missing->count; i++)
		if (!set->settled[missing->ordinals[i]] &&
		    settle(set, missing->ordinals[i], err) < 0)
			return -1;
	return 0;
}

/* Each when those before it are ready. */
static int make_in_order(const struct missing *missing, struct lxcri_error *err)
{
	struct set *set = missing->set;

	for (size_t i = 0; i < missing->count; i++) {
		const size_t ordinal = missing->ordinals[i];

		if (settle_range(set, 0, ordinal, err) < 0 ||
		    make(set, (int64_t)ordinal, is_below(set, (int64_t)ordinal), err) < 0 ||
		    settle(set, ordinal, err) < 0)
			return -1;
	}
	return 0;
}

static int make_missing(struct set *set, struct lxcri_error *err)
{
	const struct replicas *replicas = set->replicas;
	autofree size_t *ordinals = xcalloc(replicas->wanted.count + 1, sizeof(*ordinals));
	struct missing missing = { .set = set, .ordinals = ordinals };

	for (size_t i = 0; i < replicas->wanted.count; i++)
		if (!is_there(replicas, (int64_t)i))
			ordinals[missing.count++] = i;
	return replicas->rolling.parallel ? make_side_by_side(&missing, err)
					  : make_in_order(&missing, err);
}

/* Those that are there may be made from something else: the last first. What was claimed goes when
 * all is well. */
static int converge_set(struct set *set, struct lxcri_error *err)
{
	struct replicas *replicas = set->replicas;

	if (find_former(set, err) < 0 || drop_all(replicas, err) < 0)
		return -1;
	for (int64_t i = replicas->object->set->replicas; i-- > 0;)
		if (is_there(replicas, i) && replace(set, i, err) < 0)
			return -1;
	if (make_missing(set, err) < 0)
		return -1;
	return replicas->rolling.drops_when_scaled
		       ? claims_drop(replicas->engine, replicas->object,
				     replicas->object->set->replicas, err)
		       : 0;
}

int stateful_set_converge(struct replicas *replicas, struct lxcri_error *err)
{
	autorun(set_finish) struct set set = { .replicas = replicas };

	set.settled = xcalloc(replicas->wanted.count + 1, sizeof(*set.settled));
	return converge_set(&set, err) < 0
		       ? fail_while(err, "StatefulSet %s", replicas->object->meta->name)
		       : 0;
}
