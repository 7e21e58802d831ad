/* SPDX-License-Identifier: MIT */
/* Giving a container another id.
 *
 * How it works: the id is the name of the data directory, the key of the record, the name of the
 * list of volumes and a part of the cgroup's name. What is to become of it is written down in
 * <data>/containers/.renaming first. Then the data directory is renamed, which decides: before, the
 * container has its old id and the note means nothing; behind it, the note says what is still to be
 * done, and whoever comes next does it. All of that can be done twice.
 *
 * One rename goes on at a time: the directory of all containers is locked, by the command that
 * wrote the note or by the one that finishes. The locks of both ids are taken before that, and
 * nobody takes one of those behind it. A container is made only when there is no note, so that a
 * data directory of the new id is the renamed one. */

#include "engine/rename.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/container.h"
#include "engine/ct/ct.h"
#include "engine/database/lans.h"
#include "engine/database/networks.h"
#include "engine/event.h"
#include "engine/limits/container_limits.h"
#include "engine/roster.h"
#include "engine/volumes/volume.h"
#include "lxcri/files.h"
#include "os/file.h"
#include "os/path.h"
#include "runtime/cgroup_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define NOTE           ".renaming"     /* no container's id */
#define NEW_NOTE       ".renaming-new" /* until it is whole */
#define NOTE_BYTES_MAX (2u << 20)

/* A rename that goes on. */
struct renaming {
	struct lxcri_engine *engine; /* borrowed */
	int dir;                     /* of all containers, locked */
	char *from;
	struct record record; /* as it will be */
};
#define RENAMING_NULL ((struct renaming){ .dir = -1 })

static void renaming_finish(struct renaming *renaming)
{
	closep(&renaming->dir);
	freep(&renaming->from);
	record_finish(&renaming->record);
}

static int fail_storage(struct lxcri_error *err, int r, const char *doing)
{
	return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "%s", doing);
}

/* Opens the directory of all containers and takes its lock, which is for renames alone. */
static int open_locked(struct lxcri_engine *engine, struct renaming *renaming,
		       struct lxcri_error *err)
{
	autofree char *path = xformat("%s/containers", engine->data);

	renaming->engine = engine;
	renaming->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	while (renaming->dir >= 0 && flock(renaming->dir, LOCK_EX) < 0)
		if (errno != EINTR)
			closep(&renaming->dir);
	if (renaming->dir < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "lock %s", path);
	(void)unlinkat(renaming->dir, NEW_NOTE, 0); /* its writer is gone */
	return 0;
}

static int write_note(struct renaming *renaming, struct lxcri_error *err)
{
	autofree char *record = record_format(&renaming->record);
	autojson object = json_object_new_object();

	json_set_text(object, "from", renaming->from);
	json_set_text(object, "record", record);

	autofree char *text = json_format_line(object);
	autoclose int note = openat(renaming->dir, NEW_NOTE,
				    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = note < 0 ? -errno : file_write_all(note, text, strlen(text));

	if (r == 0 &&
	    (fsync(note) < 0 || renameat(renaming->dir, NEW_NOTE, renaming->dir, NOTE) < 0 ||
	     fsync(renaming->dir) < 0))
		r = -errno;
	if (r < 0)
		(void)unlinkat(renaming->dir, NEW_NOTE, 0);
	return r < 0 ? fail_storage(err, r, "write down what is to be renamed") : 0;
}

/* Reads the note. Returns 1, or 0 when there is none. */
static int read_note(struct renaming *renaming, struct lxcri_error *err)
{
	autofree char *text = NULL;
	autojson object = NULL;
	size_t size;
	int r = file_read(renaming->dir, NOTE, NOTE_BYTES_MAX, &text, &size);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fail_storage(err, r, "read the note of a rename");
	if (json_parse(text, size, &json_limits_config, &object, err) < 0)
		return -1;

	const char *from = json_get_text(object, "from");
	const char *record = json_get_text(object, "record");

	if (!from || !record)
		return fail(err, LXCRI_E_STORAGE_ERROR, "the note of a rename is incomplete");
	renaming->from = xstrdup(from);
	return record_parse(record, strlen(record), &renaming->record, err) < 0 ? -1 : 1;
}

static int forget_note(struct renaming *renaming, struct lxcri_error *err)
{
	if (unlinkat(renaming->dir, NOTE, 0) < 0 || fsync(renaming->dir) < 0)
		return fail_storage(err, errno, "remove the note of a rename");
	return 0;
}

/* Some mounts are of files in the data directory. */
static void move_sources(const struct renaming *renaming, struct json_object *spec)
{
	autofree char *old = engine_data_dir(renaming->engine, renaming->from);
	autofree char *new = engine_data_dir(renaming->engine, renaming->record.id);
	struct json_object *mounts = json_get(spec, "mounts");
	size_t count = json_count(mounts);

	for (size_t i = 0; i < count; i++) {
		struct json_object *mount = json_object_array_get_idx(mounts, i);
		const char *source = json_get_text(mount, "source");
		size_t length = strlen(old);

		if (!source || strncmp(source, old, length) != 0 || source[length] != '/')
			continue;

		autofree char *moved = xformat("%s%s", new, source + length);

		json_set_text(mount, "source", moved);
	}
}

/* Gives the container the cgroup of its new id, which is named after the run directory too. */
static int rewrite_spec(const struct renaming *renaming, const struct record *record,
			struct lxcri_error *err)
{
	autofree char *run_dir = engine_run_dir(renaming->engine, record->id);
	autofree char *name = cgroup_name(CGROUP_PAYLOAD, record->id, run_dir);
	autofree char *cgroup = xformat("/%s", name);
	autofree char *text = NULL;
	autojson spec = NULL;
	autoclose int bundle = open(record->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t size;
	int r = bundle < 0 ? -errno
			   : file_read(bundle, "config.json", json_limits_spec.bytes_max, &text,
				       &size);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "read %s/config.json",
				       record->bundle);
	if (json_parse(text, size, &json_limits_spec, &spec, err) < 0)
		return -1;
	json_set_text(json_get(spec, "linux"), "cgroupsPath", cgroup);
	move_sources(renaming, spec);
	free(text);
	text = json_format(spec);
	r = file_write_atomic(bundle, "config.json", text, strlen(text), 0600, FILE_DURABLE);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s/config.json",
				       record->bundle)
		     : 0;
}

