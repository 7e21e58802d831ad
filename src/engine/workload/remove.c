/* SPDX-License-Identifier: MIT */
/* Removing what was applied. */

#include "engine/workload/remove.h"

#include "base/mem.h"
#include "engine/pod/crew.h"
#include "engine/workload/claims.h"
#include "engine/workload/rolling.h"

static int forget(struct lxcri_engine *engine, const struct object *object, struct lxcri_error *err)
{
	const struct object_key key = shelf_key(object);
	struct database *database = engine_database(engine, err);

	if (!database || database_begin(database, err) < 0)
		return -1;
	if (objects_delete(database, &key, err) == 0 && database_commit(database, err) == 0)
		return 0;
	database_roll_back(database);
	return -1;
}

static bool goes_with_set(const struct object *object)
{
	struct lxcri_error ignored = {};
	struct rolling rolling;

	return object->set && object->kind == OBJECT_STATEFUL_SET &&
	       rolling_read(object->set, object->kind, &rolling, &ignored) == 0 &&
	       rolling.drops_when_deleted;
}

/* Returns whether there was one. */
static int remove_quietly(struct lxcri_engine *engine, const struct object *object,
			  const struct lxcri_manifest_options *options, struct lxcri_error *err)
{
	const struct object_key key = shelf_key(object);
	struct object kept = { .kind = object->kind };
	int found = shelf_find(engine, object->kind, key.name_space, key.name, &kept, err);
	int r = found < 0 ? -1 : 0;

	if (found > 0 && !options->dry_run) {
		r = converge_remove(engine, &kept, err);
		if (r == 0 && (options->volumes || goes_with_set(&kept)))
			r = claims_drop(engine, &kept, 0, err);
		if (r == 0)
			r = forget(engine, &kept, err);
	}
	object_finish(&kept);
	return r < 0 ? fail_while(err, "delete %s %s", key.kind, key.name) : found > 0;
}

static void tell(const struct object *object, const struct lxcri_manifest_options *options)
{
	const struct object_key key = shelf_key(object);

	if (options->tell)
		options->tell(options->userdata, key.kind, key.name_space, key.name, "deleted");
}

int remove_object(struct lxcri_engine *engine, const struct object *object,
		  const struct lxcri_manifest_options *options, struct lxcri_error *err)
{
	int found = remove_quietly(engine, object, options, err);

	if (found > 0)
		tell(object, options);
	return found;
}

/* Objects of which none needs another one. */
struct batch {
	struct lxcri_engine *engine;
	const struct lxcri_manifest_options *options;
	const struct object **objects;
	size_t count;
};

static int remove_one(void *userdata, size_t job, struct lxcri_error *err)
{
	const struct batch *batch = userdata;

	return remove_quietly(batch->engine, batch->objects[job], batch->options, err);
}

static void tell_one(void *userdata, size_t job, int found)
{
	const struct batch *batch = userdata;

	if (found > 0)
		tell(batch->objects[job], batch->options);
}

/* What has pods is removed side by side. */
static int remove_batch(const struct batch *batch, struct lxcri_error *err)
{
	const struct crew crew = { .engine = batch->engine,
				   .count = batch->count,
				   .work = remove_one,
				   .done = tell_one,
				   .userdata = (void *)batch,
				   .goes_on = true };

	return crew_run(&crew, err);
}

static void collect(const struct object_list *list, bool have_pods, struct batch *batch)
{
	batch->count = 0;
	for (int kind = OBJECT_KINDS; kind-- > 0;)
		for (size_t i = list->count; i-- > 0;)
			if (list->items[i].kind == (enum object_kind)kind &&
			    (kind >= OBJECT_POD) == have_pods)
				batch->objects[batch->count++] = &list->items[i];
}

/* Those that need others first; the failure that counts is the first. */
static void remove_list(struct lxcri_engine *engine, const struct object_list *list,
			const struct lxcri_manifest_options *options, struct lxcri_error *first)
{
	autofree const struct object **objects = xcalloc(list->count + 1, sizeof(*objects));
	struct batch batch = { .engine = engine, .options = options, .objects = objects };
	struct lxcri_error one = {};

	collect(list, true, &batch);
	if (remove_batch(&batch, &one) < 0 && first->code == LXCRI_E_NONE)
		*first = one;
	collect(list, false, &batch);
	for (size_t i = 0; i < batch.count; i++) {
		one = (struct lxcri_error){};
		if (remove_object(engine, objects[i], options, &one) < 0 &&
		    first->code == LXCRI_E_NONE)
			*first = one;
	}
}

static int remove_all(struct lxcri_engine *engine, const struct lxcri_manifest *manifests,
		      size_t n_manifests, const struct lxcri_manifest_options *options,
		      struct lxcri_error *err)
{
	struct lxcri_error first = {};

	for (size_t i = n_manifests; i-- > 0;) {
		autorun(object_list_finish) struct object_list list = {};
		const struct field_reader reader = { .source = manifests[i].source,
						     .is_strict = !options->warn_unknown,
						     .warn = NULL,
						     .err = err };

		if (object_list_parse(manifests[i].bytes, manifests[i].size, &reader, &list) < 0)
			return -1;
		remove_list(engine, &list, options, &first);
	}
	if (first.code == LXCRI_E_NONE)
		return 0;
	*err = first;
	return -1;
}

int lxcri_manifest_delete(struct lxcri_engine *engine, const struct lxcri_manifest *manifests,
			  size_t n_manifests, const struct lxcri_manifest_options *options,
			  struct lxcri_error *err)
{
	autoclose int lock = shelf_lock(engine, err);

	if (lock < 0 || engine_defer(engine, err) < 0)
		return -1;
	return engine_settle(engine, remove_all(engine, manifests, n_manifests, options, err), err);
}

int lxcri_manifest_delete_one(struct lxcri_engine *engine, const char *kind, const char *name_space,
			      const char *name, const struct lxcri_manifest_options *options,
			      struct lxcri_error *err)
{
	struct object_meta meta = { .name = (char *)name, .name_space = (char *)name_space };
	struct object object = { .meta = &meta };
	autoclose int lock = -1;
	int r;

	if (object_kind_parse(kind, &object.kind, err) < 0)
		return -1;
	lock = shelf_lock(engine, err);
	if (lock < 0 || engine_defer(engine, err) < 0)
		return -1;
	r = engine_settle(engine, remove_object(engine, &object, options, err), err);
	return r == 0 ? shelf_no_such(object_kind_name(object.kind), name, err) : r < 0 ? -1 : 0;
}
