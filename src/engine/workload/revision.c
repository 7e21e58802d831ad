/* SPDX-License-Identifier: MIT */
/* What was applied before. */

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "engine/workload/converge.h"
#include "lxcri/workload/manifest.h"

#include <string.h>

/* A Deployment or StatefulSet with its revisions. */
struct past {
	struct lxcri_engine *engine;
	struct object now;
	int64_t current;
	struct json_object *array; /* what is told of them; or NULL */
	int64_t wanted;            /* 0: the one before */
	int64_t found;
	char *document; /* of that */
};

static void past_finish(struct past *past)
{
	object_finish(&past->now);
	free(past->document);
}

static int note_current(void *userdata, const struct object_key *key, const char *document,
			int64_t revision, struct lxcri_error *err)
{
	struct past *past = userdata;

	past->current = revision;
	return shelf_parse(document, &past->now, err);
}

static void add_images(const struct object *object, struct json_object *array)
{
	const struct pod_spec *spec = object->set ? object->set->pods->spec : NULL;
	const struct pod_container *items = spec ? spec->containers.items : NULL;

	for (size_t i = 0; items && i < spec->containers.count; i++)
		json_object_array_add(array, json_object_new_string(items[i].image));
}

static int tell(struct past *past, const char *document, int64_t revision, struct lxcri_error *err)
{
	autorun(object_finish) struct object object = {};
	struct json_object *row = json_object_new_object();
	struct json_object *images = json_object_new_array();

	json_object_array_add(past->array, row);
	json_object_object_add(row, "revision", json_object_new_int64(revision));
	json_object_object_add(row, "current", json_object_new_boolean(revision == past->current));
	json_object_object_add(row, "images", images);
	if (shelf_parse(document, &object, err) < 0)
		return -1;
	add_images(&object, images);
	return 0;
}

static int visit(void *userdata, const struct object_key *key, const char *document,
		 int64_t revision, struct lxcri_error *err)
{
	struct past *past = userdata;

	if (past->array)
		return tell(past, document, revision, err);
	if (past->wanted ? revision == past->wanted : revision < past->current) {
		free(past->document);
		past->document = xstrdup(document);
		past->found = revision;
	}
	return 0;
}

/* Reads the object and its revisions. */
static int read_past(struct past *past, const char *kind, const char *name_space, const char *name,
		     struct lxcri_error *err)
{
	enum object_kind number;
	struct object_key key = { .name_space = name_space, .name = name };
	struct database *database;

	if (object_kind_parse(kind, &number, err) < 0)
		return -1;
	key.kind = object_kind_name(number);
	if (number != OBJECT_DEPLOYMENT && number != OBJECT_STATEFUL_SET)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "a %s has no revisions", key.kind);
	if (!database_exists(past->engine->data))
		return shelf_no_such(key.kind, name, err);
	database = engine_database(past->engine, err);
	if (!database || objects_each(database, &key, note_current, past, err) < 0)
		return -1;
	if (!past->now.meta)
		return shelf_no_such(key.kind, name, err);
	return objects_each_revision(database, &key, visit, past, err) < 0 ? -1 : 0;
}

int lxcri_manifest_history_json(struct lxcri_engine *engine, const char *kind,
				const char *name_space, const char *name, char **ret_json,
				struct lxcri_error *err)
{
	autojson array = json_object_new_array();
	autorun(past_finish) struct past past = { .engine = engine, .array = array };

	if (read_past(&past, kind, name_space, name, err) < 0)
		return -1;
	*ret_json = json_format(array);
	return 0;
}

static int put(struct lxcri_engine *engine, const struct object *object, int64_t revision,
	       int64_t without, struct lxcri_error *err)
{
	const struct object_key key = shelf_key(object);
	autofree char *document = json_format_line(object->document);
	struct database *database = engine_database(engine, err);

	if (!database || database_begin(database, err) < 0)
		return -1;
	if ((without == 0 || objects_delete_revision(database, &key, without, err) == 0) &&
	    objects_put(database, &key, document, revision, err) == 0 &&
	    database_commit(database, err) == 0)
		return 0;
	database_roll_back(database);
	return -1;
}

