/* SPDX-License-Identifier: MIT */
/* Taking an id. */

#include "engine/reserve.h"

#include "base/mem.h"
#include "engine/rename.h"
#include "os/path.h"

#include <string.h>

static int already_there(const char *id, bool is_pod, struct lxcri_error *err)
{
	return is_pod ? fail(err, LXCRI_E_POD_EXISTS, "a pod is called %s already", id)
		      : fail(err, LXCRI_E_CONTAINER_EXISTS, "a container is called %s already", id);
}

static int note_ready(void *userdata, const char *id, const char *json)
{
	autorun(record_finish) struct record record = {};
	struct lxcri_error ignored = {};

	*(bool *)userdata |= record_parse(json, strlen(json), &record, &ignored) == 0 &&
			     record.phase == RECORD_READY;
	return 0;
}

/* A directory is made before its record and removed after it. So where there are records and none
 * has its directory, the disk with all of them is not mounted: a container that was made now would
 * have all others taken for removed by hand. */
static int check_mounted(struct lxcri_engine *engine, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/containers", engine->data);
	struct database *database;
	bool is_missed = false;

	if (!database_exists(engine->data) || path_has_shown(path))
		return 0;
	database = engine_database(engine, err);
	if (!database || database_each_container(database, note_ready, &is_missed, err) < 0)
		return -1;
	return is_missed ? fail(err, LXCRI_E_STORAGE_ERROR,
				"%s is empty, though there are records of containers: mount what "
				"belongs there; see proxmox-lxcri system check",
				path)
			 : 0;
}

/* Refuses an id that a container has. What a killed command left of one is removed. */
static int check_free(struct lxcri_container *container, struct lxcri_error *err)
{
	struct lxcri_container *other = NULL;

	if (rename_recover(container->engine, err) < 0 ||
	    home_open(container->engine, container->record.id, &container->home, err) < 0)
		return -1;
	if (container->home.run_fd < 0 && !home_is_persistent(&container->home))
		return 0;

	int r = lxcri_container_open(container->engine, container->record.id, &other, err);

	lxcri_container_free(other);
	if (r == 0)
		return already_there(container->record.id, false, err);
	if (err->code != LXCRI_E_CONTAINER_NOT_FOUND)
		return -1;
	*err = (struct lxcri_error){};
	return 0;
}

int reserve_id(struct lxcri_container *container, struct lxcri_error *err)
{
	for (;;) {
		struct record record;

		if (check_mounted(container->engine, err) < 0 || check_free(container, err) < 0 ||
		    home_lock(&container->home, HOME_WAIT, err) < 0)
			return -1;

		int found = home_load_record(container->engine, &container->home, &record, err);
		bool ready = found > 0 && record.phase == RECORD_READY;
		bool is_pod = ready && record.pod;

		record_finish(&record);
		if (found == 0 && !home_is_persistent(&container->home))
			return 0;
		home_finish(&container->home); /* somebody else's: nothing to tear down */
		if (found < 0)
			return -1;
		if (ready)
			return already_there(container->record.id, is_pod, err);
		/* Another command took it first and was killed: once more. */
	}
}
