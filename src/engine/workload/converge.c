/* SPDX-License-Identifier: MIT */
/* Making pods that are as what was applied says. */

#include "engine/workload/converge.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "engine/pod/crew.h"
#include "engine/pod/ct_pod.h"
#include "engine/pod/identity.h"
#include "engine/pod/labels.h"
#include "engine/workload/rolling.h"
#include "engine/workload/service.h"

#include <string.h>

/* Digits of a sum that are kept. */
#define SUM_LENGTH 16

char *converge_sum(const struct object *object)
{
	struct json_object *spec = json_get(object->document, "spec");
	struct json_object *from = object->set ? json_get(spec, "template") : spec;
	autofree char *text = json_format_line(from);
	char digest[SHA256_HEX_SIZE];

	sha256_hex(text, strlen(text), digest);
	return xstrndup(digest, SUM_LENGTH);
}

struct listing {
	const char *owner;
	struct strings *ids;
	struct strings doubtful; /* in Proxmox VE: may be there no more */
};

static int note(void *userdata, const struct lxcri_pod_state *state)
{
	struct listing *listing = userdata;

	if (state->owner && strcmp(state->owner, listing->owner) == 0)
		strings_add(state->type == LXCRI_PROXMOX_LXC && state->status == LXCRI_POD_STOPPED
				    ? &listing->doubtful
				    : listing->ids,
			    state->id);
	return 0;
}

/* What somebody has destroyed in the cluster is removed here as well, and to be made anew. */
static int settle_doubts(struct lxcri_engine *engine, const struct listing *listing,
			 struct lxcri_error *err)
{
	for (size_t i = 0; i < listing->doubtful.count; i++) {
		const char *id = listing->doubtful.items[i];
		autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
		int lost =
			lxcri_pod_open(engine, id, &pod, err) < 0 ? -1 : ct_pod_is_lost(pod, err);

		if (lost < 0 || (lost > 0 && converge_drop(engine, id, err) < 0))
			return -1;
		if (lost == 0)
			strings_add(listing->ids, id);
	}
	return 0;
}

int converge_list(struct lxcri_engine *engine, const char *owner, struct strings *ret,
		  struct lxcri_error *err)
{
	struct listing listing = { .owner = owner, .ids = ret };
	int r = lxcri_pod_list(engine, note, &listing, err);

	if (r == 0)
		r = settle_doubts(engine, &listing, err);
	strings_finish(&listing.doubtful);
	return r;
}

int converge_drop(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_error gone = {};

	if (lxcri_pod_open(engine, id, &pod, &gone) == 0 && lxcri_pod_delete(pod, true, &gone) == 0)
		return 0;
	if (gone.code == LXCRI_E_POD_NOT_FOUND)
		return 0;
	*err = gone;
	return -1;
}

/* Some of its pods may have gone when it was made smaller. */
static int forget_set(struct lxcri_engine *engine, const struct object *object,
		      struct lxcri_error *err)
{
	autofree char *id = pod_plan_id(object->meta->name_space, object->meta->name);
	autofree char *prefix = xformat("%s-", id);

	return identity_forget_set(engine, prefix, err);
}

/* Appends the ids of the pods of @object. The one of a pod is known: all others need not be looked
 * at. */
static int find_own(struct lxcri_engine *engine, const struct object *object, struct strings *ret,
		    struct lxcri_error *err)
{
	autofree char *owner = shelf_owner(object);
	autofree char *id = pod_plan_id(object->meta->name_space, object->meta->name);
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_error gone = {};

	if (object->kind != OBJECT_POD)
		return converge_list(engine, owner, ret, err);
	if (lxcri_pod_open(engine, id, &pod, &gone) < 0) {
		*err = gone;
		if (gone.code != LXCRI_E_POD_NOT_FOUND)
			return -1;
		*err = (struct lxcri_error){};
		return 0;
	}
	if (pod->note.owner && strcmp(pod->note.owner, owner) == 0)
		strings_add(ret, id);
	return 0;
}

/* The pods of somebody who goes. */
struct dropping {
	struct lxcri_engine *engine;
	struct strings ids;
};

