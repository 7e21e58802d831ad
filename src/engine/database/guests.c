/* SPDX-License-Identifier: MIT */
/* Guests in the state database. */

#include "engine/database/guests.h"

#include "base/mem.h"
#include "engine/database/statement.h"

#include <string.h>

#define COLUMNS "container, device, server, ip4, ip6"

void guest_row_finish(struct guest_row *row)
{
	free(row->container);
	free(row->network);
	*row = (struct guest_row){};
}

/* Returns the text of @address, NULL for none. */
static const char *text_of(const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
	return address->family ? address_format(address, text) : NULL;
}

int guests_put(struct database *database, const struct guest_row *row, struct lxcri_error *err)
{
	char server[ADDRESS_TEXT_MAX];
	char ip4[ADDRESS_TEXT_MAX];
	char ip6[ADDRESS_TEXT_MAX];

	return statement_run(database, err,
			     "INSERT INTO guest (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5)"
			     " ON CONFLICT (container) DO UPDATE SET device = ?2, server = ?3,"
			     " ip4 = ?4, ip6 = ?5",
			     "ttttt", row->container, row->device,
			     address_format(&row->server, server), text_of(&row->addresses[0], ip4),
			     text_of(&row->addresses[1], ip6));
}

int guests_delete(struct database *database, const char *container, struct lxcri_error *err)
{
	return statement_run(database, err, "DELETE FROM guest WHERE container = ?1", "t",
			     container);
}

/* Reads the address in @column; none is none. Returns false for what is damaged. */
static bool take_address(sqlite3_stmt *row, int column, struct address *ret)
{
	const char *text = statement_text(row, column);

	return !*text || address_parse(text, AF_UNSPEC, ret) == 0;
}

static int take(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	struct guest_list *list = userdata;
	const char *device = statement_text(row, 2);
	struct guest_row item = {};

	(void)err;
	if (!link_name_is_valid(device) || !take_address(row, 3, &item.server) ||
	    item.server.family == 0 || !take_address(row, 4, &item.addresses[0]) ||
	    !take_address(row, 5, &item.addresses[1]) || !take_address(row, 6, &item.known[0]) ||
	    !take_address(row, 7, &item.known[1]))
		return 0;
	item.container = xstrdup(statement_text(row, 0));
	item.network = xstrdup(statement_text(row, 1));
	(void)strcpy(item.device, device);
	list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = item;
	return 0;
}

int guest_list_read(struct database *database, const char *container, struct guest_list *ret,
		    struct lxcri_error *err)
{
	const struct statement_reader rows = { take, ret };

	/* What has ended has the addresses of its last run, which may be somebody else's. */
	return statement_read(database, err, &rows,
			      "SELECT g.container, e.network, g.device, g.server, g.ip4, g.ip6,"
			      " CASE WHEN e.away THEN e.ip4 END, CASE WHEN e.away THEN e.ip6 END"
			      " FROM guest g JOIN endpoint e ON e.container = g.container"
			      " WHERE ?1 IS NULL OR g.container = ?1"
			      " ORDER BY g.device, g.server, e.away DESC, g.container",
			      "t", container) < 0
		       ? -1
		       : 0;
}

void guest_list_finish(struct guest_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		guest_row_finish(&list->items[i]);
	free(list->items);
	*list = (struct guest_list){};
}
