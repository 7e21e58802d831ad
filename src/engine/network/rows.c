/* SPDX-License-Identifier: MIT */
/* Copies of rows. */

#include "engine/network/rows.h"

#include "base/mem.h"
#include "base/scope.h"

#include <string.h>

static int copy_endpoint(void *userdata, const struct endpoint_row *row, struct lxcri_error *err)
{
	struct endpoint_list *list = userdata;
	struct endpoint_row *copy;

	list->items = xreallocarray(list->items, list->count + 1, sizeof(*copy));
	copy = &list->items[list->count++];
	*copy = (struct endpoint_row){
		.container = xstrdup(row->container),
		.network = xstrdup(row->network),
		.position = row->position,
		.interface = xstrdup(row->interface),
		.hostname = xstrdup(row->hostname),
		.persistent = row->persistent,
		.vmid = row->vmid,
		.away = row->away,
	};
	memcpy(copy->mac, row->mac, sizeof(copy->mac));
	memcpy(copy->addresses, row->addresses, sizeof(copy->addresses));
	strings_add_all(&copy->aliases, &row->aliases);
	return 0;
}

int endpoint_list_read(struct database *database, const char *container, const char *network,
		       struct endpoint_list *ret, struct lxcri_error *err)
{
	return endpoints_each(database, container, network, copy_endpoint, ret, err) < 0 ? -1 : 0;
}

void endpoint_list_finish(struct endpoint_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		endpoint_row_finish(&list->items[i]);
	free(list->items);
	*list = (struct endpoint_list){};
}

static int copy_port(void *userdata, const struct port_row *row, struct lxcri_error *err)
{
	struct port_list *list = userdata;

	list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count] = *row;
	list->items[list->count++].container = xstrdup(row->container);
	return 0;
}

int port_list_read(struct database *database, const char *container, struct port_list *ret,
		   struct lxcri_error *err)
{
	return ports_each(database, container, copy_port, ret, err) < 0 ? -1 : 0;
}

void port_list_finish(struct port_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		port_row_finish(&list->items[i]);
	free(list->items);
	*list = (struct port_list){};
}
