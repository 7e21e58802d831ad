/* SPDX-License-Identifier: MIT */
/* What was applied from manifests. */

#include "engine/database/objects.h"

#include "engine/database/statement.h"

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

struct object_reader {
	object_row_fn each;
	void *userdata;
};

static int take(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	const struct object_reader *reader = userdata;
	const struct object_key key = { statement_text(row, 0), statement_text(row, 1),
					statement_text(row, 2) };

	return reader->each(reader->userdata, &key, statement_text(row, 3),
			    sqlite3_column_int64(row, 4), err);
}

int objects_each(struct database *database, const struct object_key *key, object_row_fn each,
		 void *userdata, struct lxcri_error *err)
{
	struct object_reader reader = { each, userdata };
	const struct statement_reader rows = { take, &reader };

	return statement_read(database, err, &rows,
			      "SELECT " COLUMNS " FROM object WHERE (?1 IS NULL OR kind = ?1) AND"
			      " (?2 IS NULL OR namespace = ?2) AND (?3 IS NULL OR name = ?3)"
			      " ORDER BY kind, namespace, name",
			      "ttt", key->kind, key->name_space, key->name);
}

int objects_each_revision(struct database *database, const struct object_key *key,
			  object_row_fn each, void *userdata, struct lxcri_error *err)
{
	struct object_reader reader = { each, userdata };
	const struct statement_reader rows = { take, &reader };

	return statement_read(database, err, &rows,
			      "SELECT " COLUMNS " FROM object_revision WHERE kind = ?1 AND"
			      " namespace = ?2 AND name = ?3 ORDER BY revision",
			      "ttt", key->kind, key->name_space, key->name);
}
