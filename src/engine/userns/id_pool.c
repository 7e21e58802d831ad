/* SPDX-License-Identifier: MIT */
/* Giving ranges of ids out. */

#include "engine/userns/id_pool.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "engine/userns/instances.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>

#define SUBIDS_BYTES_MAX (1u << 20)

struct id_pool_bounds id_pool_bounds(const struct lxcri_config *config)
{
	return (struct id_pool_bounds){
		.start = config_u64(config, CONFIG_USERNS_START),
		.size = config_u64(config, CONFIG_USERNS_SIZE),
		.count = config_u64(config, CONFIG_USERNS_COUNT),
	};
}

static int add_subids(struct id_ranges *ranges, const char *path, struct lxcri_error *err)
{
	autofree char *text = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, path, SUBIDS_BYTES_MAX, &text, &size);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fail_errno(err, r, "read %s", path);
	id_ranges_add_subids(ranges, text, ID_POOL_OWN_NAME);
	return 0;
}

static void add_range(void *userdata, uint32_t start, uint32_t size)
{
	id_ranges_add(userdata, start, size);
}

/* One that cannot be read has nothing to say. */
static void add_instance(void *userdata, const char *data_dir)
{
	autoptr(database) other = NULL;
	struct lxcri_error ignored = {};

	if (database_open_other(data_dir, &other, &ignored) < 0 ||
	    database_each_range(other, add_range, userdata, &ignored) < 0)
		log_debug("the id ranges of %s are not known: %s", data_dir, ignored.text);
}

static int choose(struct lxcri_engine *engine, int instances, struct record *record,
		  struct lxcri_error *err)
{
	autorun(id_ranges_finish) struct id_ranges taken = {};
	const struct id_pool_bounds pool = id_pool_bounds(engine->config);

	if (add_subids(&taken, "/etc/subuid", err) < 0 ||
	    add_subids(&taken, "/etc/subgid", err) < 0)
		return -1;
	instances_each(engine, instances, add_instance, &taken);
	/* A kept id is the host's own, and must not be somebody's in a container as well. */
	if (record->ids.keep) {
		id_ranges_add(&taken, record->ids.keep_uid, 1);
		id_ranges_add(&taken, record->ids.keep_gid, 1);
	}
	if (database_each_range(engine->database, add_range, &taken, err) < 0)
		return -1;
	return id_ranges_find_free(&taken, &pool, &record->ids.start, err);
}

static int take(struct lxcri_engine *engine, int instances, const struct home *home,
		struct record *record, struct lxcri_error *err)
{
	if (choose(engine, instances, record, err) < 0)
		return -1;

	autofree char *json = record_format(record);

	if (database_put_container(engine->database, home->id, json, err) < 0 ||
	    database_put_range(engine->database, home->id, record->ids.start, record->ids.size,
			       err) < 0)
		return -1;
	return database_commit(engine->database, err);
}

int id_pool_take(struct lxcri_engine *engine, const struct home *home, struct record *record,
		 struct lxcri_error *err)
{
	struct database *database = engine_database(engine, err);
	autoclose int instances = -1;

	/* Others wait until our choice is on the disk; the database comes behind that lock. */
	if (!database || instances_enter(engine, &instances, err) < 0 ||
	    database_begin(database, err) < 0)
		return -1;
	if (take(engine, instances, home, record, err) == 0)
		return 0;
	database_roll_back(database);
	return fail_while(err, "choose the ids of container %s", home->id);
}