static int drop_for_good(void *userdata, size_t job, struct lxcri_error *err)
{
	const struct dropping *dropping = userdata;
	const char *id = dropping->ids.items[job];

	return converge_drop(dropping->engine, id, err) < 0 ||
			       lxcri_pod_forget_identity(dropping->engine, id, err) < 0
		       ? -1
		       : 0;
}

/* Those of a set, of which one may stand on another: from the last on. */
static int drop_in_order(struct dropping *dropping, struct lxcri_error *err)
{
	struct lxcri_error first = {};

	for (size_t i = dropping->ids.count; i-- > 0;) {
		struct lxcri_error one = {};

		if (drop_for_good(dropping, i, &one) < 0 && first.code == LXCRI_E_NONE)
			first = one;
	}
	if (first.code == LXCRI_E_NONE)
		return 0;
	*err = first;
	return -1;
}

static int drop_all(struct dropping *dropping, enum object_kind kind, struct lxcri_error *err)
{
	const struct crew crew = { .engine = dropping->engine,
				   .count = dropping->ids.count,
				   .work = drop_for_good,
				   .userdata = dropping,
				   .goes_on = true };

	return kind == OBJECT_STATEFUL_SET ? drop_in_order(dropping, err) : crew_run(&crew, err);
}

int converge_remove(struct lxcri_engine *engine, const struct object *object,
		    struct lxcri_error *err)
{
	struct dropping dropping = { .engine = engine };
	int r;

	if (object->service)
		return service_remove(engine, object, err);
	r = find_own(engine, object, &dropping.ids, err);
	if (r == 0)
		r = drop_all(&dropping, object->kind, err);
	strings_finish(&dropping.ids);
	if (r == 0 && object->kind == OBJECT_STATEFUL_SET)
		r = forget_set(engine, object, err);
	return r < 0 ? -1 : 0;
}

/* The services that select a pod by its labels. */
struct naming {
	const struct object_meta *meta;
	struct strings *services;
};

static int name_by(void *userdata, const struct object_key *key, const char *document,
		   int64_t revision, struct lxcri_error *err)
{
	struct naming *naming = userdata;
	autorun(object_finish) struct object object = { .kind = OBJECT_SERVICE };

	if (shelf_parse(document, &object, err) < 0)
		return -1;
	if (object.service && naming->meta &&
	    service_selects(object.service, &naming->meta->labels))
		strings_addf(naming->services, "%s.%s", object.meta->name, object.meta->name_space);
	return 0;
}

static int find_services(struct lxcri_engine *engine, const struct wanted_pod *wanted,
			 struct strings *ret, struct lxcri_error *err)
{
	const struct object_key key = { object_kind_name(OBJECT_SERVICE),
					wanted->object->meta->name_space, NULL };
	struct naming naming = { wanted->meta, ret };
	struct database *database;

	if (!database_exists(engine->data))
		return 0;
	database = engine_database(engine, err);
	return !database || objects_each(database, &key, name_by, &naming, err) < 0 ? -1 : 0;
}

static int find_kept(void *userdata, enum object_kind kind, const char *name_space,
		     const char *name, struct object *ret, struct lxcri_error *err)
{
	return shelf_find(userdata, kind, name_space, name, ret, err);
}

/* What is borrowed to make a plan. */
struct planning {
	const struct strings *services; /* that select it; NULL where it is not to be made */
	pod_plan_find_fn find;
	void *userdata;
};

static int plan(const struct wanted_pod *wanted, const struct planning *planning,
		struct pod_plan *ret, struct lxcri_error *err)
{
	autofree char *owner = shelf_owner(wanted->object);
	const struct pod_plan_source source = {
		.name = wanted->name,
		.name_space = wanted->object->meta->name_space,
		.meta = wanted->meta,
		.spec = wanted->spec,
		.owner = owner,
		.document = wanted->sum,
		.claims = wanted->claims,
		.services = planning->services,
		.network = wanted->object->meta->name_space,
		.keep_identity = wanted->object->kind == OBJECT_STATEFUL_SET,
		.find = planning->find,
		.userdata = planning->userdata,
	};

	return pod_plan_make(&source, ret, err);
}

/* Tells whether the pod is made from what is wanted, and by whom. A pod of somebody else is in the
 * way. */
static int compare(const struct lxcri_pod *pod, const struct wanted_pod *wanted,
		   struct lxcri_error *err)
{
	autofree char *owner = shelf_owner(wanted->object);
	const char *sum = json_get_text(pod->note.annotations, POD_MANIFEST_SUM);

