/* SPDX-License-Identifier: MIT */
/* The pods of a Deployment and of a StatefulSet.
 *
 * Those of a Deployment are alike, and called by what they are made from: see deployment.c. Those
 * of a StatefulSet are called by their ordinals, and keep what belongs to the name: they are made
 * in order, each when the one before it is ready, replaced and removed from the last on. */

#include "engine/workload/replicas.h"

#include "base/mem.h"
#include "base/moment.h"
#include "engine/pod/pod.h"

#include <string.h>
#include <time.h>

/* How many digits of the sum are part of a name. */
#define SUM_IN_NAME 8

#define LOOK_NS      100000000
#define NS_IN_SECOND 1000000000ll

static void replicas_finish(struct replicas *replicas)
{
	free(replicas->sum);
	free(replicas->prefix);
	strings_finish(&replicas->claims);
	strings_finish(&replicas->wanted);
	strings_finish(&replicas->found);
}

static char *name_of(const struct replicas *replicas, int64_t i)
{
	const char *name = replicas->object->meta->name;

	return replicas->object->kind == OBJECT_STATEFUL_SET
		       ? xformat("%s-%jd", name, (intmax_t)i)
		       : xformat("%s-%.*s-%jd", name, SUM_IN_NAME, replicas->sum, (intmax_t)i);
}

static char *prefix_of(const struct replicas *replicas)
{
	const struct object_meta *meta = replicas->object->meta;
	autofree char *name = xformat("%s-%.*s-", meta->name, SUM_IN_NAME, replicas->sum);

	return pod_plan_id(meta->name_space, name);
}

/* Waits until the pod is ready, and has been so for as long as is asked for. */
static int await_ready(const struct replicas *replicas, const char *id, struct lxcri_error *err)
{
	static const struct timespec pause = { .tv_nsec = LOOK_NS };
	const struct rolling *rolling = &replicas->rolling;
	const int64_t deadline = moment_now() + rolling->deadline_seconds * NS_IN_SECOND;
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	int64_t ready_ns = 0;

	if (lxcri_pod_open(replicas->engine, id, &pod, err) < 0)
		return -1;
	for (;;) {
		struct lxcri_pod_state state;
		const int64_t now = moment_now();

		if (lxcri_pod_state(pod, &state, err) < 0)
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
		(void)nanosleep(&pause, NULL);
	}
}

int replicas_make(struct replicas *replicas, int64_t i, struct lxcri_error *err)
{
	const struct object_template *pods = replicas->object->set->pods;
	autofree char *name = name_of(replicas, i);
	const struct wanted_pod wanted = { .name = name,
					   .object = replicas->object,
					   .meta = pods->meta,
					   .spec = pods->spec,
					   .sum = replicas->sum,
					   .claims = &replicas->claims };

	return converge_pod(replicas->engine, &wanted, err);
}

/* Makes one of a set, and waits for it. */
static int make(struct replicas *replicas, int64_t i, struct lxcri_error *err)
{
	int r = replicas_make(replicas, i, err);

	if (r > 0)
		r = await_ready(replicas, replicas->wanted.items[i], err);
	return r < 0 ? fail_while(err, "StatefulSet %s", replicas->object->meta->name) : 0;
}

/* The ordinal of a pod of a set; -1 for what is none of its. */
static int64_t ordinal_of(const struct replicas *replicas, const char *id)
{
	for (int64_t i = 0; i <= 1000; i++) {
		autofree char *name = name_of(replicas, i);
		autofree char *full = pod_plan_id(replicas->object->meta->name_space, name);

		if (strcmp(full, id) == 0)
			return i;
	}
	return -1;
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

/* Those that are there may be made from something else: the last first. */
static int converge_set(struct replicas *replicas, struct lxcri_error *err)
{
	int64_t count = replicas->object->set->replicas;

	if (drop_all(replicas, err) < 0)
		return -1;
	for (int64_t i = count; i-- > 0;)
		if (is_there(replicas, i) && make(replicas, i, err) < 0)
			return -1;
	for (int64_t i = 0; i < count; i++)
		if (!is_there(replicas, i) && make(replicas, i, err) < 0)
			return -1;
	return 0;
}

int replicas_converge(struct lxcri_engine *engine, const struct object *object,
		      struct lxcri_error *err)
{
	autorun(replicas_finish) struct replicas replicas = { .engine = engine, .object = object };
	const struct object_claim_template *claims = object->set->claims.items;
	autofree char *owner = shelf_owner(object);

	if (rolling_read(object->set, object->kind, &replicas.rolling, err) < 0)
		return -1;
	replicas.sum = converge_sum(object);
	replicas.prefix = prefix_of(&replicas);
	for (size_t i = 0; i < object->set->claims.count; i++)
		strings_add(&replicas.claims, claims[i].meta->name);
	for (int64_t i = 0; i < object->set->replicas; i++) {
		autofree char *name = name_of(&replicas, i);

		strings_add_consume(&replicas.wanted, pod_plan_id(object->meta->name_space, name));
	}
	if (converge_list(engine, owner, &replicas.found, err) < 0)
		return -1;
	return object->kind == OBJECT_STATEFUL_SET ? converge_set(&replicas, err)
						   : deployment_converge(&replicas, err);
}
