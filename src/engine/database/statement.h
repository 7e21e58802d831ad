/* SPDX-License-Identifier: MIT */
#pragma once

/* Statements of SQL with parameters, for the files that know the tables. */

#include "engine/database/database.h"

#include <sqlite3.h>

/* How many are kept. */
#define STATEMENTS_KEPT 40

struct database {
	sqlite3 *handle;
	char *path;
	sqlite3_stmt *kept[STATEMENTS_KEPT]; /* ready to be used again */
	size_t n_kept;
	size_t next; /* of those, the one whose place the next new one takes */
};

/* Returns @sql ready to be bound and stepped through, until statement_give(); NULL on failure. To
 * compile one takes longer than to use it, so it is kept. */
sqlite3_stmt *statement_take(struct database *database, const char *sql);

/* Ends the use of @statement, whose locks go; NULL is fine. */
void statement_give(struct database *database, sqlite3_stmt *statement);

/* Frees all that are kept: none is in use. */
void statement_drop_all(struct database *database);

/* Records the failure of @doing in @database with SQLite's words as LXCRI_E_STORAGE_ERROR. */
int statement_refuse(struct database *database, const char *doing, struct lxcri_error *err);

/* Runs @sql, which yields nothing. @types has a letter for each parameter that follows: 't' for a
 * const char * (NULL is NULL), 'i' for an int64_t. */
[[nodiscard]] int statement_run(struct database *database, struct lxcri_error *err, const char *sql,
				const char *types, ...);

/* Called for each row; what sqlite3_column_*() yields of it is valid during the call. A value < 0
 * ends the walk; then it has filled @err. */
typedef int (*statement_fn)(void *userdata, sqlite3_stmt *row, struct lxcri_error *err);

struct statement_reader {
	statement_fn each;
	void *userdata;
};

/* Runs @sql and calls the reader for each row. Returns how many there were, or < 0. */
[[nodiscard]] int statement_read(struct database *database, struct lxcri_error *err,
				 const struct statement_reader *reader, const char *sql,
				 const char *types, ...);

/* Returns column @column of @row, "" where it is NULL. */
const char *statement_text(sqlite3_stmt *row, int column);
