/* SPDX-License-Identifier: MIT */
/* Giving ranges of ids out. */

#include "engine/userns/id_pool.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "engine/userns/id_ranges.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define SUBIDS_BYTES_MAX (1u << 20)

/* Lines of this name keep ids for us, so that useradd gives them to nobody else. */
#define SUBIDS_OWN_NAME "proxmox-lxcri"

static int add_subids(struct id_ranges *ranges, const char *path, struct lxcri_error *err)
{
	autofree char *text = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, path, SUBIDS_BYTES_MAX, &text, &size);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fail_errno(err, r, "read %s", path);
	id_ranges_add_subids(ranges, text, SUBIDS_OWN_NAME);
	return 0;
}

static void add_range(void *userdata, uint32_t start, uint32_t size)
{
	id_ranges_add(userdata, start, size);
}

/* Tells whether @path is another directory than the engine's own, and there. */
static bool is_another(const struct lxcri_engine *engine, const char *path)
{
	struct stat own;
	struct stat other;

	return stat(path, &other) == 0 &&
	       (stat(engine->data, &own) < 0 || own.st_dev != other.st_dev ||
		own.st_ino != other.st_ino);
}

/* The one other instance that can be known of. One that cannot be read has nothing to say. */
static void add_default_instance(struct lxcri_engine *engine, struct id_ranges *ranges)
{
	static const char path[] = CONFIG_DEFAULT_DATA_PATH;
	autoptr(database) other = NULL;
	struct lxcri_error ignored = {};

	if (!is_another(engine, path))
		return;
	if (database_open_other(path, &other, &ignored) < 0 ||
	    database_each_range(other, add_range, ranges, &ignored) < 0)
		log_debug("the id ranges of %s are not known: %s", path, ignored.text);
}

static int choose(struct lxcri_engine *engine, struct record *record, struct lxcri_error *err)
{
	autorun(id_ranges_finish) struct id_ranges taken = {};
	const struct id_pool_bounds pool = {
		.start = config_u64(engine->config, CONFIG_USERNS_START),
		.size = record->ids.size,
		.count = config_u64(engine->config, CONFIG_USERNS_COUNT),
	};

	if (add_subids(&taken, "/etc/subuid", err) < 0 ||
	    add_subids(&taken, "/etc/subgid", err) < 0)
		return -1;
	add_default_instance(engine, &taken);
	/* A kept id is the host's own, and must not be somebody's in a container as well. */
	if (record->ids.keep) {
		id_ranges_add(&taken, record->ids.keep_uid, 1);
		id_ranges_add(&taken, record->ids.keep_gid, 1);
	}
	if (database_each_range(engine->database, add_range, &taken, err) < 0)
		return -1;
	return id_ranges_find_free(&taken, &pool, &record->ids.start, err);
}

static int take(struct lxcri_engine *engine, const struct home *home, struct record *record,
		struct lxcri_error *err)
{
	if (choose(engine, record, err) < 0)
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

	if (!database || database_begin(database, err) < 0)
		return -1;
	if (take(engine, home, record, err) == 0)
		return 0;
	database_roll_back(database);
	return fail_while(err, "choose the ids of container %s", home->id);
}
