/* SPDX-License-Identifier: MIT */
/* What was prepared from images, and who holds it. */

#include "image/prepared/entry.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "image/snapshot/zfs_base.h"
#include "image/snapshot/zfs_note.h"
#include "os/file.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#define RECORD_BYTES_MAX ((size_t)64 << 10)
#define HOLD_PREFIX      "hold."
#define KEPT_PREFIX      "kept."

static int fail_cache(const char *doing, const char *key, int r, struct lxcri_error *err)
{
	return fail_code_errno(err, LXCRI_E_CACHE_ERROR, r, "%s the prepared %s", doing, key);
}

static int open_dirs(const char *data_dir, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" ENTRY_DIR, data_dir);
	int r = path_make_dirs(data_dir, 0711);
	int fd;

	if (r == 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
		r = -errno;
	fd = r < 0 ? r : open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_CACHE_ERROR, r < 0 ? r : errno, "open %s",
				       path);
	return fd;
}

/* Looks at @name. Returns 1, 0 where it is not there, or -errno: what cannot be told is no absence.
 */
static int look(int dirfd, const char *name, struct stat *ret)
{
	if (fstatat(dirfd, name, ret, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

/* Tells whether entry->fd still is what has the name: 1, 0 or -errno. */
static int is_named(const struct entry *entry)
{
	struct stat held;
	struct stat named;
	int r = fstat(entry->fd, &held) < 0 ? -errno : look(entry->dirs, entry->key, &named);

	return r > 0 ? held.st_ino == named.st_ino && held.st_dev == named.st_dev : r;
}

/* Finds out whether the locked entry is whole. Returns 0 or -errno; until then it counts as whole,
 * so that it stays. */
static int look_for_record(struct entry *entry)
{
	struct stat status;
	int r;

	entry->is_whole = true;
	r = look(entry->fd, ENTRY_RECORD, &status);
	if (r < 0)
		return r;
	entry->is_whole = r > 0;
	if (r > 0)
		entry->used_ns = moment_of(status.st_mtim);
	return 0;
}

static int open_entry(struct entry *entry)
{
	closep(&entry->fd);
	entry->fd =
		openat(entry->dirs, entry->key, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return entry->fd < 0 ? -errno : 0;
}

/* Returns 1, 0 when somebody else has it, or -errno. */
static int take_lock(const struct entry *entry, int how)
{
	while (flock(entry->fd, how) < 0) {
		if (errno == EWOULDBLOCK)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
	return 1;
}

static int destroy_dataset(const struct entry *entry, struct lxcri_error *err)
{
	return zfs_note_destroy(entry->path, ZFS_BASE_IMAGE, err);
}

static int empty(const struct entry *entry)
{
	autorun(strings_finish) struct strings names = {};
	int r = path_list_names(entry->fd, &names);

	for (size_t i = 0; i < names.count && r == 0; i++)
		r = path_remove_tree(entry->fd, names.items[i]);
	return r;
}

/* Locks the entry, made anew as often as others remove it meanwhile. Returns 0 or -errno. */
static int make_locked(struct entry *entry)
{
	for (;;) {
		int r;

		if (mkdirat(entry->dirs, entry->key, 0700) < 0 && errno != EEXIST)
			return -errno;
		r = open_entry(entry);
		if (r == -ENOENT)
			continue;
		if (r == 0)
			r = take_lock(entry, LOCK_EX | LOCK_NB);
		if (r == 0) {
			entry->has_waited = true;
			r = take_lock(entry, LOCK_EX);
		}
		if (r < 0)
			return r;
		r = is_named(entry);
		if (r != 0)
			return r < 0 ? r : 0;
	}
}

static int init(const char *data_dir, const char *key, struct entry *entry, struct lxcri_error *err)
{
	*entry = ENTRY_NULL;
	entry->dirs = open_dirs(data_dir, err);
	if (entry->dirs < 0)
		return -1;
	entry->key = xstrdup(key);
	entry->path = xformat("%s/" ENTRY_DIR "/%s", data_dir, key);
	return 0;
}

int entry_lock(const char *data_dir, const char *key, struct entry *ret, struct lxcri_error *err)
{
	autorun(entry_finish) struct entry entry = ENTRY_NULL;
	int r;

	if (init(data_dir, key, &entry, err) < 0)
		return -1;
	/* Until it is locked it is somebody else's to remove. */
	entry.is_whole = true;
	r = make_locked(&entry);
	if (r == 0)
		r = look_for_record(&entry);
	if (r == 0 && !entry.is_whole && destroy_dataset(&entry, err) < 0)
		return -1;
	if (r == 0 && !entry.is_whole)
		r = empty(&entry);
	if (r < 0)
		return fail_cache("lock", key, r, err);
	*ret = entry;
	entry = ENTRY_NULL;
	return 0;
}

int entry_try_lock(const char *data_dir, const char *key, struct entry *ret,
		   struct lxcri_error *err)
{
	autorun(entry_finish) struct entry entry = ENTRY_NULL;
	int r;

	if (init(data_dir, key, &entry, err) < 0)
		return -1;
	entry.is_whole = true; /* as above */
	r = open_entry(&entry);
	if (r == 0)
		r = take_lock(&entry, LOCK_EX | LOCK_NB);
	else if (r == -ENOENT)
		return ENTRY_GONE;
	if (r < 0)
		return fail_cache("lock", key, r, err);
	if (r == 0)
		return ENTRY_BUSY;
	r = is_named(&entry);
	if (r == 0)
		return ENTRY_GONE;
	if (r > 0)
		r = look_for_record(&entry);
	if (r < 0)
		return fail_cache("look at", key, r, err);
	*ret = entry;
	entry = ENTRY_NULL;
	return ENTRY_LOCKED;
}

int entry_commit(struct entry *entry, struct json_object *record, struct lxcri_error *err)
{
	autofree char *text = json_format_line(record);
	int r = fsync(entry->fd) < 0 ? -errno : 0;

	if (r == 0)
		r = file_write_atomic(entry->fd, ENTRY_RECORD, text, strlen(text), 0600,
				      FILE_DURABLE);
	if (r == 0 && fsync(entry->dirs) < 0)
		r = -errno;
	if (r < 0)
		return fail_cache("record", entry->key, r, err);
	entry->is_whole = true;
	return 0;
}

int entry_read(const struct entry *entry, struct json_object **ret_record, struct lxcri_error *err)
{
	autofree char *text = NULL;
	autojson record = NULL;
	size_t size;
	int r = file_read(entry->fd, ENTRY_RECORD, RECORD_BYTES_MAX, &text, &size);

	if (r < 0)
		return fail_cache("read the record of", entry->key, r, err);
	if (json_parse(text, size, &json_limits_config, &record, err) < 0 ||
	    !json_get_text(record, ENTRY_DIGEST))
		return fail(err, LXCRI_E_CACHE_ERROR,
			    "%s/" ENTRY_RECORD " is not what was written; remove that directory",
			    entry->path);
	*ret_record = steal(record);
	return 0;
}

int entry_remove(struct entry *entry, struct lxcri_error *err)
{
	/* First what makes it count. */
	int r = unlinkat(entry->fd, ENTRY_RECORD, 0) < 0 && errno != ENOENT ? -errno : 0;

	if (r == 0 && destroy_dataset(entry, err) < 0)
		return -1;
	if (r == 0)
		r = path_remove_tree(entry->dirs, entry->key);
	return r < 0 ? fail_cache("remove", entry->key, r, err) : 0;
}

void entry_finish(struct entry *entry)
{
	struct lxcri_error ignored;

	/* What stays is removed by who comes next. */
	if (entry->fd >= 0 && !entry->is_whole && destroy_dataset(entry, &ignored) == 0)
		(void)path_remove_tree(entry->dirs, entry->key);
	closep(&entry->fd);
	closep(&entry->dirs);
	free(entry->key);
	free(entry->path);
	*entry = ENTRY_NULL;
}

int entry_hold(const struct entry *entry, enum hold_kind kind, struct hold *ret,
	       struct lxcri_error *err)
{
	autorun(hold_finish) struct hold hold = HOLD_NULL;
	uint64_t random;
	int r = 0;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return fail_errno(err, errno, "get a random number");
	hold.key = xstrdup(entry->key);
	hold.name = xformat("%s%016llx", kind == HOLD_KEPT ? KEPT_PREFIX : HOLD_PREFIX,
			    (unsigned long long)random);
	hold.fd = openat(entry->fd, hold.name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			 0600);
	if (hold.fd < 0 || flock(hold.fd, LOCK_EX) < 0 || fsync(entry->fd) < 0)
		r = -errno;
	/* When it was used last. */
	if (r == 0 && entry->is_whole && utimensat(entry->fd, ENTRY_RECORD, NULL, 0) < 0)
		r = -errno;
	if (r < 0)
		return fail_cache("hold", entry->key, r, err);
	if (kind == HOLD_KEPT)
		closep(&hold.fd);
	*ret = hold;
	hold = HOLD_NULL;
	return 0;
}

/* Tells whether he who made the hold @name lives: 1, 0 or -errno. */
static int is_alive(int dirfd, const char *name)
{
	autoclose int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? 1 : -errno;
}

/* Counts one hold of the two kinds, or removes it. Returns 1, 0 or -errno. */
static int count_hold(int dirfd, const char *name)
{
	int r;

	if (text_starts_with(name, KEPT_PREFIX))
		return 1;
	if (!text_starts_with(name, HOLD_PREFIX))
		return 0;
	r = is_alive(dirfd, name);
	if (r == 0 && unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

int entry_count_holds(const struct entry *entry, size_t *ret, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	size_t clones = 0;
	int r = path_list_names(entry->fd, &names);

	*ret = 0;
	for (size_t i = 0; i < names.count && r >= 0; i++) {
		r = count_hold(entry->fd, names.items[i]);
		*ret += r > 0;
	}
	if (r < 0)
		return fail_cache("count who holds", entry->key, r, err);
	if (zfs_note_count_clones(entry->path, &clones, err) < 0)
		return -1;
	*ret += clones;
	return 0;
}

/* Finds a hold that is kept. The caller owns *@ret, which is NULL without one. */
static int find_kept(const struct entry *entry, char **ret, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	int r = path_list_names(entry->fd, &names);

	if (r < 0)
		return fail_cache("count who holds", entry->key, r, err);
	for (size_t i = 0; i < names.count && !*ret; i++)
		if (text_starts_with(names.items[i], KEPT_PREFIX))
			*ret = xstrdup(names.items[i]);
	return 0;
}

int entry_release(const struct entry *entry, const char *name, struct lxcri_error *err)
{
	autofree char *kept = NULL;

	if (!name && find_kept(entry, &kept, err) < 0)
		return -1;
	if (!name)
		name = kept;
	if (name && unlinkat(entry->fd, name, 0) == 0 && fsync(entry->fd) == 0)
		return 0;
	if (name && errno != ENOENT)
		return fail_cache("release", entry->key, errno, err);
	return fail(err, LXCRI_E_REFERENCE_COUNT_ERROR, "nobody holds the prepared %s", entry->key);
}

void hold_finish(struct hold *hold)
{
	closep(&hold->fd);
	free(hold->key);
	free(hold->name);
	*hold = HOLD_NULL;
}
