/* SPDX-License-Identifier: MIT */
/* The pods of a Deployment and of a StatefulSet: what they have in common. */

#include "engine/workload/replicas.h"

#include "base/mem.h"

#include <string.h>

/* How many digits of the sum are part of a name. */
#define SUM_IN_NAME 8

static void replicas_finish(struct replicas *replicas)
{
	free(replicas->sum);
	free(replicas->prefix);
	strings_finish(&replicas->claims);
	strings_finish(&replicas->wanted);
	strings_finish(&replicas->found);
}

/* Returns what pod @i is called, owned by the caller. */
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

int replicas_make(struct replicas *replicas, int64_t i, struct lxcri_error *err)
{
	return replicas_make_from(replicas, i, replicas->object, replicas->sum, err);
}

int replicas_make_from(struct replicas *replicas, int64_t i, const struct object *revision,
		       const char *sum, struct lxcri_error *err)
{
	const struct object_template *pods = revision->set->pods;
	autofree char *name = name_of(replicas, i);
	const struct wanted_pod wanted = { .name = name,
					   .object = replicas->object,
					   .meta = pods->meta,
					   .spec = pods->spec,
					   .sum = sum,
					   .claims = &replicas->claims };

	return converge_pod(replicas->engine, &wanted, err);
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
	return object->kind == OBJECT_STATEFUL_SET ? stateful_set_converge(&replicas, err)
						   : deployment_converge(&replicas, err);
}
