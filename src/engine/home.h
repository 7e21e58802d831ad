/* SPDX-License-Identifier: MIT */
#pragma once

/* The two directories of one container, and the lock that goes with them. The run directory exists
 * while somebody works on the container or it runs, and lies on a tmpfs. The data directory exists
 * exactly as long as the container when it was made from an image:
 *
 *     made under the lock, before the record     removed under the lock, after the record
 *
 * so whoever holds the lock and finds a data directory without a record has found a leftover. */

#include "engine/engine.h"
#include "engine/record.h"
#include "image/snapshot/snapshot.h"

/* The record of a container from a bundle, in its run directory. */
#define HOME_RECORD_FILE      "record.json"
#define HOME_RECORD_BYTES_MAX (1u << 20)

struct home {
	char *id;
	char *run_dir;  /* path */
	char *data_dir; /* path */
	int run_fd;     /* of the run directory, -1 while there is none */
	bool locked;
};
#define HOME_NULL ((struct home){ .run_fd = -1 })

/* Points @ret_home at the directories of @id; opens the run directory if there is one. */
[[nodiscard]] int home_open(const struct lxcri_engine *engine, const char *id,
			    struct home *ret_home, struct lxcri_error *err);

/* The same of an id that was checked, and opens nothing. */
[[nodiscard]] struct home home_name(const struct lxcri_engine *engine, const char *id);

/* Closes, and gives the lock back. Safe to repeat. */
void home_finish(struct home *home);

enum home_wait { HOME_WAIT, HOME_TRY };

/* Takes the lock, making the run directory when it is missing. Returns 1, or with HOME_TRY 0 when
 * somebody else has it. Only one command at a time changes a container. */
[[nodiscard]] int home_lock(struct home *home, enum home_wait wait, struct lxcri_error *err);

/* Gives the lock back, and removes a run directory that holds nothing. */
void home_unlock(struct home *home);

/* Tells whether the run directory that we hold is still the one of that name: it goes with the
 * container, and a new container of the same id gets a new one. */
bool home_is_current(const struct home *home);

/* Tells whether the container has a data directory, that is, was made from an image. One of which
 * that cannot be told counts as such; its record cannot be read, saved or removed. */
bool home_is_persistent(const struct home *home);

/* The root file systems that updates make lie in this directory of the data directory, each in one
 * that its revision names, with the specification that goes with it. */
#define HOME_ROOTS SNAPSHOT_ROOTS

/* Appends the paths of those directories. 0 or -errno. */
[[nodiscard]] int home_list_roots(const struct home *home, struct strings *dirs);

/* Returns the directory that has what the driver of @record keeps of its root file system: that of
 * the bundle, where it is in the data directory, else the data directory itself. Borrowed. */
const char *home_root_dir(const struct home *home, const struct record *record);

/* Tells whether there is a record that is neither one nor of a later program: 1 or 0, or -1 when
 * that cannot be told. */
[[nodiscard]] int home_has_damaged_record(struct lxcri_engine *engine, const struct home *home,
					  struct lxcri_error *err);

/* Reads the record. Returns 1, or 0 when there is none (*@ret_record is zeroed then). */
[[nodiscard]] int home_load_record(struct lxcri_engine *engine, struct home *home,
				   struct record *ret_record, struct lxcri_error *err);

/* Writes the record where this container's records live. */
[[nodiscard]] int home_save_record(struct lxcri_engine *engine, struct home *home,
				   const struct record *record, struct lxcri_error *err);

/* Removes what takes space of a container that is to go, but keeps its directory, by which it is
 * known until its record is gone. */
void home_make_room(const struct home *home);

/* Removes record, data directory and run directory, in this order. What is absent already is fine.
 * The lock must be held, and no monitor be alive. */
[[nodiscard]] int home_remove(struct lxcri_engine *engine, struct home *home,
			      struct lxcri_error *err);
