/* SPDX-License-Identifier: MIT */
/* Records against what lies on the disk. */

#include "engine/system/check.h"

#include "base/mem.h"
#include "base/moment.h"
#include "engine/container.h"
#include "engine/roster.h"
#include "engine/update/next.h"
#include "image/store.h"
#include "os/path.h"
#include "runtime/monitor.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>

/* A clock that is corrected steps by less. */
#define FUTURE_NS (60 * NS_IN_SECOND)

struct walk {
	struct check *check;
	struct strings ids;    /* that have a record */
	struct strings gone;   /* records without a directory */
	struct strings unmade; /* the same, of creations that were interrupted */
};

static void walk_finish(struct walk *walk)
{
	strings_finish(&walk->ids);
	strings_finish(&walk->gone);
	strings_finish(&walk->unmade);
}

/* Tells whether a command is at work on the container. */
static bool is_locked(const struct check *check, const char *id)
{
	autorun(home_finish) struct home home = HOME_NULL;
	struct lxcri_error ignored;

	if (home_open(check->engine, id, &home, &ignored) < 0 || home.run_fd < 0)
		return false;
	return flock(home.run_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static void check_half_made(struct check *check, const char *id)
{
	struct trouble trouble = { "container.half_made",
				   id,
				   LXCRI_HEALTH_WARNING,
				   "its creation was interrupted; it was never a container",
				   "proxmox-lxcri system check --repair, or any look at it",
				   false };

	if (is_locked(check, id))
		return; /* somebody is making it */
	trouble.repaired = check_mend(check, id);
	check_report(check, &trouble, "half made");
}

bool check_is_attended(const struct check *check, const char *id)
{
	autorun(home_finish) struct home home = HOME_NULL;
	struct monitor_state state = {};
	struct lxcri_error ignored;

	if (is_locked(check, id))
		return true;
	if (home_open(check->engine, id, &home, &ignored) < 0 || home.run_fd < 0)
		return false;
	return monitor_read_state(home.run_fd, &state, &ignored) < 0 || state.alive;
}

/* One that was to be removed at its end, which it met without its monitor: the power went. */
static void check_removable(struct check *check, const char *id)
{
	struct trouble trouble = { "container.removable",
				   id,
				   LXCRI_HEALTH_WARNING,
				   "it was to be removed when it ended",
				   "proxmox-lxcri system check --repair, or any look at it",
				   false };

	if (check_is_attended(check, id))
		return;
	trouble.repaired = check_mend(check, id);
	check_report(check, &trouble, "it has ended, and is there");
}

static void check_bundle(struct check *check, const char *id, const struct record *record)
{
	const struct trouble trouble = { "container.bundle",
					 id,
					 LXCRI_HEALTH_FAULT,
					 "it cannot be started any more",
					 "put the file back, or delete the container",
					 false };
	autofree char *path = xformat("%s/config.json", record->bundle);

	if (access(path, F_OK) < 0)
		check_report(check, &trouble, "%s: %s", path, strerror(errno));
}

/* Returns the first layer that is not there, borrowed from @record, or NULL. */
static const char *missing_layer(const struct record *record)
{
	for (size_t i = 0; i < record->layers.count; i++)
		if (access(record->layers.items[i], F_OK) < 0)
			return record->layers.items[i];
	return NULL;
}

/* Unpacks the image once more, which brings back those of its layers that are missing. */
static bool unpack_again(const struct check *check, const struct record *record)
{
	autoptr(image_store) store = NULL;
	autorun(image_finish) struct image image = {};
	struct lxcri_error ignored;

	return check->options.repair && record->digest &&
	       image_store_open(check->engine->data, &store, &ignored) == 0 &&
	       image_store_get(store, record->digest, &image, &ignored) == 0 &&
	       !missing_layer(record);
}

static void check_layers(struct check *check, const char *id, const struct record *record)
{
	struct trouble trouble = {
		"container.layers",
		id,
		LXCRI_HEALTH_FAULT,
		"it cannot be started any more; what it has written is there",
		"import its image again, then proxmox-lxcri system check --repair",
		false
	};
	const char *missing = missing_layer(record);
	autofree char *path = xstrdup(missing);

	if (!missing)
		return;
	trouble.repaired = unpack_again(check, record);
	check_report(check, &trouble, "the layer %s of image %s is missing", path,
		     record->image ? record->image : "-");
}

/* Removes them under the container's lock, by a record that is read then. */
static bool remove_roots(const struct check *check, const char *id)
{
	autoptr(lxcri_container) container = NULL;
	struct lxcri_error ignored = {};
	int r;

	if (!check->options.repair ||
	    lxcri_container_open(check->engine, id, &container, &ignored) < 0 ||
	    container_lock(container, &ignored) < 0)
		return false;
	r = next_collect(container, &ignored);
	home_unlock(&container->home);
	return r == 0;
}

/* Root file systems of updates that were interrupted, or that a finished one has replaced. */
static void check_roots(struct check *check, const char *id, const struct record *record)
{
	struct trouble trouble = { "container.roots",
				   id,
				   LXCRI_HEALTH_WARNING,
				   "an update was interrupted; it takes room for nothing",
				   "proxmox-lxcri system check --repair, or the next update",
				   false };
	autorun(home_finish) struct home home = HOME_NULL;
	autorun(strings_finish) struct strings unused = {};
	struct lxcri_error ignored = {};

	if (home_open(check->engine, id, &home, &ignored) < 0 ||
	    next_list_leftovers(&home, record, &unused, &ignored) < 0 || unused.count == 0 ||
	    is_locked(check, id))
		return;
	trouble.repaired = remove_roots(check, id);
	check_report(check, &trouble, "%s is nobody's root file system", unused.items[0]);
}

static void check_time(struct check *check, const char *id, const struct record *record)
{
	static const char found[] = "made in the future";
	const struct trouble trouble = { "container.time",
					 id,
					 LXCRI_HEALTH_WARNING,
					 "the clock was set back since; ages are shown wrongly",
					 "set the clock; nothing is lost",
					 false };
	if (record->created_ns > moment_now() + FUTURE_NS)
		check_report(check, &trouble, "%s", found);
}

static void check_record(struct check *check, const char *id, const char *json)
{
	const struct trouble unreadable = {
		"container.record",
		id,
		LXCRI_HEALTH_FAULT,
		"it cannot be used, and its layers are kept",
		"put state.db back from a backup; what it has written lies in containers/ID",
		false
	};
	autorun(record_finish) struct record record = {};
	struct lxcri_error err = {};

	if (record_parse(json, strlen(json), &record, &err) < 0) {
		check_report(check, &unreadable, "%s", err.text);
		return;
	}
	if (strcmp(record.id, id) != 0) {
		check_report(check, &unreadable, "it is the record of %s", record.id);
		return;
	}
	if (record.phase == RECORD_CREATING) {
		check_half_made(check, id);
		return;
	}
	if (record.remove) {
		check_removable(check, id);
		return;
	}
	if (record.pod)
		return; /* it has no files but those that its containers mount */
	check_bundle(check, id, &record);
	check_layers(check, id, &record);
	check_roots(check, id, &record);
	check_time(check, id, &record);
}

/* A record of a creation may be on the disk before the directory is, when the power goes. */
static bool is_unmade(const char *json)
{
	autorun(record_finish) struct record record = {};
	struct lxcri_error ignored;

	return record_parse(json, strlen(json), &record, &ignored) == 0 &&
	       record.phase == RECORD_CREATING;
}

static void visit(struct walk *walk, const char *id, const char *json)
{
	autofree char *dir = engine_data_dir(walk->check->engine, id);

	strings_add(&walk->ids, id);
	if (path_exists(dir) == 0)
		strings_add(is_unmade(json) ? &walk->unmade : &walk->gone, id);
	else
		check_record(walk->check, id, json);
}

/* Deletes the record unless somebody is at work on the container, or it has a directory after all:
 * another one of its id has been made meanwhile. Returns 1 when it is gone, 0 when it stays. */
static int delete_gone(struct check *check, struct database *database, const char *id)
{
	autorun(home_finish) struct home home = HOME_NULL;
	struct lxcri_error ignored;
	int r;

	if (home_open(check->engine, id, &home, &ignored) < 0)
		return -1;
	r = home_lock(&home, HOME_TRY, &ignored);
	if (r > 0)
		r = home_is_persistent(&home)
			    ? 0
			    : database_delete_container(database, id, &ignored) + 1;
	home_unlock(&home);
	return r;
}

/* Where no container has its directory, a file system that is not mounted is likelier than that all
 * were removed by hand; then nothing is mended. Returns whether that is so. */
static bool check_all_gone(struct walk *walk)
{
	struct check *check = walk->check;
	autorun(strings_finish) struct strings names = {};
	autofree char *dir = xformat("%s/containers", check->engine->data);
	const struct trouble trouble = {
		"container.directories",
		dir,
		LXCRI_HEALTH_FAULT,
		"no container can be used",
		"mount what belongs there; of containers that are gone for good make the "
		"directories, empty, and delete them",
		false
	};

	check_list(check, dir, &names);
	if (walk->gone.count == 0 || names.count > 0)
		return false;
	check_report(check, &trouble, "empty, though there are records of %zu containers",
		     walk->gone.count);
	return true;
}

/* The directory is gone, and with it all that the container had. */
static void check_gone(struct check *check, const struct strings *gone, struct database *database)
{
	for (size_t i = 0; i < gone->count; i++) {
		const char *id = gone->items[i];
		struct trouble trouble = { "container.directory",
					   id,
					   LXCRI_HEALTH_WARNING,
					   "nothing is left of it but the record",
					   "proxmox-lxcri system check --repair",
					   false };

		if (check->options.repair) {
			int r = delete_gone(check, database, id);

			if (r == 0)
				continue;
			trouble.repaired = r > 0;
		} else if (is_locked(check, id)) {
			continue;
		}
		check_report(check, &trouble, "a record without a directory");
	}
}

/* A directory without a record: of a creation or a deletion that was interrupted. */
static void check_leftovers(struct walk *walk)
{
	struct check *check = walk->check;
	autorun(strings_finish) struct strings names = {};
	autofree char *dir = xformat("%s/containers", check->engine->data);

	check_list(check, dir, &names);
	for (size_t i = 0; i < names.count; i++) {
		struct lxcri_error ignored;
		struct trouble trouble = { "container.half_deleted",
					   names.items[i],
					   LXCRI_HEALTH_WARNING,
					   "its deletion was interrupted",
					   "proxmox-lxcri system check --repair, or any look at it",
					   false };

		if (strings_has(&walk->ids, names.items[i]) || is_locked(check, names.items[i]))
			continue;
		if (engine_check_id(names.items[i], &ignored) < 0) {
			trouble.check = "container.stray";
			trouble.meaning = "it is no container's directory, and not ours";
			trouble.remedy = "move it away";
		} else {
			trouble.repaired = check_mend(check, names.items[i]);
		}
		check_report(check, &trouble, "a directory without a record");
	}
}

int check_records(struct check *check, struct lxcri_error *err)
{
	autorun(walk_finish) struct walk walk = { .check = check };
	autorun(roster_finish) struct roster roster = ROSTER_NULL;
	autoptr(database) own = NULL;
	struct database *database = check_open_records(check, &own, err);

	if (!database || roster_read_from(database, &roster, err) < 0)
		return -1;
	for (size_t i = 0; i < roster.count; i++)
		visit(&walk, roster.entries[i].id, roster.entries[i].json);
	check_gone(check, &walk.unmade, database);
	if (!check_all_gone(&walk))
		check_gone(check, &walk.gone, database);
	check_leftovers(&walk);
	return 0;
}
