/* SPDX-License-Identifier: MIT */
/* The two directories of one container, and their lock: flock() on the run directory itself. A lock
 * on a directory that was removed meanwhile counts for nothing, so after taking it we look whether
 * the name still leads to the directory that we hold. */

#include "engine/home.h"

#include "base/mem.h"
#include "engine/volumes/volume.h"
#include "os/file.h"
#include "os/path.h"
#include "os/rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

struct home home_name(const struct lxcri_engine *engine, const char *id)
{
	return (struct home){ .id = xstrdup(id),
			      .run_dir = engine_run_dir(engine, id),
			      .data_dir = engine_data_dir(engine, id),
			      .run_fd = -1 };
}

int home_open(const struct lxcri_engine *engine, const char *id, struct home *ret_home,
	      struct lxcri_error *err)
{
	if (engine_check_id(id, err) < 0)
		return -1;

	struct home home = home_name(engine, id);

	home.run_fd = open(home.run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (home.run_fd < 0 && errno != ENOENT) {
		int r = fail_errno(err, errno, "open %s", home.run_dir);

		home_finish(&home);
		return r;
	}
	*ret_home = home;
	return 0;
}

void home_finish(struct home *home)
{
	closep(&home->run_fd); /* drops the lock as well */
	free(home->id);
	free(home->run_dir);
	free(home->data_dir);
	*home = HOME_NULL;
}

/* Makes the run directory, or opens the one that somebody else made first. */
static int enter_run_dir(struct home *home, struct lxcri_error *err)
{
	autofree char *parent =
		xstrndup(home->run_dir, (size_t)(strrchr(home->run_dir, '/') - home->run_dir));
	int r = path_make_dirs(parent, 0711);

	if (r < 0)
		return fail_errno(err, r, "make %s", parent);
	if (mkdir(home->run_dir, 0700) == 0) {
		/* One who came too late to lock it removes it again while it is empty. */
		if (chmod(home->run_dir, 0700) < 0 && errno != ENOENT)
			return fail_errno(err, errno, "set the mode of %s", home->run_dir);
	} else if (errno != EEXIST) {
		return fail_errno(err, errno, "make %s", home->run_dir);
	}
	closep(&home->run_fd);
	home->run_fd = open(home->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (home->run_fd < 0 && errno != ENOENT)
		return fail_errno(err, errno, "open %s", home->run_dir);
	return 0;
}

bool home_is_current(const struct home *home)
{
	struct stat held;
	struct stat named;

	return home->run_fd >= 0 && fstat(home->run_fd, &held) == 0 &&
	       stat(home->run_dir, &named) == 0 && held.st_dev == named.st_dev &&
	       held.st_ino == named.st_ino;
}

int home_lock(struct home *home, enum home_wait wait, struct lxcri_error *err)
{
	const int operation = LOCK_EX | (wait == HOME_TRY ? LOCK_NB : 0);

	if (home->locked)
		return 1;
	for (;;) {
		if (home->run_fd < 0 && enter_run_dir(home, err) < 0)
			return -1;
		if (home->run_fd < 0)
			continue; /* removed between mkdir and open */
		if (flock(home->run_fd, operation) < 0) {
			if (errno == EWOULDBLOCK)
				return 0;
			if (errno == EINTR)
				continue;
			return fail_errno(err, errno, "lock %s", home->run_dir);
		}
		if (home_is_current(home))
			break;
		closep(&home->run_fd);
	}
	home->locked = true;
	return 1;
}

void home_unlock(struct home *home)
{
	if (!home->locked)
		return;
	/* rmdir refuses a directory in which something is left, which is what we want. After
	 * home_remove() the name may lead to a new one, which another command has just made and
	 * locked. */
	if (home_is_current(home))
		(void)rmdir(home->run_dir);
	(void)flock(home->run_fd, LOCK_UN);
	home->locked = false;
}

bool home_is_persistent(const struct home *home)
{
	return path_exists(home->data_dir) != 0;
}

int home_list_roots(const struct home *home, struct strings *dirs)
{
	autofree char *path = xformat("%s/" HOME_ROOTS, home->data_dir);
	autorun(strings_finish) struct strings names = {};
	int r = path_list_shown(path, &names);

	for (size_t i = 0; i < names.count; i++)
		strings_addf(dirs, "%s/%s", path, names.items[i]);
	return r;
}

const char *home_root_dir(const struct home *home, const struct record *record)
{
	size_t length = strlen(home->data_dir);
	const char *bundle = record->bundle;

	return strncmp(bundle, home->data_dir, length) == 0 && bundle[length] == '/'
		       ? bundle
		       : home->data_dir;
}

/* Tells where the record is: 1 in the database, 0 in the run directory. */
static int find_place(const struct home *home, struct lxcri_error *err)
{
	int r = path_exists(home->data_dir);

	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "look at %s", home->data_dir)
		     : r;
}

/* Reads the record as it is kept; *@ret_json stays NULL when there is none. */
static int read_record(struct lxcri_engine *engine, const struct home *home, char **ret_json,
		       size_t *ret_size, struct lxcri_error *err)
{
	int r = find_place(home, err);

	if (r < 0)
		return -1;
	if (r > 0) {
		struct database *database = engine_database(engine, err);

		if (!database || database_find_container(database, home->id, ret_json, err) < 0)
			return -1;
		*ret_size = *ret_json ? strlen(*ret_json) : 0;
		return 0;
	}
	if (home->run_fd >= 0)
		r = file_read(home->run_fd, HOME_RECORD_FILE, HOME_RECORD_BYTES_MAX, ret_json,
			      ret_size);
	if (r < 0 && r != -ENOENT)
		return fail_errno(err, r, "read %s/%s", home->run_dir, HOME_RECORD_FILE);
	return 0;
}

int home_has_damaged_record(struct lxcri_engine *engine, const struct home *home,
			    struct lxcri_error *err)
{
	autorun(record_finish) struct record record = {};
	autofree char *json = NULL;
	struct lxcri_error damage = {};
	size_t size = 0;

