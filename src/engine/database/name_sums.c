/* SPDX-License-Identifier: MIT */
/* Sums of rows that give names. */

#include "engine/database/name_sums.h"

#include "base/fnv.h"
#include "base/mem.h"
#include "engine/database/statement.h"

#include <stdlib.h>
#include <string.h>

/* What the second column says. */
enum kind { KIND_ENDPOINT, KIND_SERVICE, KIND_MEMBER, KIND_ALIAS, KIND_AWAY, KIND_GUEST };

static struct name_sum *need(struct name_sum_list *list, const char *network)
{
	struct name_sum *last = list->count > 0 ? &list->items[list->count - 1] : NULL;

	if (last && strcmp(last->network, network) == 0)
		return last;
	list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count] = (struct name_sum){ .network = xstrdup(network) };
	return &list->items[list->count++];
}

static int take_row(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	struct name_sum *item = need(userdata, statement_text(row, 0));
	const int kind = sqlite3_column_int(row, 1);
	uint64_t sum = FNV_START;

	for (int column = 1; column < sqlite3_column_count(row); column++) {
		for (const char *c = statement_text(row, column); *c; c++)
			sum = fnv_add(sum, (unsigned char)*c);
		sum = fnv_add(sum, 0);
	}
	/* Rows come in any order. */
	item->sum += sum ^ sum >> 29;
	item->has_endpoints |= kind == KIND_ENDPOINT;
	item->has_guests |= kind == KIND_GUEST;
	item->has_members |= kind == KIND_MEMBER;
	return 0;
}

int name_sum_list_read(struct database *database, struct name_sum_list *ret,
		       struct lxcri_error *err)
{
	const struct statement_reader rows = { take_row, ret };

	return statement_read(database, err, &rows,
			      "SELECT network, 0, container, ip4, ip6, hostname, aliases"
			      " FROM endpoint WHERE interface IS NOT NULL UNION ALL"
			      /* Who is elsewhere has names, but asks for none unless a guest. */
			      " SELECT network, 4, container, ip4, ip6, hostname, aliases"
			      " FROM endpoint WHERE away UNION ALL"
			      " SELECT network, 5, container, '', '', '', ''"
			      " FROM endpoint JOIN guest USING (container) UNION ALL"
			      " SELECT network, 1, space, name, ports, unready,"
			      " ifnull(ip4, '') || ' ' || ifnull(ip6, '') FROM service"
			      " UNION ALL"
			      /* Members of a service with an address have no names by that. */
			      " SELECT network, 2, space, service, hostname, container, ''"
			      " FROM member m WHERE EXISTS (SELECT 1 FROM service s WHERE"
			      " s.network = m.network AND s.space = m.space AND"
			      " s.name = m.service AND s.ip4 IS NULL AND s.ip6 IS NULL)"
			      " UNION ALL"
			      " SELECT namespace, 3, name,"
			      " json_extract(document, '$.spec.externalName'), '', '', ''"
			      " FROM object WHERE kind = 'Service' AND"
			      " json_extract(document, '$.spec.type') = 'ExternalName'"
			      " ORDER BY 1",
			      "") < 0
		       ? -1
		       : 0;
}

void name_sum_list_finish(struct name_sum_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].network);
	free(list->items);
	*list = (struct name_sum_list){};
}
