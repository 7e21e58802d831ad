/* SPDX-License-Identifier: MIT */
/* What containers stand on. */

#include "engine/usage.h"

#include "base/json.h"
#include "base/mem.h"
#include "engine/driver.h"
#include "engine/home.h"
#include "engine/images/prepared.h"
#include "engine/record.h"
#include "engine/rename.h"
#include "engine/volumes/parts.h"
#include "engine/volumes/volume.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

/* Of the data directory: locked by who is about to use an image. */
#define ANNOUNCEMENTS ".announced"

#define SPEC_BYTES_MAX (16u << 20)

int usage_lock(const struct lxcri_engine *engine, enum usage_lock lock, struct lxcri_error *err)
{
	autoclose int fd = open(engine->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "open %s", engine->data);
	while (flock(fd, lock == USAGE_SHARED ? LOCK_SH : LOCK_EX) < 0)
		if (errno != EINTR)
			return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "lock %s",
					       engine->data);
	return steal_fd(&fd);
}

static int open_announcements(const struct lxcri_engine *engine, int flags)
{
	autofree char *path = xformat("%s/" ANNOUNCEMENTS, engine->data);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags, 0600);

	return fd < 0 ? -errno : fd;
}

int usage_announce(const struct lxcri_engine *engine, int *ret_fd, struct lxcri_error *err)
{
	autoclose int fd = open_announcements(engine, O_CREAT);
	int r = fd;

	if (r == -ENOENT)
		return 0;
	while (r >= 0 && flock(fd, LOCK_SH) < 0)
		r = errno == EINTR ? r : -errno;
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "lock %s/" ANNOUNCEMENTS,
				       engine->data);
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* What can't be told counts as yes. */
static bool is_announced(const struct lxcri_engine *engine)
{
	autoclose int fd = open_announcements(engine, 0);

	return fd < 0 ? fd != -ENOENT : flock(fd, LOCK_EX | LOCK_NB) < 0;
}

/* A walk over all records. */
struct walk {
	const struct lxcri_engine *engine;
	bool has_directories; /* some containers have theirs */
	const struct strings *except;
	struct image_usage *usage;
	struct strings *volumes;
	struct strings *volume_users; /* or NULL */
	struct lxcri_error *err;
};

/* Where no container has its directory, the file system with all of them may not be mounted. */
static bool find_directories(const struct lxcri_engine *engine)
{
	autofree char *path = xformat("%s/containers", engine->data);

	return path_has_shown(path);
}

/* Tells whether the container counts. Its directory is there as long as itself (see home.h): else
 * somebody removed it by hand, or the power went before it was on the disk. */
static bool counts(const struct walk *walk, const char *id)
{
	autofree char *data_dir = engine_data_dir(walk->engine, id);

	return !(walk->except && strings_has(walk->except, id)) &&
	       (!walk->has_directories || path_exists(data_dir) != 0);
}

static int note_layers(struct walk *walk, const char *id, const char *json)
{
	autorun(record_finish) struct record record = {};

	if (record_parse(json, strlen(json), &record, walk->err) < 0)
		return fail_while(walk->err, "container %s, whose layers must stay", id);
	strings_add_all(&walk->usage->layers, &record.layers);
	if (record.digest) {
		strings_add(&walk->usage->digests, record.digest);
		strings_add(&walk->usage->users, id);
	}
	/* What a rollback returns to. */
	return record.previous ? note_layers(walk, id, record.previous) : 0;
}

static int note_record(void *userdata, const char *id, const char *json)
{
	struct walk *walk = userdata;

	return counts(walk, id) ? note_layers(walk, id, json) : 0;
}

/* By their directories: one that is half made, or half deleted, may have no record. */
static int read_roots(const struct lxcri_engine *engine, struct image_usage *usage,
		      struct lxcri_error *err)
{
	autofree char *containers = xformat("%s/containers", engine->data);
	autofree char *prepared = xformat("%s/" ENTRY_DIR, engine->data);

	usage->dataset = driver_dataset(engine);
	if (snapshot_list_outside(containers, &usage->roots, err) < 0 ||
	    snapshot_list_outside(prepared, &usage->roots, err) < 0)
		return -1;
	usage->has_roots = true;
	return 0;
}

/* One that is being renamed must be found under one name or the other. */
static int walk_records(struct lxcri_engine *engine,
			int (*note)(void *userdata, const char *id, const char *json),
			struct walk *walk, struct lxcri_error *err)
{
	autoclose int names = -1;
	struct database *database = engine_database(engine, err);

	if (!database || rename_exclude(engine, &names, err) < 0)
		return -1;
	walk->has_directories = find_directories(engine);
	if (walk->usage && read_roots(engine, walk->usage, err) < 0)
		return -1;
	return database_each_container(database, note, walk, err);
}

int usage_read(struct lxcri_engine *engine, const struct strings *except, struct image_usage *ret,
	       struct lxcri_error *err)
{
	struct walk walk = { .engine = engine, .except = except, .usage = ret, .err = err };

	if (prepared_add_usage(engine->data, ret, err) < 0)
		return -1;
	ret->is_awaited = is_announced(engine);
	return walk_records(engine, note_record, &walk, err);
}

