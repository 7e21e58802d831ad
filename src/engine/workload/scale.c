/* SPDX-License-Identifier: MIT */
/* Changing what was applied, and making it true once more. */

#include "engine/workload/converge.h"
#include "engine/workload/service.h"
#include "lxcri/workload/manifest.h"

static int keep(struct lxcri_engine *engine, const struct object *object, int64_t revision,
		struct lxcri_error *err)
{
	const struct object_key key = shelf_key(object);
	autofree char *document = json_format_line(object->document);
	struct database *database = engine_database(engine, err);

	if (!database || database_begin(database, err) < 0)
		return -1;
	if (objects_put(database, &key, document, revision, err) == 0 &&
	    database_commit(database, err) == 0)
		return 0;
	database_roll_back(database);
	return -1;
}

static int note_revision(void *userdata, const struct object_key *key, const char *document,
			 int64_t revision, struct lxcri_error *err)
{
	*(int64_t *)userdata = revision;
	return 0;
}

static int scale(struct lxcri_engine *engine, struct object *object, unsigned int replicas,
		 struct lxcri_error *err)
{
	const struct object_key key = shelf_key(object);
	struct json_object *spec = json_get(object->document, "spec");
	int64_t revision = 1;

	if (!object->set)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "a %s has no replicas", key.kind);
	if (replicas > 1000)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%u replicas: expected 0 to 1000",
			    replicas);
	if (objects_each(engine_database(engine, err), &key, note_revision, &revision, err) < 0)
		return -1;
	object->set->replicas = replicas;
	json_object_object_add(spec, "replicas", json_object_new_int64(replicas));
	/* What its pods are made from stays as it is, and so does the revision. */
	if (keep(engine, object, revision, err) < 0)
		return -1;
	return converge(engine, object, err);
}

int lxcri_manifest_scale(struct lxcri_engine *engine, const char *kind, const char *name_space,
			 const char *name, unsigned int replicas, struct lxcri_error *err)
{
	autorun(object_finish) struct object object = {};
	enum object_kind number;
	autoclose int lock = -1;
	int r;

	if (object_kind_parse(kind, &number, err) < 0)
		return -1;
	lock = shelf_lock(engine, err);
	r = lock < 0 ? -1 : shelf_find(engine, number, name_space, name, &object, err);
	if (r <= 0)
		return r < 0 ? -1 : shelf_no_such(object_kind_name(number), name, err);
	r = engine_defer(engine, err);
	if (r == 0)
		r = engine_settle(engine, scale(engine, &object, replicas, err), err);
	return r < 0 ? fail_while(err, "scale %s", name) : 0;
}

/* What of all was applied, by turns the kind, the namespace and the name. */
static int note_key(void *userdata, const struct object_key *key, const char *document,
		    int64_t revision, struct lxcri_error *err)
{
	struct strings *keys = userdata;

	strings_add(keys, key->kind);
	strings_add(keys, key->name_space);
	strings_add(keys, key->name);
	return 0;
}

/* What an apply that was killed has not come to of services is made; the others stay as they are. A
 * pod that nothing makes copies of is its user's to remove. */
static bool is_to_be_made(struct lxcri_engine *engine, const struct object *object)
{
	struct lxcri_error ignored = {};

	return object->set || (object->service && service_is_due(engine, object, &ignored) > 0);
}

/* While another one was waited for it may have changed, or gone. */
static int converge_one(struct lxcri_engine *engine, char *const key[static 3],
			struct lxcri_error *err)
{
	autorun(object_finish) struct object object = {};
	struct lxcri_error ignored = {};
	enum object_kind kind;
	int found;

	if (object_kind_parse(key[0], &kind, err) < 0)
		return -1;
	found = shelf_find(engine, kind, key[1], key[2], &object, err);
	if (found <= 0 || !is_to_be_made(engine, &object) || converge(engine, &object, err) == 0)
		return found < 0 ? -1 : 0;
	return shelf_has(engine, &object, &ignored) == 0 ? 0 : -1;
}

int lxcri_manifest_converge(struct lxcri_engine *engine, struct lxcri_error *err)
{
	static const struct object_key all;
	autorun(strings_finish) struct strings keys = {};
	autoclose int lock = shelf_lock(engine, err);
	struct lxcri_error first = {};

	if (lock < 0)
		return -1;
	if (!database_exists(engine->data))
		return 0;
	if (!engine_database(engine, err) ||
	    objects_each(engine->database, &all, note_key, &keys, err) < 0)
		return -1;
	for (size_t i = 0; i + 2 < keys.count; i += 3) {
		struct lxcri_error one = {};

		if (converge_one(engine, &keys.items[i], &one) < 0 && first.code == LXCRI_E_NONE)
			first = one;
	}
	if (first.code == LXCRI_E_NONE)
		return 0;
	*err = first;
	return -1;
}
