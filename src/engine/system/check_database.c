/* SPDX-License-Identifier: MIT */
/* The state database as SQLite sees it. A record cannot be made up from a container's directory:
 * the layers that it stands on and its type are nowhere else. So a damaged database is not mended
 * here; what to do is said. */

#include "engine/system/check.h"

#include "base/mem.h"

static const char meaning[] =
	"records may be missing or wrong; no container is touched until it is "
	"in order";
static const char remedy[] =
	"stop all containers, keep a copy of state.db*, then: sqlite3 state.db .recover | sqlite3 "
	"new.db, and put new.db in its place without state.db-wal and state.db-shm; or put a "
	"backup "
	"back. What containers have written lies in containers/ID (upper, root, rootfs, or the "
	"dataset named there) in any case";

struct walk {
	struct check *check;
	const char *path;
};

static void tell_fault(void *userdata, const char *text)
{
	struct walk *walk = userdata;
	const struct trouble trouble = {
		"database.integrity", walk->path, LXCRI_HEALTH_FAULT, meaning, remedy, false
	};

	check_report(walk->check, &trouble, "%s", text);
}

/* A missing database is well as long as there are no containers. */
static int check_absence(struct check *check, const char *path)
{
	const struct trouble trouble = {
		"database.missing",
		path,
		LXCRI_HEALTH_FAULT,
		"the containers cannot be used: what they stand on is not known",
		"put state.db back from a backup; or move containers away to begin anew: what they "
		"have written lies in containers/ID",
		false,
	};
	autorun(strings_finish) struct strings names = {};
	autofree char *dir = xformat("%s/containers", check->engine->data);

	check_list(check, dir, &names);
	if (names.count > 0)
		check_report(check, &trouble, "missing, with %zu containers", names.count);
	return 0;
}

int check_database(struct check *check, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/state.db", check->engine->data);
	struct walk walk = { .check = check, .path = path };
	autoptr(database) database = NULL;
	const struct trouble unreadable = {
		"database.readable", path, LXCRI_HEALTH_FAULT, meaning, remedy, false
	};
	struct lxcri_error why = {};

	if (!database_exists(check->engine->data))
		return check_absence(check, path);
	if (database_open_read_only(check->engine->data, &database, &why) == 0) {
		int faults = database_check(database, tell_fault, &walk, &why);

		if (faults >= 0)
			return faults == 0;
	}
	check_report(check, &unreadable, "%s", why.text);
	return 0;
}