	if (!pod->note.owner || strcmp(pod->note.owner, owner) != 0)
		return fail(err, LXCRI_E_POD_EXISTS, "a pod is called %s already, of %s",
			    pod->shell->home.id, pod->note.owner ? pod->note.owner : "somebody");
	return sum && strcmp(sum, wanted->sum) == 0;
}

/* Labels make no other pod of it, but other services may select it. */
static int relabel(struct lxcri_pod *pod, const struct wanted_pod *wanted,
		   const struct pod_plan *made, struct lxcri_error *err)
{
	int r = labels_change(pod, made->options.labels, made->options.annotations, err);

	return r > 0 ? service_follow(pod, wanted->object->meta->name_space, err) : r;
}

/* Returns 1 when @wanted is to be made, 0 when it is there. */
static int look(struct lxcri_engine *engine, const struct wanted_pod *wanted,
		const struct pod_plan *made, struct lxcri_error *err)
{
	const char *id = made->options.id;
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_error gone = {};
	int r;

	if (lxcri_pod_open(engine, id, &pod, &gone) < 0) {
		*err = gone;
		return gone.code == LXCRI_E_POD_NOT_FOUND ? 1 : -1;
	}
	r = compare(pod, wanted, err);
	if (r > 0 && ct_pod_is(pod->shell)) {
		int lost = ct_pod_is_lost(pod, err);

		r = lost < 0 ? -1 : lost == 0;
	}
	if (r > 0)
		return relabel(pod, wanted, made, err) < 0 || pod_start_left(pod, err) < 0 ? -1 : 0;
	return r < 0 || lxcri_pod_delete(pod, true, err) < 0 ? -1 : 1;
}

int converge_pod(struct lxcri_engine *engine, const struct wanted_pod *wanted,
		 struct lxcri_error *err)
{
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	autorun(strings_finish) struct strings services = {};
	autorun(pod_plan_finish) struct pod_plan made = {};
	const struct planning planning = { &services, find_kept, engine };
	int r;

	/* Before what is there is removed. */
	if (find_services(engine, wanted, &services, err) < 0 ||
	    plan(wanted, &planning, &made, err) < 0)
		return -1;
	r = look(engine, wanted, &made, err);
	if (r <= 0)
		return r;
	*err = (struct lxcri_error){};
	if (lxcri_pod_create(engine, &made.options, &pod, err) < 0)
		return -1;
	if (lxcri_pod_start(pod, err) == 0)
		return 1;

	struct lxcri_error second = {};

	(void)lxcri_pod_delete(pod, true, &second); /* the failure is the one that counts */
	return -1;
}

static struct wanted_pod wanted_of(const struct object *object, const char *sum)
{
	const struct object_template *pods = object->set ? object->set->pods : NULL;

	return (struct wanted_pod){ .name = object->meta->name,
				    .object = object,
				    .meta = pods ? pods->meta : object->meta,
				    .spec = pods ? pods->spec : object->pod,
				    .sum = sum };
}

int converge_check(struct lxcri_engine *engine, const struct object *object, pod_plan_find_fn find,
		   void *userdata, struct lxcri_error *err)
{
	autorun(pod_plan_finish) struct pod_plan made = {};
	const struct planning planning = { .find = find, .userdata = userdata };
	const struct wanted_pod wanted = wanted_of(object, "");
	struct rolling rolling;

	if (object->service)
		return service_check(engine, object, err);
	if (object->set && rolling_read(object->set, object->kind, &rolling, err) < 0)
		return fail_while(err, "%s %s", object_kind_name(object->kind), object->meta->name);
	return wanted.spec ? plan(&wanted, &planning, &made, err) : 0;
}

int converge(struct lxcri_engine *engine, const struct object *object, struct lxcri_error *err)
{
	autofree char *sum = NULL;
	struct wanted_pod wanted;

	if (object->set)
		return replicas_converge(engine, object, err);
	if (object->service)
		return service_converge(engine, object, err);
	if (!object->pod)
		return 0;
	sum = converge_sum(object);
	wanted = wanted_of(object, sum);
	return converge_pod(engine, &wanted, err) < 0 ? -1 : 0;
}
