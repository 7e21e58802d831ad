/* SPDX-License-Identifier: MIT */
/* Volumes that were claimed. */

#include "engine/workload/claims.h"

#include "base/mem.h"
#include "base/text.h"
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
	return 0;
}

int claims_drop(struct lxcri_engine *engine, const struct object *object, int64_t first,
		struct lxcri_error *err)
{
	const struct object_claim_template *claims = object->set ? object->set->claims.items : NULL;
	autofree char *id = pod_plan_id(object->meta->name_space, object->meta->name);

	if (object->kind == OBJECT_CLAIM)
		return drop(engine, id, err);
	for (size_t i = 0; claims && i < object->set->claims.count; i++)
		if (drop_of(engine, object, claims[i].meta->name, first, err) < 0)
			return -1;
	return 0;
}
