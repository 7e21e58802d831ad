/* SPDX-License-Identifier: MIT */
/* The state database over SQLite: WAL, synchronous=FULL. */

#include "engine/database/database.h"

#include "base/mem.h"
#include "base/scope.h"
#include "engine/database/schema.h"
#include "engine/database/statement.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

/* How long a writer waits for another one. A transaction is a few statements, so a longer wait
 * means that a process hangs while it holds the lock. */
#define BUSY_TIMEOUT_MS 10000
#define BUSY_WAIT_MS    10 /* between tries of what SQLite itself does not wait for */

/* Reads the one number that "PRAGMA user_version" yields. */
static int read_version(struct database *database, int *ret_version, struct lxcri_error *err)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(database->handle, "PRAGMA user_version", -1, &statement, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		*ret_version = sqlite3_column_int(statement, 0);
	(void)sqlite3_finalize(statement);
	return r == SQLITE_ROW ? 0 : statement_refuse(database, "read the version", err);
}

static int check_version(const struct database *database, int version, struct lxcri_error *err)
{
	if (version <= schema_version)
		return 0;
	return fail(err, LXCRI_E_STORAGE_ERROR,
		    "open %s: its layout %d is of a later program, this one knows %d; "
		    "install the later program again",
		    database->path, version, schema_version);
}

static int execute(struct database *database, const char *sql, struct lxcri_error *err)
{
	return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : statement_refuse(database, "change the database", err);
}

/* Takes the layout from @version to ours, within a transaction of the caller's. */
static int run_steps(struct database *database, int version, struct lxcri_error *err)
{
	autofree char *set = xformat("PRAGMA user_version = %d", schema_version);

	for (; version < schema_version; version++)
		if (execute(database, schema_steps[version], err) < 0)
			return -1;
	return execute(database, set, err);
}

/* All steps or none: whoever opens the database meanwhile, or after a power cut, finds a layout
 * that has a number. Another command may have been faster, so the number is read anew. */
static int migrate(struct database *database, struct lxcri_error *err)
{
	int version = 0;

	if (database_begin(database, err) < 0)
		return -1;
	if (read_version(database, &version, err) == 0 &&
	    (version >= schema_version || run_steps(database, version, err) == 0) &&
	    database_commit(database, err) == 0)
		return 0;
	database_roll_back(database);
	return fail_while(err, "take the layout from %d to %d", version, schema_version);
}

/* SQLite does not wait here for another one who has begun to write: he may be waiting until nobody
 * reads, as this one does already. */
static int set_wal(struct database *database, struct lxcri_error *err)
{
	int waited_ms = 0;

	while (execute(database, "PRAGMA journal_mode = WAL", err) < 0) {
		if (sqlite3_errcode(database->handle) != SQLITE_BUSY ||
		    waited_ms >= BUSY_TIMEOUT_MS)
			return -1;
		*err = (struct lxcri_error){};
		(void)poll(NULL, 0, BUSY_WAIT_MS);
		waited_ms += BUSY_WAIT_MS;
	}
	return 0;
}

static int prepare_schema(struct database *database, struct lxcri_error *err)
{
	int version = 0;

	if (read_version(database, &version, err) < 0 || check_version(database, version, err) < 0)
		return -1;
	if (version == schema_version)
		return 0;
	/* WAL is a property of the file and needs to be set once; everything else is per
	 * connection. */
	if (version == 0 && set_wal(database, err) < 0)
		return -1;
	return migrate(database, err);
}

/* SQLite makes the file with the mode that the umask leaves of 0644, and those beside it alike: it
 * finds one of ours instead. Only a new one is opened here, because to close a file that another
 * connection of this process has open would drop that one's locks. */
static int make_file(const char *path)
{
	autoclose int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0)
		return 1;
	return errno == EEXIST ? 0 : -errno;
}

