/* SPDX-License-Identifier: MIT */
#pragma once

/* The state database: what must survive a reboot, in <data>/state.db. A change is on the disk when
 * its function returns. One writer at a time; others wait for it. */

#include "base/fail.h"
#include "base/scope.h"

struct database;

/* Opens the database of @data_dir, making it (and the directory) when it is missing, and bringing
 * an earlier layout to that of schema.h in one transaction. A later one is of a later program and
 * is refused. The caller owns *@ret_database. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int database_open(const char *data_dir, struct database **ret_database,
				struct lxcri_error *err);

/* Closes it; NULL is fine. */
void database_free(struct database *database);
DEFINE_AUTOPTR(database)

/* Stores @record (JSON) for the container @id, in place of one that is there. */
[[nodiscard]] int database_put_container(struct database *database, const char *id,
					 const char *record, struct lxcri_error *err);

/* Finds the record of @id: *@ret_record is owned by the caller, NULL when there is none. */
[[nodiscard]] int database_find_container(struct database *database, const char *id,
					  char **ret_record, struct lxcri_error *err);

/* Deletes the record of @id; none is fine. */
[[nodiscard]] int database_delete_container(struct database *database, const char *id,
					    struct lxcri_error *err);

/* Calls @each for every record, ordered by id; both texts are valid during the call. A value < 0
 * ends the walk and is returned. */
[[nodiscard]] int database_each_container(struct database *database,
					  int (*each)(void *userdata, const char *id,
						      const char *record),
					  void *userdata, struct lxcri_error *err);
