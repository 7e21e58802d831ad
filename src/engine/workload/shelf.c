/* SPDX-License-Identifier: MIT */
/* What was applied, as it is kept. */

#include "engine/workload/shelf.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define LOCK_FILE "workload.lock"

/* Between two looks at pods that are waited for. */
#define PAUSE_NS 100000000

static int lock_file(int fd)
{
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int shelf_lock(struct lxcri_engine *engine, struct lxcri_error *err)
{
	int fd = engine_lock_file(engine->data, LOCK_FILE, err);

	if (fd >= 0)
		engine->shelf = fd;
	return fd;
}

struct object_key shelf_key(const struct object *object)
{
	return (struct object_key){ object_kind_name(object->kind), object->meta->name_space,
				    object->meta->name };
}

char *shelf_owner(const struct object *object)
{
	return xformat("%s/%s/%s", object_kind_name(object->kind), object->meta->name_space,
		       object->meta->name);
}

int shelf_parse(const char *document, struct object *ret, struct lxcri_error *err)
{
	const struct field_reader reader = { .source = "state.db", .is_kept = true, .err = err };
	autorun(object_list_finish) struct object_list list = {};

	if (object_list_parse(document, strlen(document), &reader, &list) < 0 || list.count != 1) {
		err->code = LXCRI_E_STORAGE_ERROR;
		return fail_while(err, "read what was applied");
	}
	*ret = list.items[0];
	list.count = 0;
	return 0;
}

struct found {
	struct object *object;
	bool is_there;
};

static int take(void *userdata, const struct object_key *key, const char *document,
		int64_t revision, struct lxcri_error *err)
{
	struct found *found = userdata;

	found->is_there = true;
	return shelf_parse(document, found->object, err);
}

int shelf_find(struct lxcri_engine *engine, enum object_kind kind, const char *name_space,
	       const char *name, struct object *ret, struct lxcri_error *err)
{
	const struct object_key key = { object_kind_name(kind), name_space, name };
	struct found found = { .object = ret };
	struct database *database;

	if (!database_exists(engine->data))
		return 0;
	database = engine_database(engine, err);
	if (!database || objects_each(database, &key, take, &found, err) < 0)
		return -1;
	return found.is_there;
}

struct comparison {
	const struct object *object;
	bool is_same;
};

static int compare(void *userdata, const struct object_key *key, const char *document,
		   int64_t revision, struct lxcri_error *err)
{
	struct comparison *comparison = userdata;
	autojson kept = json_tokener_parse(document);

	comparison->is_same = json_object_equal(kept, comparison->object->document);
	return 0;
}

int shelf_has(struct lxcri_engine *engine, const struct object *object, struct lxcri_error *err)
{
	const struct object_key key = shelf_key(object);
	struct comparison comparison = { .object = object };
	struct database *database = engine_database(engine, err);

	if (!database || objects_each(database, &key, compare, &comparison, err) < 0)
		return -1;
	return comparison.is_same;
}

int shelf_lost(const struct object *object, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_INVALID_STATE,
		    "%s %s was applied, scaled or deleted by another command meanwhile, and is not "
		    "waited for any more",
		    object_kind_name(object->kind), object->meta->name);
}

int shelf_pause(struct lxcri_engine *engine, const struct object *object, struct lxcri_error *err)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int r = flock(engine->shelf, LOCK_UN) < 0 ? -errno : 0;

	if (r == 0)
		(void)nanosleep(&pause, NULL);
	r = lock_file(engine->shelf);
	if (r < 0)
		return fail_errno(err, r, "lock " LOCK_FILE);
	r = shelf_has(engine, object, err);
	return r == 0 ? shelf_lost(object, err) : r < 0 ? -1 : 0;
}

int shelf_no_such(const char *kind, const char *name, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_OBJECT_NOT_FOUND, "no %s is called %s", kind, name);
}
