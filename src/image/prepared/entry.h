/* SPDX-License-Identifier: MIT */
#pragma once

/* What was prepared from images, and who holds it:
 *
 *	<data>/prepared/              0700
 *	<data>/prepared/<key>/        an entry; locked by who makes or changes it
 *		record.json           what it is; written last, so without it nothing is there yet
 *		image.raw, ...        what was made; an entry that only keeps its image has none
 *		dataset               names it where it is one of ZFS: image/snapshot/zfs_note.h
 *		hold.<random>         somebody holds it: locked for as long as he lives
 *		kept.<random>         the same until it is taken back
 *
 * A key begins with the digest of a manifest, which an entry that is being made or held keeps in
 *the store. An entry without a record and without its lock is what a killed maker left. */

#include "base/fail.h"
#include "base/json.h"
#include "base/scope.h"

#include <stdbool.h>
#include <stdint.h>

#define ENTRY_DIR    "prepared"
#define ENTRY_RECORD "record.json"
/* Of the record. */
#define ENTRY_DIGEST  "digest"
#define ENTRY_NAME    "name" /* that the entry has given its image, and takes back with it */
#define ENTRY_FILE    "file"
#define ENTRY_FORMAT  "format"
#define ENTRY_DATASET "dataset"

struct entry {
	char *key;
	char *path; /* of its directory, absolute */
	int dirs;   /* <data>/prepared */
	int fd;     /* of its directory, locked alone */
	bool is_whole;
	int64_t used_ns; /* when a hold of it was taken last; 0: it was not whole */
	bool has_waited; /* somebody else had the lock before */
};
#define ENTRY_NULL ((struct entry){ .dirs = -1, .fd = -1 })

/* Opens and locks the entry @key below @data_dir, waiting for who has it; makes it without a record
 * where it is not there. What a killed maker left in it is removed. LXCRI_E_CACHE_ERROR,
 * LXCRI_E_ZFS_ERROR. The caller
 * ends *@ret with entry_finish(). */
[[nodiscard]] int entry_lock(const char *data_dir, const char *key, struct entry *ret,
			     struct lxcri_error *err);

enum entry_try { ENTRY_BUSY, ENTRY_GONE, ENTRY_LOCKED };

/* The same for an entry that is there, without waiting. Returns one of enum entry_try; only with
 * ENTRY_LOCKED there is something to end. */
[[nodiscard]] int entry_try_lock(const char *data_dir, const char *key, struct entry *ret,
				 struct lxcri_error *err);

/* Makes the entry whole: flushes it and writes @record. LXCRI_E_CACHE_ERROR. */
[[nodiscard]] int entry_commit(struct entry *entry, struct json_object *record,
			       struct lxcri_error *err);

/* Reads the record; owned by the caller. LXCRI_E_CACHE_ERROR where it is none. */
[[nodiscard]] int entry_read(const struct entry *entry, struct json_object **ret_record,
			     struct lxcri_error *err);

/* Removes the entry with all that is in it, and its dataset. LXCRI_E_CACHE_ERROR,
 * LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int entry_remove(struct entry *entry, struct lxcri_error *err);

/* Gives the lock back, and removes the entry unless it is whole. Safe to repeat. */
void entry_finish(struct entry *entry);

/* Somebody who holds an entry until its process ends (fd >= 0), or until he says so. */
struct hold {
	char *key;
	char *name; /* of the file in the entry */
	int fd;
};
#define HOLD_NULL ((struct hold){ .fd = -1 })

enum hold_kind { HOLD_PROCESS, HOLD_KEPT };

/* Adds a hold to the locked @entry, and notes that it was used now. The caller ends *@ret with
 * hold_finish(), which gives nothing back. LXCRI_E_CACHE_ERROR. */
[[nodiscard]] int entry_hold(const struct entry *entry, enum hold_kind kind, struct hold *ret,
			     struct lxcri_error *err);

/* Counts who holds the locked @entry, clones of its dataset too; holds of the dead are removed.
 * LXCRI_E_CACHE_ERROR, LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int entry_count_holds(const struct entry *entry, size_t *ret,
				    struct lxcri_error *err);

/* Takes back the hold @name of the locked @entry, or one that is kept for NULL.
 * LXCRI_E_REFERENCE_COUNT_ERROR where there is none. */
[[nodiscard]] int entry_release(const struct entry *entry, const char *name,
				struct lxcri_error *err);

/* Frees what @hold has; a hold of this process ends with that. Safe to repeat. */
void hold_finish(struct hold *hold);