int usage_peek(const struct lxcri_engine *engine, struct image_usage *ret, struct lxcri_error *err)
{
	struct walk walk = { .engine = engine, .usage = ret, .err = err };
	autoptr(database) database = NULL;

	if (prepared_add_usage(engine->data, ret, err) < 0)
		return -1;
	if (database_is_lost(engine->data))
		return fail(err, LXCRI_E_STORAGE_ERROR, "%s/state.db is missing", engine->data);
	if (!database_exists(engine->data))
		return 0;
	if (database_open_read_only(engine->data, &database, err) < 0)
		return -1;
	walk.has_directories = find_directories(engine);
	return database_each_container(database, note_record, &walk, err);
}

/* Adds the volume whose directory is @source, if it is one's. */
static void add_volume(const struct walk *walk, const char *id, const char *source)
{
	char *name = volume_name_of(walk->engine->data, source);

	if (!name)
		return;
	strings_add_consume(walk->volumes, name);
	if (walk->volume_users)
		strings_add(walk->volume_users, id);
}

/* Adds the volumes that @spec mounts: what lies below <data>/volumes. */
static void add_volumes(const struct walk *walk, const char *id, struct json_object *spec)
{
	struct json_object *mounts = json_get(spec, "mounts");

	if (!json_object_is_type(mounts, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(mounts); i++) {
		const char *source = json_get_text(json_object_array_get_idx(mounts, i), "source");

		if (source)
			add_volume(walk, id, source);
	}
}

/* Adds the volumes of which a container of a pod mounts a part. */
static int add_parts(const struct walk *walk, const char *id, const struct record *record)
{
	autofree char *dir = engine_data_dir(walk->engine, id);
	autorun(strings_finish) struct strings parts = {};

	if (!record->pod_of)
		return 0;
	if (parts_load(dir, &parts, walk->err) < 0)
		return -1;
	for (size_t i = 0; i < parts.count; i += 2)
		add_volume(walk, id, parts.items[i]);
	return 0;
}

/* Adds what the container @id mounts, whose record is @json. */
static int read_volumes(struct walk *walk, const char *id, const char *json)
{
	autorun(record_finish) struct record record = {};
	autofree char *path = NULL;
	autofree char *text = NULL;
	autojson spec = NULL;
	size_t size;
	int r;

	if (record_parse(json, strlen(json), &record, walk->err) < 0)
		return fail_while(walk->err, "container %s, whose volumes must stay", id);
	path = xformat("%s/config.json", record.bundle);
	r = file_read(AT_FDCWD, path, SPEC_BYTES_MAX, &text, &size);
	/* One that was never finished has nothing to lose; a bundle is its maker's to remove. */
	if (r == -ENOENT && (record.phase == RECORD_CREATING || !record.owns_bundle))
		return 0;
	if (r < 0)
		return fail_errno(walk->err, r, "container %s, whose volumes must stay: read %s",
				  id, path);
	if (json_parse(text, size, &json_limits_spec, &spec, walk->err) < 0)
		return fail_while(walk->err, "container %s, whose volumes must stay: %s", id, path);
	add_volumes(walk, id, spec);
	if (add_parts(walk, id, &record) < 0)
		return fail_while(walk->err, "container %s, whose volumes must stay", id);
	return record.previous ? read_volumes(walk, id, record.previous) : 0;
}

static int note_volumes(void *userdata, const char *id, const char *json)
{
	struct walk *walk = userdata;

	return counts(walk, id) ? read_volumes(walk, id, json) : 0;
}

/* Containers of bundles may mount our volumes as well; their records lie in the run directory. */
static int read_volumes_of_bundles(struct walk *walk, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/containers", walk->engine->root);
	autorun(strings_finish) struct strings ids = {};
	int r = path_list_shown(path, &ids);

	if (r < 0)
		return fail_errno(err, r, "list %s", path);
	for (size_t i = 0; i < ids.count && r == 0; i++) {
		autofree char *file = xformat("%s/%s/" HOME_RECORD_FILE, path, ids.items[i]);
		autofree char *json = NULL;
		size_t size;

		if (file_read(AT_FDCWD, file, HOME_RECORD_BYTES_MAX, &json, &size) == -ENOENT)
			continue;
		r = json ? read_volumes(walk, ids.items[i], json)
			 : fail(err, LXCRI_E_STORAGE_ERROR, "read %s", file);
	}
	return r;
}

static int read_all_volumes(struct lxcri_engine *engine, struct walk *walk)
{
	walk->engine = engine;
	if (walk_records(engine, note_volumes, walk, walk->err) < 0)
		return -1;
	return read_volumes_of_bundles(walk, walk->err);
}

int usage_read_volumes(struct lxcri_engine *engine, const struct strings *except,
		       struct strings *names, struct lxcri_error *err)
{
	struct walk walk = { .except = except, .volumes = names, .err = err };

	return read_all_volumes(engine, &walk);
}

int usage_read_volume_users(struct lxcri_engine *engine, struct strings *names,
			    struct strings *users, struct lxcri_error *err)
{
	struct walk walk = { .volumes = names, .volume_users = users, .err = err };

	return read_all_volumes(engine, &walk);
}
