/* SPDX-License-Identifier: MIT */
/* Places on the LAN in the state database. */

#include "engine/database/lans.h"

#include "base/mem.h"
#include "engine/database/statement.h"

#define COLUMNS "container, position, spec, interface, mac, hostname, resolv"

void lan_row_finish(struct lan_row *row)
{
	free(row->container);
	free(row->spec);
	free(row->interface);
	free(row->hostname);
	free(row->resolv);
	*row = (struct lan_row){};
}

int lans_put(struct database *database, const struct lan_row *row, struct lxcri_error *err)
{
	char mac[LINK_MAC_TEXT_MAX];

	return statement_run(database, err,
			     "INSERT INTO lan (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
			     " ON CONFLICT (container, position) DO UPDATE SET spec = ?3,"
			     " interface = ?4, mac = ?5, hostname = ?6, resolv = ?7",
			     "tittttt", row->container, (int64_t)row->position, row->spec,
			     row->interface, link_mac_format(row->mac, mac), row->hostname,
			     row->resolv);
}

static int take(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	struct lan_list *list = userdata;
	struct lan_row *item;

	list->items = xreallocarray(list->items, list->count + 1, sizeof(*item));
	item = &list->items[list->count++];
	*item = (struct lan_row){
		.container = xstrdup(statement_text(row, 0)),
		.position = (unsigned int)sqlite3_column_int(row, 1),
		.spec = xstrdup(statement_text(row, 2)),
		.interface = xstrdup((const char *)sqlite3_column_text(row, 3)),
		.hostname = xstrdup(statement_text(row, 5)),
		.resolv = xstrdup((const char *)sqlite3_column_text(row, 6)),
	};
	if (link_mac_parse(statement_text(row, 4), item->mac) < 0)
		return fail(err, LXCRI_E_STORAGE_ERROR,
			    "the database's row of container %s is damaged", item->container);
	return 0;
}

int lan_list_read(struct database *database, const char *container, struct lan_list *ret,
		  struct lxcri_error *err)
{
	const struct statement_reader rows = { take, ret };
	/* Apart from each other, so that one container is found by the key. */
	int r = container ? statement_read(database, err, &rows,
					   "SELECT " COLUMNS " FROM lan WHERE container = ?1"
					   " ORDER BY position",
					   "t", container)
			  : statement_read(database, err, &rows,
					   "SELECT " COLUMNS " FROM lan"
					   " ORDER BY container, position",
					   "");

	return r < 0 ? -1 : 0;
}

void lan_list_finish(struct lan_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		lan_row_finish(&list->items[i]);
	free(list->items);
	*list = (struct lan_list){};
}

int lans_remove(struct database *database, const char *container, unsigned int position,
		struct lxcri_error *err)
{
	return statement_run(database, err,
			     "DELETE FROM lan WHERE container = ?1 AND position = ?2", "ti",
			     container, (int64_t)position);
}

int lans_rename(struct database *database, const char *from, const char *to,
		struct lxcri_error *err)
{
	return statement_run(database, err, "UPDATE lan SET container = ?2 WHERE container = ?1",
			     "tt", from, to);
}

int lans_keep_resolv(struct database *database, const char *container, struct lxcri_error *err)
{
	return statement_run(database, err, "UPDATE lan SET resolv = NULL WHERE container = ?1",
			     "t", container);
}
