/* SPDX-License-Identifier: MIT */
/* Statements of SQL with parameters. */

#include "engine/database/statement.h"

#include <stdarg.h>
#include <string.h>

int statement_refuse(struct database *database, const char *doing, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_STORAGE_ERROR, "%s in %s: %s", doing, database->path,
		    sqlite3_errmsg(database->handle));
}

/* One that is in use is so by a caller further up, whose walk through rows led to this call. */
static sqlite3_stmt *find_idle(const struct database *database, const char *sql)
{
	for (size_t i = 0; i < database->n_kept; i++)
		if (strcmp(sqlite3_sql(database->kept[i]), sql) == 0 &&
		    !sqlite3_stmt_busy(database->kept[i]))
			return database->kept[i];
	return NULL;
}

static void keep(struct database *database, sqlite3_stmt *statement)
{
	size_t place = database->next;

	if (database->n_kept < STATEMENTS_KEPT)
		place = database->n_kept++;
	else if (sqlite3_stmt_busy(database->kept[place]))
		return;
	else
		(void)sqlite3_finalize(database->kept[place]);
	database->kept[place] = statement;
	database->next = (place + 1) % STATEMENTS_KEPT;
}

sqlite3_stmt *statement_take(struct database *database, const char *sql)
{
	sqlite3_stmt *statement = find_idle(database, sql);

	if (statement || sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
					    &statement, NULL) != SQLITE_OK)
		return statement;
	keep(database, statement);
	return statement;
}

void statement_give(struct database *database, sqlite3_stmt *statement)
{
	/* What it was bound to is its caller's. */
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	for (size_t i = 0; i < database->n_kept; i++)
		if (database->kept[i] == statement)
			return;
	(void)sqlite3_finalize(statement);
}

void statement_drop_all(struct database *database)
{
	while (database->n_kept > 0)
		(void)sqlite3_finalize(database->kept[--database->n_kept]);
	database->next = 0;
}

static int bind_all(sqlite3_stmt *statement, const char *types, va_list arguments)
{
	int r = SQLITE_OK;

	for (int i = 0; r == SQLITE_OK && types[i]; i++) {
		if (types[i] == 't')
			r = sqlite3_bind_text(statement, i + 1, va_arg(arguments, const char *), -1,
					      SQLITE_STATIC);
		else
			r = sqlite3_bind_int64(statement, i + 1, va_arg(arguments, int64_t));
	}
	return r;
}

/* Steps through @statement. Returns how many rows there were, or < 0. */
static int step_all(struct database *database, sqlite3_stmt *statement,
		    const struct statement_reader *reader, struct lxcri_error *err)
{
	int count = 0;

	for (;;) {
		int r = sqlite3_step(statement);

		if (r == SQLITE_DONE)
			return count;
		if (r != SQLITE_ROW)
			return statement_refuse(database, "use the database", err);
		count++;
		if (reader && reader->each(reader->userdata, statement, err) < 0)
			return -1;
	}
}

static int run(struct database *database, struct lxcri_error *err,
	       const struct statement_reader *reader, const char *sql, const char *types,
	       va_list arguments)
{
	sqlite3_stmt *statement = statement_take(database, sql);
	int r = statement ? bind_all(statement, types, arguments) : SQLITE_ERROR;

	r = r == SQLITE_OK ? step_all(database, statement, reader, err)
			   : statement_refuse(database, "use the database", err);
	statement_give(database, statement);
	return r;
}

int statement_run(struct database *database, struct lxcri_error *err, const char *sql,
		  const char *types, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, types);
	r = run(database, err, NULL, sql, types, arguments);
	va_end(arguments);
	return r < 0 ? -1 : 0;
}

int statement_read(struct database *database, struct lxcri_error *err,
		   const struct statement_reader *reader, const char *sql, const char *types, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, types);
	r = run(database, err, reader, sql, types, arguments);
	va_end(arguments);
	return r;
}

const char *statement_text(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text ? text : "";
}
