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
	autofree char *name = xformat("%s-%s-", claim, object->meta->name);
	autofree char *prefix = pod_plan_id(object->meta->name_space, name);
	autorun(strings_finish) struct strings names = {};

	if (volume_list(engine->data, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		uint64_t ordinal;

		if (text_starts_with(names.items[i], prefix) &&
		    text_parse_u64(names.items[i] + strlen(prefix), 0, INT64_MAX, &ordinal) == 0 &&
		    (int64_t)ordinal >= first && drop(engine, names.items[i], err) < 0)
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
