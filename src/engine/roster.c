/* SPDX-License-Identifier: MIT */
/* All containers: the names in the run-time and in the data directory, each opened in turn with the
 * record that was read with all others. Fresh memory is what a long list costs most: records are
 * kept as they were read, and parsed one at a time. */

#include "engine/roster.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/strings.h"
#include "engine/limits/container_limits.h"
#include "engine/rename.h"
#include "os/path.h"

#include <fcntl.h>
#include <string.h>

static struct roster_entry make_entry(const struct roster *roster, const char *id, const char *json)
{
	struct roster_entry entry = { .id = xstrdup(id) };
	struct json_slice *pod = &entry.brief.pod;
	size_t size = strlen(json);

	if (roster->run_dirfd >= 0 && !record_glance(json, size, &entry.brief))
		entry.brief = (struct record_brief){};
	if (entry.brief.is_simple)
		return entry;
	entry.json = xmemdup(json, size + 1);
	if (pod->length > 0)
		pod->text = entry.json + (pod->text - json);
	return entry;
}

static int add(void *userdata, const char *id, const char *json)
{
	struct roster *roster = userdata;

	if ((roster->count & (roster->count - 1)) == 0) /* full at each power of two */
		roster->entries =
			xreallocarray(roster->entries, roster->count ? 2 * roster->count : 1,
				      sizeof(*roster->entries));
	roster->entries[roster->count++] = make_entry(roster, id, json);
	return 0;
}

int roster_read_from(struct database *database, struct roster *ret, struct lxcri_error *err)
{
	*ret = ROSTER_NULL;
	return database_each_container(database, add, ret, err);
}

/* Reads the database that the engine has, if it has one, into the empty @roster. */
static int fill(struct lxcri_engine *engine, struct roster *roster, struct lxcri_error *err)
{
	struct database *database;

	if (!database_exists(engine->data) && !database_is_lost(engine->data))
		return 0;
	database = engine_database(engine, err);
	return database ? database_each_container(database, add, roster, err) : -1;
}

int roster_read_pods(struct lxcri_engine *engine, struct roster *ret, struct lxcri_error *err)
{
	autofree char *run_dirs = engine_run_dir(engine, "");

	*ret = ROSTER_NULL;
	/* Who opens a container finishes an update that was killed. */
	if (container_limits_all_settled(engine))
		ret->run_dirfd = open(run_dirs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fill(engine, ret, err);
}

void roster_finish(struct roster *roster)
{
	for (size_t i = 0; i < roster->count; i++) {
		free(roster->entries[i].id);
		free(roster->entries[i].json);
	}
	free(roster->entries);
	closep(&roster->run_dirfd);
	*roster = ROSTER_NULL;
}

static int compare_id(const void *id, const void *entry)
{
	return strcmp(id, ((const struct roster_entry *)entry)->id);
}

bool roster_take(struct roster_entry *entry, struct record *ret)
{
	autofree char *json = steal(entry->json);
	struct lxcri_error told_later;

	return json && record_parse(json, strlen(json), ret, &told_later) == 0;
}

static struct roster_entry *find(const struct roster *roster, const char *id)
{
	return roster && roster->count > 0 ? bsearch(id, roster->entries, roster->count,
						     sizeof(*roster->entries), compare_id)
					   : NULL;
}

int roster_open(struct roster *roster, struct lxcri_engine *engine, const char *id,
		struct lxcri_container **ret_container, struct lxcri_error *err)
{
	autorun(record_finish) struct record record = {};
	struct roster_entry *entry = find(roster, id);

	/* What is half made is for the one who opens it to see to. */
	return entry && roster_take(entry, &record) && record.phase == RECORD_READY
		       ? container_open_known(engine, id, &record, ret_container, err)
		       : lxcri_container_open(engine, id, ret_container, err);
}

bool roster_glance(const struct roster *roster, const char *id, struct lxcri_state *ret_state)
{
	const struct roster_entry *entry = find(roster, id);
	struct monitor_state state;

	if (!entry || !entry->brief.is_simple || !monitor_glance(roster->run_dirfd, id, &state))
		return false;
	*ret_state = (struct lxcri_state){ .type = entry->brief.type,
					   .status = container_status(&state),
					   .started_ns = state.started_ns,
					   .restarts = entry->brief.restarts };
	return ret_state->status != LXCRI_STATUS_CREATING &&
	       ret_state->status != LXCRI_STATUS_STOPPED;
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
	autorun(roster_finish) struct roster roster = ROSTER_NULL;
	const struct listing listing = { each, userdata };

	if (rename_recover(engine, err) < 0)
		return -1;
	/* Without the records all containers of images would be missing: no list is better. */
	if (collect(data_dirs, &names, err) < 0 ||
	    (names.count > 0 && fill(engine, &roster, err) < 0) ||
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
