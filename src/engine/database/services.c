/* SPDX-License-Identifier: MIT */
/* Headless services in the state database. */

#include "engine/database/services.h"

#include "base/json.h"
#include "base/mem.h"
#include "engine/database/statement.h"

#include <string.h>

void service_row_finish(struct service_row *row)
{
	for (size_t i = 0; i < row->n_ports; i++)
		free(row->ports[i].name);
	free(row->ports);
	free(row->network);
	free(row->space);
	free(row->name);
	*row = (struct service_row){};
}

void member_row_finish(struct member_row *row)
{
	free(row->network);
	free(row->space);
	free(row->service);
	free(row->hostname);
	free(row->container);
	*row = (struct member_row){};
}

static char *format_ports(const struct service_row *row)
{
	autojson array = json_object_new_array();

	for (size_t i = 0; i < row->n_ports; i++) {
		struct json_object *port = json_object_new_object();

		json_set_text(port, "name", row->ports[i].name);
		json_object_object_add(port, "protocol",
				       json_object_new_int(row->ports[i].protocol));
		json_object_object_add(port, "port", json_object_new_int(row->ports[i].port));
		json_object_array_add(array, port);
	}
	return json_format_line(array);
}

static int take_ports(const char *text, struct service_row *row, struct lxcri_error *err)
{
	autojson array = NULL;

	if (json_parse(text, strlen(text), &json_limits_config, &array, err) < 0)
		return fail_as(err, LXCRI_E_STORAGE_ERROR, "the database's row of service %s",
			       row->name);
	row->ports = xcalloc(json_count(array) + 1, sizeof(*row->ports));
	for (size_t i = 0; i < json_count(array); i++) {
		struct json_object *port = json_object_array_get_idx(array, i);

		row->ports[row->n_ports++] = (struct service_port){
			.name = xstrdup(json_get_text(port, "name")),
			.protocol = (uint8_t)json_get_u64(port, "protocol", 0),
			.port = (uint16_t)json_get_u64(port, "port", 0),
		};
	}
	return 0;
}

int services_put(struct database *database, const struct service_row *row, struct lxcri_error *err)
{
	autofree char *ports = format_ports(row);

	return statement_run(database, err,
			     "INSERT INTO service (network, space, name, ports, unready)"
			     " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (network, space, name)"
			     " DO UPDATE SET ports = ?4, unready = ?5",
			     "tttti", row->network, row->space, row->name, ports,
			     (int64_t)row->unready);
}

int services_delete(struct database *database, const struct service_row *key,
		    struct lxcri_error *err)
{
	return statement_read(database, err, NULL,
			      "DELETE FROM service WHERE network = ?1 AND space = ?2 AND name = ?3"
			      " RETURNING 1",
			      "ttt", key->network, key->space, key->name);
}

int services_have(struct database *database, const struct service_row *key, struct lxcri_error *err)
{
	return statement_read(database, err, NULL,
			      "SELECT 1 FROM service WHERE network = ?1 AND space = ?2 AND"
			      " name = ?3",
			      "ttt", key->network, key->space, key->name);
}

int services_count(struct database *database, const char *network, struct lxcri_error *err)
{
	return statement_read(database, err, NULL, "SELECT 1 FROM service WHERE network = ?1", "t",
			      network);
}

static int take_service(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	struct service_list *list = userdata;
	struct service_row *item;

	list->items = xreallocarray(list->items, list->count + 1, sizeof(*item));
	item = &list->items[list->count++];
	*item = (struct service_row){
		.network = xstrdup(statement_text(row, 0)),
		.space = xstrdup(statement_text(row, 1)),
		.name = xstrdup(statement_text(row, 2)),
		.unready = sqlite3_column_int(row, 4) != 0,
	};
	return take_ports(statement_text(row, 3), item, err);
}

int service_list_read(struct database *database, const char *network, struct service_list *ret,
		      struct lxcri_error *err)
{
	const struct statement_reader rows = { take_service, ret };
	int r = network ? statement_read(database, err, &rows,
					 "SELECT network, space, name, ports, unready FROM service"
					 " WHERE network = ?1 ORDER BY space, name",
					 "t", network)
			: statement_read(database, err, &rows,
					 "SELECT network, space, name, ports, unready FROM service"
					 " ORDER BY network, space, name",
					 "");

	return r < 0 ? -1 : 0;
}

void service_list_finish(struct service_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		service_row_finish(&list->items[i]);
	free(list->items);
	*list = (struct service_list){};
}

static int take_container(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	char **container = userdata;

	free(*container);
	*container = xstrdup(statement_text(row, 0));
	return 0;
}

int members_put(struct database *database, const struct member_row *row, struct lxcri_error *err)
{
	autofree char *other = NULL;
	const struct statement_reader rows = { take_container, &other };
	int r = statement_read(database, err, &rows,
			       "SELECT container FROM member WHERE network = ?1 AND space = ?2 AND"
			       " service = ?3 AND hostname = ?4 AND container <> ?5",
			       "ttttt", row->network, row->space, row->service, row->hostname,
			       row->container);

	if (r > 0)
		return fail(err, LXCRI_E_NETWORK_IDENTITY_ERROR,
			    "container %s has the host name %s in the service %s.%s of the network "
			    "%s already",
			    other, row->hostname, row->service, row->space, row->network);
	if (r < 0)
		return -1;
	return statement_run(database, err,
			     "INSERT INTO member (network, space, service, hostname, container)"
			     " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
			     "ttttt", row->network, row->space, row->service, row->hostname,
			     row->container);
}

int members_delete(struct database *database, const struct member_row *row, struct lxcri_error *err)
{
	return statement_read(database, err, NULL,
			      "DELETE FROM member WHERE container = ?1 AND network = ?2 AND"
			      " space = ?3 AND service = ?4 RETURNING 1",
			      "tttt", row->container, row->network, row->space, row->service);
}

static int take_member(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	struct member_list *list = userdata;

	/* A power of two is full. */
	if ((list->count & (list->count - 1)) == 0)
		list->items = xreallocarray(list->items, list->count ? list->count * 2 : 1,
					    sizeof(*list->items));
	list->items[list->count++] = (struct member_row){
		.network = xstrdup(statement_text(row, 0)),
		.space = xstrdup(statement_text(row, 1)),
		.service = xstrdup(statement_text(row, 2)),
		.hostname = xstrdup(statement_text(row, 3)),
		.container = xstrdup(statement_text(row, 4)),
	};
	return 0;
}

int member_list_read(struct database *database, const char *network, struct member_list *ret,
		     struct lxcri_error *err)
{
	const struct statement_reader rows = { take_member, ret };
	int r = network ? statement_read(database, err, &rows,
					 "SELECT network, space, service, hostname, container"
					 " FROM member WHERE network = ?1"
					 " ORDER BY container, space, service",
					 "t", network)
			: statement_read(database, err, &rows,
					 "SELECT network, space, service, hostname, container"
					 " FROM member ORDER BY network, container, space, service",
					 "");

	return r < 0 ? -1 : 0;
}

void member_list_finish(struct member_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		member_row_finish(&list->items[i]);
	free(list->items);
	*list = (struct member_list){};
}