	if (read_record(engine, home, &json, &size, err) < 0)
		return -1;
	return json && record_parse(json, size, &record, &damage) < 0 &&
	       damage.code == LXCRI_E_STORAGE_ERROR;
}

int home_load_record(struct lxcri_engine *engine, struct home *home, struct record *ret_record,
		     struct lxcri_error *err)
{
	autofree char *json = NULL;
	size_t size = 0;

	*ret_record = (struct record){};
	if (read_record(engine, home, &json, &size, err) < 0)
		return -1;
	if (!json)
		return 0;
	if (record_parse(json, size, ret_record, err) < 0)
		return fail_while(err, "container %s", home->id);
	return 1;
}

int home_save_record(struct lxcri_engine *engine, struct home *home, const struct record *record,
		     struct lxcri_error *err)
{
	autofree char *json = record_format(record);
	int persistent = find_place(home, err);

	if (persistent < 0)
		return -1;
	if (persistent) {
		struct database *database = engine_database(engine, err);

		if (!database || database_put_container(database, home->id, json, err) < 0)
			return -1;
		/* What the cluster is asked for next outlives this host. */
		return record->type == LXCRI_PROXMOX_LXC ? engine_flush(engine, err) : 0;
	}

	int r = file_write_atomic(home->run_fd, HOME_RECORD_FILE, json, strlen(json), 0600,
				  FILE_VOLATILE);

	return r < 0 ? fail_errno(err, r, "write %s/%s", home->run_dir, HOME_RECORD_FILE) : 0;
}

void home_make_room(const struct home *home)
{
	static const char *const large[] = { "log", "upper", "rootfs", "root" };
	autorun(strings_finish) struct strings dirs = {};

	strings_add(&dirs, home->data_dir);
	(void)home_list_roots(home, &dirs);
	for (size_t i = 0; i < dirs.count; i++) {
		autoclose int dir =
			open(dirs.items[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

		for (size_t j = 0; dir >= 0 && j < ARRAY_LEN(large); j++)
			(void)path_remove_tree(dir, large[j]);
		if (dir >= 0)
			(void)rotation_rotate(dir, "log", 0); /* those that were the log before */
	}
}

/* Takes the record out of the database. On a disk that the container has filled that fails at
 * first, although it is the way to free the disk. */
static int remove_record(struct database *database, const struct home *home,
			 struct lxcri_error *err)
{
	if (database_delete_container(database, home->id, err) == 0)
		return 0;
	*err = (struct lxcri_error){};
	home_make_room(home);
	return database_delete_container(database, home->id, err);
}

int home_remove(struct lxcri_engine *engine, struct home *home, struct lxcri_error *err)
{
	int persistent = find_place(home, err);

	if (persistent < 0)
		return -1;
	if (persistent) {
		struct database *database = engine_database(engine, err);

		if (!database || snapshot_can_destroy(home->data_dir, err) < 0 ||
		    remove_record(database, home, err) < 0 || engine_flush(engine, err) < 0 ||
		    volume_remove_owned(engine->data, home->id, err) < 0)
			return -1;

		if (snapshot_destroy(home->data_dir, err) < 0)
			return fail_while(err, "remove the root file system of %s", home->id);

		int r = path_remove_tree(AT_FDCWD, home->data_dir);

		if (r < 0)
			return fail_errno(err, r, "remove %s", home->data_dir);
	}

	int r = path_remove_tree(AT_FDCWD, home->run_dir);

	return r < 0 ? fail_errno(err, r, "remove %s", home->run_dir) : 0;
}
