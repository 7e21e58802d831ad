/* SPDX-License-Identifier: MIT */
/* Volumes that were claimed. */

#include "engine/workload/claims.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/ct/ct_volume.h"
#include "engine/pod/ct_manifest.h"
#include "engine/volumes/volume.h"
#include "lxcri/files.h"

#include <string.h>

/* A walk over what was applied. */
struct walk {
	struct strings volumes; /* all that there are */
	struct strings *names;
};

/* Returns what the names of the volumes of a set's claim begin with, owned by the caller. */
static char *prefix_of(const struct object *object, const char *claim)
{
	autofree char *name = xformat("%s-%s-", claim, object->meta->name);

	return pod_plan_id(object->meta->name_space, name);
}

static bool is_of_set(const char *volume, const char *prefix, uint64_t *ret_ordinal)
{
	return text_starts_with(volume, prefix) &&
	       text_parse_u64(volume + strlen(prefix), 0, INT64_MAX, ret_ordinal) == 0;
}

static void list_of_pods(const struct walk *walk, const struct object *object)
{
	const struct pod_spec *spec = object->set ? object->set->pods->spec : object->pod;
	const struct pod_volume *volumes = spec ? spec->volumes.items : NULL;

	for (size_t i = 0; volumes && i < spec->volumes.count; i++)
		if (volumes[i].claim)
			strings_add_consume(walk->names, pod_plan_id(object->meta->name_space,
								     volumes[i].claim->claim_name));
}

static void list_of_set(const struct walk *walk, const struct object *object)
{
	const struct object_claim_template *claims = object->set ? object->set->claims.items : NULL;

	for (size_t i = 0; claims && i < object->set->claims.count; i++) {
		autofree char *prefix = prefix_of(object, claims[i].meta->name);
		uint64_t ignored;

		for (size_t k = 0; k < walk->volumes.count; k++)
			if (is_of_set(walk->volumes.items[k], prefix, &ignored))
				strings_add(walk->names, walk->volumes.items[k]);
	}
}

static int list_of(void *userdata, const struct object_key *key, const char *document,
		   int64_t revision, struct lxcri_error *err)
{
	const struct walk *walk = userdata;
	autorun(object_finish) struct object object = {};

	if (shelf_parse(document, &object, err) < 0)
		return fail_while(err, "%s %s, whose volumes must stay", key->kind, key->name);
	if (object.kind == OBJECT_CLAIM)
		strings_add_consume(walk->names, pod_plan_id(key->name_space, key->name));
	list_of_pods(walk, &object);
	list_of_set(walk, &object);
	return 0;
}

int claims_list(struct lxcri_engine *engine, struct strings *names, struct lxcri_error *err)
{
	struct walk walk = { .names = names };
	const struct object_key all = {};
	struct database *database = engine_database(engine, err);
	int r = -1;

	if (database && volume_list(engine->data, &walk.volumes, err) == 0)
		r = objects_each(database, &all, list_of, &walk, err);
	strings_finish(&walk.volumes);
	return r < 0 ? -1 : 0;
}

/* Removes the volume @id. None is fine. */
static int drop(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	if (lxcri_volume_remove(engine, id, err) == 0)
		return 0;
	if (lxcri_code_class(err->code) != LXCRI_CLASS_NOT_FOUND)
		return -1;
	*err = (struct lxcri_error){};
	return 0;
}

/* The same of a claim by itself, of which nothing tells whether its volume is in a cluster. */
static int drop_anywhere(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	if (drop(engine, id, err) < 0)
		return -1;
	if (json_count(config_json(engine->config, CONFIG_PROXMOX_HOSTS)) == 0)
		return 0;
	return ct_volume_remove(engine, id, err) < 0 ? -1 : 0;
}

/* Of pods in Proxmox VE the volumes are there, and have no list: those of a set are asked for until
 * there is none. */
static int drop_in_cluster(struct lxcri_engine *engine, const struct object *object,
			   const char *prefix, int64_t first, struct lxcri_error *err)
{
	int found = 1;

	for (int64_t i = first; found > 0 || i < object->set->replicas; i++) {
		autofree char *name = xformat("%s%jd", prefix, (intmax_t)i);

		found = ct_volume_remove(engine, name, err);
		if (found < 0)
			return -1;
	}
	return 0;
}

/* A set that was larger once has left volumes beyond the pods that it has. */
static int drop_of(struct lxcri_engine *engine, const struct object *object, const char *claim,
		   int64_t first, struct lxcri_error *err)
{
	autofree char *prefix = prefix_of(object, claim);
	autorun(strings_finish) struct strings names = {};

	if (volume_list(engine->data, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		uint64_t ordinal;

		if (is_of_set(names.items[i], prefix, &ordinal) && (int64_t)ordinal >= first &&
		    drop(engine, names.items[i], err) < 0)
			return -1;
	}
	return ct_manifest_is(engine, object) ? drop_in_cluster(engine, object, prefix, first, err)
					      : 0;
}

int claims_drop(struct lxcri_engine *engine, const struct object *object, int64_t first,
		struct lxcri_error *err)
{
	const struct object_claim_template *claims = object->set ? object->set->claims.items : NULL;
	autofree char *id = pod_plan_id(object->meta->name_space, object->meta->name);

	if (object->kind == OBJECT_CLAIM)
		return drop_anywhere(engine, id, err);
	for (size_t i = 0; claims && i < object->set->claims.count; i++)
		if (drop_of(engine, object, claims[i].meta->name, first, err) < 0)
			return -1;
	return 0;
}
