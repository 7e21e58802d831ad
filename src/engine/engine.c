/* SPDX-License-Identifier: MIT */
/* An open engine. */

#include "engine/engine.h"

#include "base/mem.h"
#include "net/ruleset.h"
#include "os/path.h"
#include "proxmox/pve.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define ID_LENGTH_MAX 128
#define DIR_MODE      0711

char *engine_absolute_path(const char *path, struct lxcri_error *err)
{
	if (path[0] == '/')
		return xstrdup(path);

	autofree char *here = getcwd(NULL, 0);

	if (here)
		return xformat("%s/%s", here, path);
	(void)fail_errno(err, errno, "find %s: the current directory", path);
	return NULL;
}

int lxcri_engine_open(const struct lxcri_config *config, struct lxcri_engine **ret_engine,
		      struct lxcri_error *err)
{
	if (!config)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "open the engine: no configuration");

	struct lxcri_engine *engine = xnew(struct lxcri_engine);

	engine->config = config;
	engine->root = engine_absolute_path(lxcri_config_root_path(config), err);
	engine->data =
		engine->root ? engine_absolute_path(lxcri_config_data_path(config), err) : NULL;
	if (!engine->data) {
		lxcri_engine_free(engine);
		return -1;
	}
	*ret_engine = engine;
	return 0;
}

void lxcri_engine_free(struct lxcri_engine *engine)
{
	if (!engine)
		return;
	pve_free(engine->pve);
	ruleset_free(engine->spent);
	database_free(engine->database);
	free(engine->root);
	free(engine->data);
	free(engine);
}

struct database *engine_database(struct lxcri_engine *engine, struct lxcri_error *err)
{
	if (engine->database)
		return engine->database;
	if (database_open(engine->data, &engine->database, err) < 0)
		return NULL;
	if (engine->deferred == 0 || database_set_durable(engine->database, false, err) == 0)
		return engine->database;
	database_free(steal(engine->database));
	return NULL;
}

int engine_defer(struct lxcri_engine *engine, struct lxcri_error *err)
{
	if (engine->deferred == 0 && engine->database &&
	    database_set_durable(engine->database, false, err) < 0)
		return -1;
	engine->deferred++;
	return 0;
}

static int settle(struct lxcri_engine *engine, struct lxcri_error *err)
{
	struct database *database;

	if (--engine->deferred > 0 || !database_exists(engine->data))
		return 0;
	/* It may be that of others who have done the work. */
	database = engine_database(engine, err);
	if (!database)
		return -1;

	int r = database_set_durable(database, true, err);

	return database_flush(database, err) < 0 ? -1 : r;
}

int engine_settle(struct lxcri_engine *engine, int r, struct lxcri_error *err)
{
	struct lxcri_error second = {};
	int settled = settle(engine, &second);

	if (r >= 0 && settled < 0)
		*err = second;
	return settled < 0 ? -1 : r;
}

int engine_flush(struct lxcri_engine *engine, struct lxcri_error *err)
{
	return engine->deferred > 0 && engine->database ? database_flush(engine->database, err) : 0;
}

char *engine_run_dir(const struct lxcri_engine *engine, const char *id)
{
	return xformat("%s/containers/%s", engine->root, id);
}

char *engine_data_dir(const struct lxcri_engine *engine, const char *id)
{
	return xformat("%s/containers/%s", engine->data, id);
}

static int lock_file(const char *dir, const char *name, int how, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/%s", dir, name);
	autoclose int fd = -1;
	int r = path_make_dirs(dir, DIR_MODE);

	if (r == 0) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		r = fd < 0 ? -errno : 0;
	}
	while (r == 0 && flock(fd, how) < 0)
		if (errno != EINTR)
			r = -errno;
	return r < 0 ? fail_errno(err, r, "lock %s", path) : steal_fd(&fd);
}

int engine_lock_file(const char *dir, const char *name, struct lxcri_error *err)
{
	return lock_file(dir, name, LOCK_EX, err);
}

int engine_try_lock_file(const char *dir, const char *name, struct lxcri_error *err)
{
	return lock_file(dir, name, LOCK_EX | LOCK_NB, err);
}

int engine_check_id(const char *id, struct lxcri_error *err)
{
	size_t length = id ? strlen(id) : 0;
	bool good = length > 0 && length <= ID_LENGTH_MAX && isalnum((unsigned char)id[0]);

	for (size_t i = 0; good && i < length; i++)
		good = isalnum((unsigned char)id[i]) || strchr("_.+-", id[i]);
	if (good)
		return 0;
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "container id \"%.140s\": expected a letter or digit, then up to %d letters, "
		    "digits and _.+-",
		    id ? id : "", ID_LENGTH_MAX - 1);
}