static int go_back(struct past *past, struct lxcri_error *err)
{
	autorun(object_finish) struct object before = {};
	struct lxcri_error second = {};

	if (shelf_parse(past->document, &before, err) < 0 ||
	    put(past->engine, &before, past->current + 1, 0, err) < 0)
		return -1;
	if (converge(past->engine, &before, err) == 0)
		return 0;
	/* What somebody else has changed meanwhile is theirs. */
	if (shelf_has(past->engine, &before, &second) == 0)
		return -1;
	if (put(past->engine, &past->now, past->current, past->current + 1, &second) < 0 ||
	    converge(past->engine, &past->now, &second) < 0)
		log_error("undo: %s", second.text);
	return -1;
}

/* Returns the member @key of @object, made where it is missing. */
static struct json_object *need(struct json_object *object, const char *key)
{
	struct json_object *member = json_get(object, key);

	if (!member) {
		member = json_object_new_object();
		json_object_object_add(object, key, member);
	}
	return member;
}

/* As kubectl does: what the pods are made from is another text from then on. */
static char *with_restart_mark(const struct object *now)
{
	autojson copy = NULL;
	char text[MOMENT_BYTES];
	struct json_object *template;

	if (json_object_deep_copy(now->document, &copy, NULL) < 0)
		return NULL;
	template = need(need(copy, "spec"), "template");
	(void)moment_format(moment_now(), text);
	json_set_text(need(need(template, "metadata"), "annotations"),
		      "kubectl.kubernetes.io/restartedAt", text);
	return json_format_line(copy);
}

int lxcri_manifest_restart(struct lxcri_engine *engine, const char *kind, const char *name_space,
			   const char *name, struct lxcri_error *err)
{
	autorun(past_finish) struct past past = { .engine = engine };
	autoclose int lock = shelf_lock(engine, err);

	if (lock < 0 || read_past(&past, kind, name_space, name, err) < 0)
		return -1;
	if (past.now.set->paused)
		return fail(err, LXCRI_E_INVALID_STATE, "%s is paused; resume it first", name);
	free(past.document);
	past.document = with_restart_mark(&past.now);
	if (!past.document)
		return fail(err, LXCRI_E_STORAGE_ERROR, "copy what was applied as %s", name);
	return go_back(&past, err) < 0 ? fail_while(err, "restart %s", name) : 0;
}

static int set_paused(struct past *past, bool paused, struct lxcri_error *err)
{
	if (past->now.kind != OBJECT_DEPLOYMENT)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "only a Deployment can be paused");
	if (past->now.set->paused == paused)
		return 0;
	past->now.set->paused = paused;
	json_object_object_add(json_get(past->now.document, "spec"), "paused",
			       json_object_new_boolean(paused));
	/* What its pods are made from stays as it is, and so does the revision. */
	if (put(past->engine, &past->now, past->current, 0, err) < 0)
		return -1;
	return converge(past->engine, &past->now, err);
}

int lxcri_manifest_pause(struct lxcri_engine *engine, const char *kind, const char *name_space,
			 const char *name, bool paused, struct lxcri_error *err)
{
	autorun(past_finish) struct past past = { .engine = engine };
	autoclose int lock = shelf_lock(engine, err);

	if (lock < 0 || read_past(&past, kind, name_space, name, err) < 0)
		return -1;
	return set_paused(&past, paused, err) < 0
		       ? fail_while(err, "%s %s", paused ? "pause" : "resume", name)
		       : 0;
}

int lxcri_manifest_undo(struct lxcri_engine *engine, const char *kind, const char *name_space,
			const char *name, int64_t revision, struct lxcri_error *err)
{
	autorun(past_finish) struct past past = { .engine = engine, .wanted = revision };
	autoclose int lock = shelf_lock(engine, err);

	if (lock < 0 || read_past(&past, kind, name_space, name, err) < 0)
		return -1;
	if (!past.document && revision == 0)
		return fail(err, LXCRI_E_OBJECT_NOT_FOUND, "%s has no revision before %jd", name,
			    (intmax_t)past.current);
	if (!past.document)
		return fail(err, LXCRI_E_OBJECT_NOT_FOUND, "%s has no revision %jd", name,
			    (intmax_t)revision);
	return go_back(&past, err) < 0
		       ? fail_while(err, "return %s to revision %jd", name, (intmax_t)past.found)
		       : 0;
}