/* Tells whether containers have directories below @data_dir. */
static bool has_containers(const char *data_dir)
{
	autofree char *path = xformat("%s/containers", data_dir);

	return path_has_shown(path);
}

static int open_handle(struct database *database, const char *before)
{
	int r;

	(void)sqlite3_close(database->handle);
	database->handle = NULL;
	r = sqlite3_open_v2(database->path, &database->handle,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
				    SQLITE_OPEN_NOFOLLOW,
			    NULL);
	if (r != SQLITE_OK)
		return r;
	(void)sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
	/* What is committed is in the log and safe there. Folding it into the database each time
	 * the last command closes would cost every command two flushes more. */
	(void)sqlite3_db_config(database->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	r = before ? sqlite3_exec(database->handle, before, NULL, NULL, NULL) : SQLITE_OK;
	if (r != SQLITE_OK)
		return r;
	/* The kernel keeps the file in memory already, and a list touches each page once. */
	return sqlite3_exec(database->handle, "PRAGMA synchronous = FULL; PRAGMA cache_size = -128",
			    NULL, NULL, NULL);
}

/* A reader needs a few KiB of memory shared with others, which is a file beside the database. When
 * a container has filled the disk, that cannot be had; alone one does without, and so containers
 * can be listed, entered and deleted still. */
static int open_somehow(struct database *database)
{
	int r = open_handle(database, NULL);

	if (r != SQLITE_IOERR && r != SQLITE_FULL)
		return r;
	return open_handle(database, "PRAGMA locking_mode = EXCLUSIVE");
}

int database_open(const char *data_dir, struct database **ret_database, struct lxcri_error *err)
{
	autoptr(database) database = xnew(struct database);
	int r = path_make_dirs(data_dir, 0711);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make %s", data_dir);
	database->path = xformat("%s/state.db", data_dir);
	r = make_file(database->path);
	/* Each container would look like one whose deletion was interrupted, and be removed. */
	if (r == 1 && has_containers(data_dir)) {
		(void)unlink(database->path);
		return fail(err, LXCRI_E_STORAGE_ERROR,
			    "%s is missing, but %s/containers is not empty: put it back from a "
			    "backup, or move that directory away to begin anew",
			    database->path, data_dir);
	}
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make %s", database->path);
	if (open_somehow(database) != SQLITE_OK)
		return statement_refuse(database, "open the database", err);
	if (prepare_schema(database, err) < 0)
		return -1;
	*ret_database = steal(database);
	return 0;
}

bool database_exists(const char *data_dir)
{
	autofree char *path = xformat("%s/state.db", data_dir);

	/* What cannot be told is no absence. */
	return path_exists(path) != 0;
}

bool database_has_moved(const struct database *database)
{
	int has_moved = 0;

	return sqlite3_file_control(database->handle, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved) ==
		       SQLITE_OK &&
	       has_moved;
}

bool database_is_lost(const char *data_dir)
{
	return !database_exists(data_dir) && has_containers(data_dir);
}

/* Opens the database of @data_dir as it is. */
static int open_there(const char *data_dir, int mode, struct database *database,
		      struct lxcri_error *err)
{
	database->path = xformat("%s/state.db", data_dir);
	if (sqlite3_open_v2(database->path, &database->handle,
			    mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
		return statement_refuse(database, "open the database", err);
	(void)sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
	(void)sqlite3_db_config(database->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return 0;
}

static int open_known(const char *data_dir, int mode, struct database *database,
		      struct lxcri_error *err)
{
	int version = 0;

	if (open_there(data_dir, mode, database, err) < 0 ||
	    read_version(database, &version, err) < 0)
		return -1;
	return check_version(database, version, err);
}

/* Where a power cut left a change half done, that has to be undone first: only a writer can. */
static bool needs_writer(const struct database *database)
{
	return (sqlite3_errcode(database->handle) & 0xff) == SQLITE_READONLY;
}

int database_open_read_only(const char *data_dir, struct database **ret_database,
			    struct lxcri_error *err)
{
	autoptr(database) database = xnew(struct database);
	int r = open_known(data_dir, SQLITE_OPEN_READONLY, database, err);

	if (r < 0 && needs_writer(database)) {
		database_free(database);
		database = xnew(struct database);
		*err = (struct lxcri_error){};
		r = open_known(data_dir, SQLITE_OPEN_READWRITE, database, err);
	}
	if (r < 0)
		return -1;
	*ret_database = steal(database);
	return 0;
}

int database_open_other(const char *data_dir, struct database **ret_database,
			struct lxcri_error *err)
{
	autoptr(database) database = xnew(struct database);

	if (open_there(data_dir, SQLITE_OPEN_READWRITE, database, err) < 0)
		return -1;
	*ret_database = steal(database);
	return 0;
}

/* Runs @pragma; each row whose first column is not "ok" is a fault. */
static int check_by(struct database *database, const char *pragma,
		    void (*fault)(void *userdata, const char *text), void *userdata,
		    struct lxcri_error *err)
{
	sqlite3_stmt *statement = NULL;
	int count = 0;
	int r = sqlite3_prepare_v2(database->handle, pragma, -1, &statement, NULL);

	while (r == SQLITE_OK || r == SQLITE_ROW) {
		const char *text;

		r = sqlite3_step(statement);
		if (r != SQLITE_ROW)
			break;
		text = (const char *)sqlite3_column_text(statement, 0);
		if (text && strcmp(text, "ok") == 0)
			continue;
		fault(userdata, text ? text : "a row without text");
		count++;
	}
	if (r != SQLITE_DONE)
		count = statement_refuse(database, "check the database", err);
	(void)sqlite3_finalize(statement);
	return count;
}

int database_check(struct database *database, void (*fault)(void *userdata, const char *text),
		   void *userdata, struct lxcri_error *err)
{
	int integrity = check_by(database, "PRAGMA integrity_check", fault, userdata, err);
	int keys = integrity < 0
			   ? -1
			   : check_by(database, "PRAGMA foreign_key_check", fault, userdata, err);

	return keys < 0 ? -1 : integrity + keys;
}

void database_free(struct database *database)
{
	if (!database)
		return;
	statement_drop_all(database);
	(void)sqlite3_close(database->handle);
	free(database->path);
	free(database);
}

int database_begin(struct database *database, struct lxcri_error *err)
{
	return execute(database, "BEGIN IMMEDIATE", err);
}

int database_commit(struct database *database, struct lxcri_error *err)
{
	return execute(database, "COMMIT", err);
}

void database_roll_back(struct database *database)
{
	/* SQLite has done so itself after some failures. */
	(void)sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
}

int database_set_durable(struct database *database, bool is_durable, struct lxcri_error *err)
{
	return execute(database,
		       is_durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
		       err);
}

int database_flush(struct database *database, struct lxcri_error *err)
{
	sqlite3_file *log = NULL;
	int r = sqlite3_file_control(database->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);

	/* What is in the log no more was flushed before it was taken out of it. */
	if (r == SQLITE_OK && log && log->pMethods)
		r = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
	return r == SQLITE_OK
		       ? 0
		       : fail(err, LXCRI_E_STORAGE_ERROR, "flush the log of %s", database->path);
}

/* Runs @sql, which yields nothing, with its one or two parameters. */
static int run(struct database *database, const char *sql, const char *first, const char *second,
	       struct lxcri_error *err)
{
	sqlite3_stmt *statement = statement_take(database, sql);
	int r = statement ? sqlite3_bind_text(statement, 1, first, -1, SQLITE_STATIC)
			  : SQLITE_ERROR;

	if (r == SQLITE_OK && second)
		r = sqlite3_bind_text(statement, 2, second, -1, SQLITE_STATIC);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r != SQLITE_DONE)
		(void)statement_refuse(database, "write the record", err);
	statement_give(database, statement);
	return r == SQLITE_DONE ? 0 : fail_while(err, "container %s", first);
}

int database_put_container(struct database *database, const char *id, const char *record,
			   struct lxcri_error *err)
{
	return run(database,
		   "INSERT INTO container (id, record) VALUES (?1, ?2)"
		   " ON CONFLICT (id) DO UPDATE SET record = excluded.record",
		   id, record, err);
}

int database_put_successor(struct database *database, const char *before, const char *id,
			   const char *record, struct lxcri_error *err)
{
	return statement_run(database, err,
			     "INSERT INTO container (id, record, id_start, id_size) VALUES (?1, ?2,"
			     " (SELECT id_start FROM container WHERE id = ?3),"
			     " (SELECT id_size FROM container WHERE id = ?3))",
			     "ttt", id, record, before) < 0
		       ? fail_while(err, "container %s", id)
		       : 0;
}

int database_delete_container(struct database *database, const char *id, struct lxcri_error *err)
{
	return run(database, "DELETE FROM container WHERE id = ?1", id, NULL, err);
}

int database_put_range(struct database *database, const char *id, uint32_t start, uint32_t size,
		       struct lxcri_error *err)
{
	return statement_run(database, err,
			     "UPDATE container SET id_start = ?1, id_size = ?2 WHERE id = ?3",
			     "iit", (int64_t)start, (int64_t)size, id) < 0
		       ? fail_while(err, "container %s", id)
		       : 0;
}

int database_each_range(struct database *database,
			void (*each)(void *userdata, uint32_t start, uint32_t size), void *userdata,
			struct lxcri_error *err)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(
		database->handle,
		"SELECT id_start, id_size FROM container WHERE id_start IS NOT NULL", -1,
		&statement, NULL);

	if (r == SQLITE_OK)
		while ((r = sqlite3_step(statement)) == SQLITE_ROW)
			each(userdata, (uint32_t)sqlite3_column_int64(statement, 0),
			     (uint32_t)sqlite3_column_int64(statement, 1));
	if (r != SQLITE_DONE)
		(void)statement_refuse(database, "read the ranges of ids", err);
	(void)sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 : -1;
}

int database_find_container(struct database *database, const char *id, char **ret_record,
			    struct lxcri_error *err)
{
	sqlite3_stmt *find = statement_take(database, "SELECT record FROM container WHERE id = ?1");
	int r = find ? sqlite3_bind_text(find, 1, id, -1, SQLITE_STATIC) : SQLITE_ERROR;

	if (r == SQLITE_OK)
		r = sqlite3_step(find);
	if (r == SQLITE_ROW)
		*ret_record = xstrdup((const char *)sqlite3_column_text(find, 0));
	else if (r == SQLITE_DONE)
		*ret_record = NULL;
	else
		(void)statement_refuse(database, "read the record", err);
	statement_give(database, find); /* its lock ends here */
	return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : fail_while(err, "container %s", id);
}

int database_each_container(struct database *database,
			    int (*each)(void *userdata, const char *id, const char *record),
			    void *userdata, struct lxcri_error *err)
{
	sqlite3_stmt *statement = NULL;
	int stopped = 0;
	int r = sqlite3_prepare_v2(database->handle, "SELECT id, record FROM container ORDER BY id",
				   -1, &statement, NULL);

	while (r == SQLITE_OK || r == SQLITE_ROW) {
		r = sqlite3_step(statement);
		if (r != SQLITE_ROW)
			break;
		stopped = each(userdata, (const char *)sqlite3_column_text(statement, 0),
			       (const char *)sqlite3_column_text(statement, 1));
		if (stopped < 0)
			break;
	}
	if (stopped >= 0 && r != SQLITE_DONE)
		stopped = statement_refuse(database, "list the records", err);
	(void)sqlite3_finalize(statement);
	return stopped < 0 ? -1 : 0;
}