/* Does so with both that an updated container has. */
static int rewrite_specs(const struct renaming *renaming, struct lxcri_error *err)
{
	const struct record *record = &renaming->record;
	autorun(record_finish) struct record previous = {};

	if (record->type == LXCRI_PROXMOX_LXC)
		return 0; /* nothing there bears the name, and an adopted one has none */
	if (rewrite_spec(renaming, record, err) < 0)
		return -1;
	if (!record->previous)
		return 0;
	if (record_parse(record->previous, strlen(record->previous), &previous, err) < 0)
		return -1;
	return rewrite_spec(renaming, &previous, err);
}

static void tell(const struct renaming *renaming)
{
	const char *const attributes[] = { "image", renaming->record.image, EVENT_OLD_ID,
					   renaming->from, NULL };

	engine_event(renaming->engine, "container", "rename", renaming->record.id, attributes);
}

/* Makes a record that names the old id name the new one. Returns 1, or 0 where it does not. */
static int follow_name(const struct renaming *renaming, struct record *record)
{
	if (!record->network_of || strcmp(record->network_of, renaming->from) != 0)
		return 0;
	free(record->network_of);
	record->network_of = xstrdup(renaming->record.id);
	return 1;
}

/* Does so with the record that a rollback returns to as well. Returns 1, 0, or -1. */
static int follow_names(const struct renaming *renaming, struct record *record,
			struct lxcri_error *err)
{
	autorun(record_finish) struct record previous = {};
	int follows = follow_name(renaming, record);

	if (!record->previous)
		return follows;
	if (record_parse(record->previous, strlen(record->previous), &previous, err) < 0)
		return -1;
	if (follow_name(renaming, &previous) == 0)
		return follows;
	free(record->previous);
	record->previous = record_format(&previous);
	return 1;
}

/* Others are on its network, and know it by its name. One that cannot be read stays as it is. */
static int tell_sharers(const struct renaming *renaming, struct database *database,
			struct lxcri_error *err)
{
	autorun(roster_finish) struct roster roster = ROSTER_NULL;

	if (roster_read_from(database, &roster, err) < 0)
		return -1;
	for (size_t i = 0; i < roster.count; i++) {
		autorun(record_finish) struct record record = {};
		struct lxcri_error damaged = {};

		if (!roster_take(&roster.entries[i], &record) ||
		    follow_names(renaming, &record, &damaged) <= 0)
			continue;

		autofree char *json = record_format(&record);

		if (database_put_container(database, roster.entries[i].id, json, err) < 0)
			return -1;
	}
	return 0;
}

/* Gives the new id all that the database has of the old one. Not step by step: what is left under
 * the old id goes with its record. */
static int move_rows(const struct renaming *renaming, struct database *database,
		     struct lxcri_error *err)
{
	const char *from = renaming->from;
	const char *id = renaming->record.id;
	autofree char *json = record_format(&renaming->record);

