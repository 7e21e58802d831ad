/* SPDX-License-Identifier: MIT */
#pragma once

/* The state database: what must survive a reboot, in <data>/state.db. A change is on the disk when
 * its function returns, or within a transaction when that is committed. One writer at a time;
 * others wait for it. */

#include "base/fail.h"
#include "base/scope.h"

#include <stdbool.h>
#include <stdint.h>

struct database;

/* Opens the database of @data_dir, making it (and the directory) when it is missing, and bringing
 * an earlier layout to that of schema.h in one transaction. A later one is of a later program and
 * is refused. One that is missing where containers are is not made: they would look like leftovers.
 * The caller owns *@ret_database. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int database_open(const char *data_dir, struct database **ret_database,
				struct lxcri_error *err);

/* Tells whether @data_dir has a database, or may have one. */
bool database_exists(const char *data_dir);

/* Tells whether the file that is open was removed or renamed, so that others use another one. */
bool database_has_moved(const struct database *database);

/* Tells whether @data_dir has containers, but no database that knows them. */
bool database_is_lost(const char *data_dir);

/* Opens the database of @data_dir, which must exist, for reading alone: nothing is made or brought
 * to another layout, only a change that was cut short is undone. As database_open() otherwise. */
[[nodiscard]] int database_open_read_only(const char *data_dir, struct database **ret_database,
					  struct lxcri_error *err);

/* Lets SQLite check the whole database and calls @fault for each thing it finds. Returns how many
 * there were, or < 0 when it could not even look. */
[[nodiscard]] int database_check(struct database *database,
				 void (*fault)(void *userdata, const char *text), void *userdata,
				 struct lxcri_error *err);

/* Opens the database of another instance at @data_dir to read its ranges; it is not made, nor
 * changed. The caller owns *@ret_database. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int database_open_other(const char *data_dir, struct database **ret_database,
				      struct lxcri_error *err);

/* Closes it; NULL is fine. */
void database_free(struct database *database);
DEFINE_AUTOPTR(database)

/* Begins a transaction as the one writer; database_commit() or database_roll_back() ends it. */
[[nodiscard]] int database_begin(struct database *database, struct lxcri_error *err);

/* Ends the transaction with all its changes on the disk, or fails and leaves it open. */
[[nodiscard]] int database_commit(struct database *database, struct lxcri_error *err);

/* Ends the transaction without any of its changes. */
void database_roll_back(struct database *database);

/* Says whether a change is on the disk when its function returns, as it is at first. Of others a
 * power cut may take the last ones away, in their order: never one without those behind it. Not
 * within a transaction. */
[[nodiscard]] int database_set_durable(struct database *database, bool is_durable,
				       struct lxcri_error *err);

/* Waits until all changes so far, by whomever, are on the disk. */
[[nodiscard]] int database_flush(struct database *database, struct lxcri_error *err);

/* Gives the container @id, which must be there, the @size ids of the host from @start on. They are
 * free again when it is deleted. */
[[nodiscard]] int database_put_range(struct database *database, const char *id, uint32_t start,
				     uint32_t size, struct lxcri_error *err);

/* Calls @each for every range that a container has. */
[[nodiscard]] int database_each_range(struct database *database,
				      void (*each)(void *userdata, uint32_t start, uint32_t size),
				      void *userdata, struct lxcri_error *err);

/* Stores @record (JSON) for the container @id, in place of one that is there, whose ids it keeps.
 */
[[nodiscard]] int database_put_container(struct database *database, const char *id,
					 const char *record, struct lxcri_error *err);

/* Stores @record for the container @id, which must not be there and has the ids of @before, also
 * when that is deleted. */
[[nodiscard]] int database_put_successor(struct database *database, const char *before,
					 const char *id, const char *record,
					 struct lxcri_error *err);

/* Finds the record of @id: *@ret_record is owned by the caller, NULL when there is none. */
[[nodiscard]] int database_find_container(struct database *database, const char *id,
					  char **ret_record, struct lxcri_error *err);

/* Deletes the record of @id and gives its ids back; none is fine. */
[[nodiscard]] int database_delete_container(struct database *database, const char *id,
					    struct lxcri_error *err);

/* Calls @each for every record, ordered by id; both texts are valid during the call, which must not
 * change the database: who does so while he reads cannot wait for others who do (roster.h reads all
 * first). A value < 0 ends the walk and is returned. */
[[nodiscard]] int database_each_container(struct database *database,
					  int (*each)(void *userdata, const char *id,
						      const char *record),
					  void *userdata, struct lxcri_error *err);
