/* SPDX-License-Identifier: MIT */
/* All containers: the names in the run-time and in the data directory, each opened in turn with the
 * record that was read with all others. */

#include "engine/roster.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/strings.h"
#include "engine/rename.h"
#include "os/path.h"

#include <string.h>

static int add(void *userdata, const char *id, const char *json)
{
	struct roster *roster = userdata;
	struct record record = {};
	struct lxcri_error told_later;

	if (record_parse(json, strlen(json), &record, &told_later) < 0)
		return 0;
	if ((roster->count & (roster->count - 1)) == 0) /* full at each power of two */
		roster->entries =
			xreallocarray(roster->entries, roster->count ? 2 * roster->count : 1,
				      sizeof(*roster->entries));
	roster->entries[roster->count++] = (struct roster_entry){ xstrdup(id), record };
	return 0;
}

int roster_read(struct lxcri_engine *engine, struct roster *ret, struct lxcri_error *err)
{
	struct database *database;

	*ret = (struct roster){};
	if (!database_exists(engine->data) && !database_is_lost(engine->data))
		return 0;
	database = engine_database(engine, err);
	return database ? database_each_container(database, add, ret, err) : -1;
}

void roster_finish(struct roster *roster)
{
	for (size_t i = 0; i < roster->count; i++) {
		free(roster->entries[i].id);
		record_finish(&roster->entries[i].record);
	}
	free(roster->entries);
	*roster = (struct roster){};
}

static int compare_id(const void *id, const void *entry)
{
	return strcmp(id, ((const struct roster_entry *)entry)->id);
}

static struct record *find(const struct roster *roster, const char *id)
{
	struct roster_entry *entry = roster && roster->count > 0
					     ? bsearch(id, roster->entries, roster->count,
						       sizeof(*roster->entries), compare_id)
					     : NULL;

	/* What is half made is for the one who opens it to see to. */
	return entry && entry->record.id && entry->record.phase == RECORD_READY ? &entry->record
										: NULL;
}

int roster_open(struct roster *roster, struct lxcri_engine *engine, const char *id,
		struct lxcri_container **ret_container, struct lxcri_error *err)
{
	struct record *record = find(roster, id);

	return record ? container_open_known(engine, id, record, ret_container, err)
		      : lxcri_container_open(engine, id, ret_container, err);
}

static int collect(const char *dir, struct strings *names, struct lxcri_error *err)
{
	int r = path_list_shown(dir, names);

	return r < 0 ? fail_errno(err, r, "list %s", dir) : 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct listing {
	lxcri_container_fn each;
	void *userdata;
};

static int visit(struct lxcri_engine *engine, struct roster *roster, const char *id,
		 const struct listing *listing, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = NULL;
	struct lxcri_state state;

	if (roster_open(roster, engine, id, &container, err) < 0) {
		/* Gone meanwhile, a leftover that was removed, or no container's name at all. One
		 * that cannot be read must not hide the others. */
		if (err->code != LXCRI_E_CONTAINER_NOT_FOUND)
			log_warning("%s", err->text);
		*err = (struct lxcri_error){};
		return 0;
	}
	container_describe(container, &state);
	return listing->each(listing->userdata, &state) < 0 ? 1 : 0;
}

int lxcri_container_list(struct lxcri_engine *engine, lxcri_container_fn each, void *userdata,
			 struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	autofree char *run_dirs = xformat("%s/containers", engine->root);
	autofree char *data_dirs = xformat("%s/containers", engine->data);
	autorun(roster_finish) struct roster roster = {};
	const struct listing listing = { each, userdata };

	if (rename_recover(engine, err) < 0)
		return -1;
	/* Without the records all containers of images would be missing: no list is better. */
	if (collect(data_dirs, &names, err) < 0 ||
	    (names.count > 0 && roster_read(engine, &roster, err) < 0) ||
	    collect(run_dirs, &names, err) < 0)
		return -1;
	if (names.count > 0)
		qsort(names.items, names.count, sizeof(*names.items), compare);
	for (size_t i = 0; i < names.count; i++) {
		if (i > 0 && strcmp(names.items[i - 1], names.items[i]) == 0)
			continue;

		int r = visit(engine, &roster, names.items[i], &listing, err);

		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	return 0;
}
