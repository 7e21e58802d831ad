/* SPDX-License-Identifier: MIT */
/* What was applied from manifests. */

#include "engine/database/objects.h"

#include "base/mem.h"
#include "base/scope.h"
#include "engine/database/statement.h"

#include <stdlib.h>

/* Before the one that is in use: as many as Kubernetes keeps. */
#define REVISIONS_KEPT 10

#define COLUMNS "kind, namespace, name, document, revision"

int objects_put(struct database *database, const struct object_key *key, const char *document,
		int64_t revision, struct lxcri_error *err)
{
	if (statement_run(database, err,
			  "INSERT INTO object (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5)"
			  " ON CONFLICT (kind, namespace, name) DO UPDATE SET document = ?4,"
			  " revision = ?5",
			  "tttti", key->kind, key->name_space, key->name, document, revision) < 0)
		return -1;
	if (statement_run(database, err,
			  "INSERT INTO object_revision (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5)"
			  " ON CONFLICT (kind, namespace, name, revision) DO UPDATE SET"
			  " document = ?4",
			  "tttti", key->kind, key->name_space, key->name, document, revision) < 0)
		return -1;
	return statement_run(database, err,
			     "DELETE FROM object_revision WHERE kind = ?1 AND namespace = ?2 AND"
			     " name = ?3 AND revision < ?4",
			     "ttti", key->kind, key->name_space, key->name,
			     revision - REVISIONS_KEPT);
}

int objects_delete(struct database *database, const struct object_key *key, struct lxcri_error *err)
{
	return statement_run(database, err,
			     "DELETE FROM object WHERE kind = ?1 AND namespace = ?2 AND name = ?3",
			     "ttt", key->kind, key->name_space, key->name);
}

int objects_delete_revision(struct database *database, const struct object_key *key,
			    int64_t revision, struct lxcri_error *err)
{
	return statement_run(database, err,
			     "DELETE FROM object_revision WHERE kind = ?1 AND namespace = ?2 AND"
			     " name = ?3 AND revision = ?4",
			     "ttti", key->kind, key->name_space, key->name, revision);
}

struct object_row {
	char *kind;
	char *name_space;
	char *name;
	char *document;
	int64_t revision;
};

struct object_rows {
	struct object_row *items;
	size_t count;
};

static void object_rows_finish(struct object_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->items[i].kind);
		free(rows->items[i].name_space);
		free(rows->items[i].name);
		free(rows->items[i].document);
	}
	free(rows->items);
}

static int take(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	struct object_rows *rows = userdata;

	rows->items = xreallocarray(rows->items, rows->count + 1, sizeof(*rows->items));
	rows->items[rows->count++] = (struct object_row){
		.kind = xstrdup(statement_text(row, 0)),
		.name_space = xstrdup(statement_text(row, 1)),
		.name = xstrdup(statement_text(row, 2)),
		.document = xstrdup(statement_text(row, 3)),
		.revision = sqlite3_column_int64(row, 4),
	};
	return 0;
}

struct object_reader {
	object_row_fn each;
	void *userdata;
};

/* All have been read before the first of them is looked at: who changes something while he reads
 * cannot wait for others who do. */
static int hand_out(const struct object_rows *rows, const struct object_reader *reader,
		    struct lxcri_error *err)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct object_row *row = &rows->items[i];
		const struct object_key key = { row->kind, row->name_space, row->name };

		if (reader->each(reader->userdata, &key, row->document, row->revision, err) < 0)
			return -1;
	}
	return (int)rows->count;
}

int objects_each(struct database *database, const struct object_key *key, object_row_fn each,
		 void *userdata, struct lxcri_error *err)
{
	const struct object_reader reader = { each, userdata };
	autorun(object_rows_finish) struct object_rows rows = {};
	const struct statement_reader taking = { take, &rows };

	return statement_read(database, err, &taking,
			      "SELECT " COLUMNS " FROM object WHERE (?1 IS NULL OR kind = ?1) AND"
			      " (?2 IS NULL OR namespace = ?2) AND (?3 IS NULL OR name = ?3)"
			      " ORDER BY kind, namespace, name",
			      "ttt", key->kind, key->name_space, key->name) < 0
		       ? -1
		       : hand_out(&rows, &reader, err);
}

int objects_each_revision(struct database *database, const struct object_key *key,
			  object_row_fn each, void *userdata, struct lxcri_error *err)
{
	const struct object_reader reader = { each, userdata };
	autorun(object_rows_finish) struct object_rows rows = {};
	const struct statement_reader taking = { take, &rows };

	return statement_read(database, err, &taking,
			      "SELECT " COLUMNS " FROM object_revision WHERE kind = ?1 AND"
			      " namespace = ?2 AND name = ?3 ORDER BY revision",
			      "ttt", key->kind, key->name_space, key->name) < 0
		       ? -1
		       : hand_out(&rows, &reader, err);
}