	if (database_begin(database, err) < 0)
		return -1;
	if (database_put_successor(database, from, id, json, err) == 0 &&
	    endpoints_rename(database, from, id, err) == 0 &&
	    lans_rename(database, from, id, err) == 0 &&
	    tell_sharers(renaming, database, err) == 0 &&
	    database_delete_container(database, from, err) == 0 &&
	    database_commit(database, err) == 0)
		return 0;
	database_roll_back(database);
	return -1;
}

/* All that is to be done once the data directory has its new name. */
static int complete(struct renaming *renaming, struct lxcri_error *err)
{
	const char *id = renaming->record.id;
	struct database *database = engine_database(renaming->engine, err);
	autofree char *there = NULL;

	if (!database || database_find_container(database, id, &there, err) < 0)
		return -1;
	/* With a record all before it is done, and it may have changed since. */
	if (!there) {
		if (volume_rename_owner(renaming->engine->data, renaming->from, id, err) < 0 ||
		    rewrite_specs(renaming, err) < 0 || move_rows(renaming, database, err) < 0)
			return -1;
		tell(renaming);
	}
	return forget_note(renaming, err);
}

/* Renames the data directory. @renaming has the note. */
static int decide(struct renaming *renaming, struct lxcri_error *err)
{
	struct lxcri_error second;
	int problem = 0;

	if (renameat2(renaming->dir, renaming->from, renaming->dir, renaming->record.id,
		      RENAME_NOREPLACE) == 0) {
		if (fsync(renaming->dir) == 0)
			return 0;
		return fail_storage(err, errno, "flush the directory of containers");
	}
	problem = errno;
	if (forget_note(renaming, &second) < 0)
		log_warning("%s", second.text);
	if (problem == EEXIST)
		return fail(err, LXCRI_E_CONTAINER_EXISTS, "a container is called %s already",
			    renaming->record.id);
	return fail_storage(err, problem, "rename its directory");
}

/* Finishes or forgets what the note says, if there is one. */
static int settle(struct renaming *renaming, struct lxcri_error *err)
{
	struct stat status;
	int r = read_note(renaming, err);

	if (r <= 0)
		return r;
	/* Not renamed, or renamed and deleted since. */
	if (fstatat(renaming->dir, renaming->from, &status, AT_SYMLINK_NOFOLLOW) == 0 ||
	    fstatat(renaming->dir, renaming->record.id, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return forget_note(renaming, err);
	log_warning("container %s was being renamed to %s; finishing it", renaming->from,
		    renaming->record.id);
	return complete(renaming, err);
}

int rename_recover(struct lxcri_engine *engine, struct lxcri_error *err)
{
	autorun(renaming_finish) struct renaming renaming = RENAMING_NULL;
	autofree char *path = xformat("%s/containers/" NOTE, engine->data);

	int there = path_exists(path);

	if (there <= 0)
		return there < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, there, "%s", path)
				 : 0;
	if (open_locked(engine, &renaming, err) < 0 || settle(&renaming, err) < 0)
		return fail_while(err, "finish a rename that was cut short");
	return 0;
}

int rename_exclude(struct lxcri_engine *engine, int *ret_lock, struct lxcri_error *err)
{
	autorun(renaming_finish) struct renaming renaming = RENAMING_NULL;
	autofree char *path = xformat("%s/containers", engine->data);

	int there = path_exists(path);

	if (there <= 0)
		return there < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, there, "%s", path)
				 : 0;
	if (open_locked(engine, &renaming, err) < 0 || settle(&renaming, err) < 0)
		return fail_while(err, "finish a rename that was cut short");
	*ret_lock = steal_fd(&renaming.dir);
	return 0;
}

/* Makes *@path, where it is the directory @old or in it, the same in @new. */
static void move_path(char **path, const char *old, const char *new)
{
	size_t length = strlen(old);
	char *moved;

	if (!*path || strncmp(*path, old, length) != 0 ||
	    ((*path)[length] != '/' && (*path)[length] != '\0'))
		return;
	moved = xformat("%s%s", new, *path + length);
	free(*path);
	*path = moved;
}

/* The record that a rollback returns to names the same directory. */
static int move_previous(struct record *record, const char *old, const char *new,
			 struct lxcri_error *err)
{
	autorun(record_finish) struct record previous = {};

	if (!record->previous)
		return 0;
	if (record_parse(record->previous, strlen(record->previous), &previous, err) < 0)
		return -1;
	free(previous.id);
	previous.id = xstrdup(record->id);
	move_path(&previous.bundle, old, new);
	move_path(&previous.log_path, old, new);
	free(record->previous);
	record->previous = record_format(&previous);
	return 0;
}

