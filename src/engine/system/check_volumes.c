/* SPDX-License-Identifier: MIT */
/* Volumes: those that a container owns go with it; half of one is not left. */

#include "engine/system/check.h"

#include "base/mem.h"
#include "engine/rename.h"
#include "engine/volumes/volume.h"
#include "os/path.h"

#include <string.h>

/* A container that is being renamed has its volumes under the name that its directory no longer
 * has. The locks last until @names and @usage are closed. */
static int lock(const struct check *check, int *names, int *usage, struct lxcri_error *err)
{
	if (!check->options.repair || access(check->engine->data, F_OK) < 0)
		return 0;
	*usage = usage_lock(check->engine, USAGE_ALONE, err);
	return *usage < 0 ? -1 : rename_exclude(check->engine, names, err);
}

static int note_id(void *userdata, const char *id, const char *json)
{
	strings_add(userdata, id);
	return 0;
}

/* Appends the ids of all records that are left. */
static int read_ids(const struct check *check, struct strings *ids, struct lxcri_error *err)
{
	autoptr(database) own = NULL;
	struct database *database = check_open_records(check, &own, err);

	return database ? database_each_container(database, note_id, ids, err) : -1;
}

/* The directories of containers may lie on a disk that is not mounted: whoever has a record has its
 * volumes. */
static int check_owners(struct check *check, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings owners = {};
	autorun(strings_finish) struct strings ids = {};
	autofree char *path = xformat("%s/volumes/.owned", check->engine->data);

	check_list(check, path, &owners);
	if (owners.count > 0 && read_ids(check, &ids, err) < 0)
		return -1;
	for (size_t i = 0; i < owners.count; i++) {
		const char *id = owners.items[i];
		autofree char *dir = engine_data_dir(check->engine, id);
		struct trouble trouble = { "volume.owner",
					   id,
					   LXCRI_HEALTH_WARNING,
					   "the deletion of the container was interrupted",
					   "proxmox-lxcri system check --repair",
					   false };

		if (path_exists(dir) != 0 || strings_has(&ids, id))
			continue;
		if (check->options.repair) {
			if (volume_remove_owned(check->engine->data, id, err) < 0)
				return -1;
			trouble.repaired = true;
		}
		check_report(check, &trouble, "anonymous volumes of a container that is gone");
	}
	return 0;
}

static int check_leftovers(struct check *check, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};

	if (volume_list_leftovers(check->engine->data, &names, err) < 0 ||
	    (check->options.repair && volume_remove_leftovers(check->engine->data, err) < 0))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		const struct trouble trouble = { "volume.half_removed",
						 names.items[i],
						 LXCRI_HEALTH_WARNING,
						 "it takes room for nothing",
						 "proxmox-lxcri system check --repair",
						 check->options.repair };

		check_report(check, &trouble, "the removal of a volume was interrupted");
	}
	return 0;
}

int check_volumes(struct check *check, struct lxcri_error *err)
{
	autoclose int names = -1;
	autoclose int usage = -1;

	if (lock(check, &names, &usage, err) < 0 || check_owners(check, err) < 0)
		return -1;
	return check_leftovers(check, err);
}
