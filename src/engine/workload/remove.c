/* SPDX-License-Identifier: MIT */
/* Removing what was applied. */

#include "engine/workload/remove.h"

#include "base/mem.h"
#include "config/config.h"
#include "engine/ct/ct_volume.h"
#include "engine/workload/ct_manifest.h"
#include "lxcri/files.h"

#include <string.h>

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

/* Where a volume may be: here, or in the cluster as well. */
enum where { WHERE_HERE, WHERE_CLUSTER };

/* Removes the volume @name of the namespace. Returns 1, or 0 when there was none. */
static int drop_volume(struct lxcri_engine *engine, const char *name_space, const char *name,
		       enum where where, struct lxcri_error *err)
{
	autofree char *id = pod_plan_id(name_space, name);

	if (lxcri_volume_remove(engine, id, err) == 0)
		return 1;
	if (lxcri_code_class(err->code) != LXCRI_CLASS_NOT_FOUND)
		return -1;
	*err = (struct lxcri_error){};
	return where == WHERE_CLUSTER ? ct_volume_remove(engine, id, err) : 0;
}

/* Whose a claim by itself is nothing tells. */
static enum where where_of(const struct lxcri_engine *engine, const struct object *object)
{
	const bool has_cluster = json_count(config_json(engine->config, CONFIG_PROXMOX_HOSTS)) > 0;

	return ct_manifest_is(engine, object) || (object->kind == OBJECT_CLAIM && has_cluster)
		       ? WHERE_CLUSTER
		       : WHERE_HERE;
}

/* A set that was larger once has left volumes beyond the pods that it has. */
static int drop_claims_of(struct lxcri_engine *engine, const struct object *object,
			  const char *claim, struct lxcri_error *err)
{
	int found = 1;

	for (int64_t ordinal = 0; found > 0 || ordinal < object->set->replicas; ordinal++) {
		autofree char *name =
			xformat("%s-%s-%jd", claim, object->meta->name, (intmax_t)ordinal);

		found = drop_volume(engine, object->meta->name_space, name,
				    where_of(engine, object), err);
		if (found < 0)
			return -1;
	}
	return 0;
}

static int drop_claims(struct lxcri_engine *engine, const struct object *object,
		       struct lxcri_error *err)
{
	const struct object_claim_template *claims = object->set ? object->set->claims.items : NULL;
	const char *name_space = object->meta->name_space;

	if (object->kind == OBJECT_CLAIM)
		return drop_volume(engine, name_space, object->meta->name, where_of(engine, object),
				   err) < 0
			       ? -1
			       : 0;
	for (size_t i = 0; claims && i < object->set->claims.count; i++)
		if (drop_claims_of(engine, object, claims[i].meta->name, err) < 0)
			return -1;
	return 0;
}

int remove_object(struct lxcri_engine *engine, const struct object *object,
		  const struct lxcri_manifest_options *options, struct lxcri_error *err)
{
	const struct object_key key = shelf_key(object);
	struct object kept = { .kind = object->kind };
	int found = shelf_find(engine, object->kind, key.name_space, key.name, &kept, err);
	int r = found < 0 ? -1 : 0;

	if (found > 0 && !options->dry_run) {
		r = converge_remove(engine, &kept, err);
		if (r == 0 && options->volumes)
			r = drop_claims(engine, &kept, err);
		if (r == 0)
			r = forget(engine, &kept, err);
	}
	object_finish(&kept);
	if (r == 0 && found > 0 && options->tell)
		options->tell(options->userdata, key.kind, key.name_space, key.name, "deleted");
	return r < 0 ? fail_while(err, "delete %s %s", key.kind, key.name) : found > 0;
}

/* Those that need others first; the failure that counts is the first. */
static void remove_list(struct lxcri_engine *engine, const struct object_list *list,
			const struct lxcri_manifest_options *options, struct lxcri_error *first)
{
	for (int kind = OBJECT_KINDS; kind-- > 0;)
		for (size_t i = list->count; i-- > 0;) {
			struct lxcri_error one = {};

			if (list->items[i].kind == (enum object_kind)kind &&
			    remove_object(engine, &list->items[i], options, &one) < 0 &&
			    first->code == LXCRI_E_NONE)
				*first = one;
		}
}

int lxcri_manifest_delete(struct lxcri_engine *engine, const struct lxcri_manifest *manifests,
			  size_t n_manifests, const struct lxcri_manifest_options *options,
			  struct lxcri_error *err)
{
	autoclose int lock = shelf_lock(engine, err);
	struct lxcri_error first = {};

	if (lock < 0)
		return -1;
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
	if (lock < 0)
		return -1;
	r = remove_object(engine, &object, options, err);
	return r == 0 ? shelf_no_such(object_kind_name(object.kind), name, err) : r < 0 ? -1 : 0;
}