/* Makes what the container's record will be; it knows its own directory by name. */
static int plan(struct renaming *renaming, const struct lxcri_container *container,
		const char *new_id, struct lxcri_error *err)
{
	autofree char *json = record_format(&container->record);
	autofree char *data_dir = engine_data_dir(renaming->engine, new_id);
	struct record *record = &renaming->record;

	if (record_parse(json, strlen(json), record, err) < 0)
		return -1;
	renaming->from = xstrdup(container->home.id);
	free(record->id);
	record->id = xstrdup(new_id);
	move_path(&record->bundle, container->home.data_dir, data_dir);
	if (move_previous(record, container->home.data_dir, data_dir, err) < 0)
		return -1;
	if (record->log_path) {
		free(record->log_path);
		record->log_path = xformat("%s/log", data_dir);
	}
	return 0;
}

/* Both locks are held. The run directory has nothing to keep: how the container ended is told by
 * the data directory as well. */
static int rename_locked(struct lxcri_container *container, struct home *target,
			 struct lxcri_error *err)
{
	autorun(renaming_finish) struct renaming renaming = RENAMING_NULL;
	autoclose int monitor_lock = -1;
	struct lxcri_error second = {};
	struct record taken;
	int r;

	/* One of Proxmox VE goes on under its number. */
	if (container->status != LXCRI_STATUS_STOPPED && !ct_is(container))
		return fail(err, LXCRI_E_INVALID_STATE,
			    "it is %s, and its processes and cgroups bear its name; stop it first",
			    lxcri_status_name(container->status));
	r = home_load_record(container->engine, target, &taken, err);
	record_finish(&taken);
	if (r != 0 || home_is_persistent(target))
		return r < 0 ? -1
			     : fail(err, LXCRI_E_CONTAINER_EXISTS,
				    "a container is called %s already", target->id);
	if (container_clean_up(container, err) < 0 ||
	    (container->home.run_fd >= 0 &&
	     monitor_exclude(container->home.run_fd, &monitor_lock, err) < 0))
		return -1;
	/* A note that a killed command left must not be overwritten. */
	do {
		renaming_finish(&renaming);
		if (rename_recover(container->engine, err) < 0 ||
		    open_locked(container->engine, &renaming, err) < 0)
			return -1;
	} while (faccessat(renaming.dir, NOTE, F_OK, 0) == 0);
	if (plan(&renaming, container, target->id, err) < 0 || write_note(&renaming, err) < 0 ||
	    decide(&renaming, err) < 0 || complete(&renaming, err) < 0)
		return -1;
	/* It is renamed; what is left is found by who comes across the old id. In the cluster its
	 * description is put right by the next update, should it fail here. */
	if (ct_is(container) && ct_rename(container, &renaming.record, &second) < 0)
		log_warning("%s", second.text);
	container_limits_forget(container);
	if (path_remove_tree(AT_FDCWD, container->home.run_dir) < 0)
		log_warning("something is left in %s", container->home.run_dir);
	return 0;
}

/* In the order of the names: of two that want the same two, one waits for the other. */
static int lock_both(struct lxcri_container *container, struct home *target,
		     struct lxcri_error *err)
{
	if (strcmp(container->home.id, target->id) < 0)
		return container_lock(container, err) < 0 || home_lock(target, HOME_WAIT, err) < 0
			       ? -1
			       : 0;
	return home_lock(target, HOME_WAIT, err) < 0 || container_lock(container, err) < 0 ? -1 : 0;
}

static int rename_to(struct lxcri_container *container, const char *new_id, struct lxcri_error *err)
{
	struct lxcri_container *other = NULL;
	autorun(home_finish) struct home target = HOME_NULL;
	int r;

	if (home_open(container->engine, new_id, &target, err) < 0)
		return -1;
	if (strcmp(new_id, container->home.id) == 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "that is its name");
	if (container->record.pod_of)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "it is a container of the pod %s, which knows it by its name",
			    container->record.pod_of);
	if (!home_is_persistent(&container->home))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "it was made from a bundle and lasts only until it ends; create it "
			    "under the other name");
	/* What a killed command left under the new name is removed. */
	r = lxcri_container_open(container->engine, new_id, &other, err);
	lxcri_container_free(other);
	if (r == 0)
		return fail(err, LXCRI_E_CONTAINER_EXISTS, "a container is called %s already",
			    new_id);
	if (err->code != LXCRI_E_CONTAINER_NOT_FOUND)
		return -1;
	*err = (struct lxcri_error){};
	r = lock_both(container, &target, err);
	if (r == 0)
		r = rename_locked(container, &target, err);
	home_unlock(&target);
	home_unlock(&container->home);
	return r;
}

int lxcri_container_rename(struct lxcri_container *container, const char *new_id,
			   struct lxcri_error *err)
{
	if (rename_to(container, new_id, err) < 0)
		return fail_while(err, "rename %s to %s", container->home.id, new_id);
	return 0;
}
