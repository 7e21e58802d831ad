/* SPDX-License-Identifier: MIT */
/* Services in the state database. */

#include "engine/database/services.h"

#include "base/json.h"
#include "base/mem.h"
#include "engine/database/statement.h"

#include <string.h>

#define SERVICE_COLUMNS "network, space, name, ports, unready, ip4, ip6, options"
#define MEMBER_COLUMNS  "network, space, service, hostname, container, ready, ports"

void service_row_finish(struct service_row *row)
{
	for (size_t i = 0; i < row->n_ports; i++) {
		free(row->ports[i].name);
		free(row->ports[i].target_name);
	}
	free(row->ports);
	free(row->external_ips);
	free(row->network);
	free(row->space);
	free(row->name);
	*row = (struct service_row){};
}

static void finish_member(struct member_row *row)
{
	free(row->network);
	free(row->space);
	free(row->service);
	free(row->hostname);
	free(row->container);
	free(row->ports);
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
		if (row->ports[i].target)
			json_object_object_add(port, "target",
					       json_object_new_int(row->ports[i].target));
		json_set_text(port, "targetName", row->ports[i].target_name);
		if (row->ports[i].node_port)
			json_object_object_add(port, "nodePort",
					       json_object_new_int(row->ports[i].node_port));
		json_object_array_add(array, port);
	}
	return json_format_line(array);
}

static char *format_options(const struct service_row *row)
{
	autojson options = json_object_new_object();
	struct json_object *external_ips = json_object_new_array();
	char text[ADDRESS_TEXT_MAX];

	json_object_object_add(options, "externalIPs", external_ips);
	for (size_t i = 0; i < row->n_external_ips; i++)
		json_object_array_add(external_ips, json_object_new_string(address_format(
							    &row->external_ips[i], text)));
	json_object_object_add(options, "staySeconds", json_object_new_int64(row->stay_seconds));
	return json_format_line(options);
}

static int damaged(const struct service_row *row, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_STORAGE_ERROR, "the database's row of service %s is damaged",
		    row->name);
}

static int take_options(const char *text, struct service_row *row, struct lxcri_error *err)
{
	autojson options = NULL;
	struct json_object *external_ips;

	if (json_parse(text, strlen(text), &json_limits_config, &options, err) < 0)
		return fail_as(err, LXCRI_E_STORAGE_ERROR, "the database's row of service %s",
			       row->name);
	row->stay_seconds = (unsigned int)json_get_u64(options, "staySeconds", 0);
	external_ips = json_get(options, "externalIPs");
	row->external_ips = xcalloc(json_count(external_ips) + 1, sizeof(*row->external_ips));
	for (size_t i = 0; i < json_count(external_ips); i++)
		if (address_parse(
			    json_object_get_string(json_object_array_get_idx(external_ips, i)),
			    AF_UNSPEC, &row->external_ips[row->n_external_ips++]) < 0)
			return damaged(row, err);
	return 0;
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
			.target = (uint16_t)json_get_u64(port, "target", 0),
			.target_name = xstrdup(json_get_text(port, "targetName")),
			.node_port = (uint16_t)json_get_u64(port, "nodePort", 0),
		};
	}
	return 0;
}

int services_put(struct database *database, const struct service_row *row, struct lxcri_error *err)
{
	autofree char *ports = format_ports(row);
	autofree char *options = format_options(row);
	const struct address *ip4 = &row->addresses[0];
	const struct address *ip6 = &row->addresses[1];
	char ip4_text[ADDRESS_TEXT_MAX];
	char ip6_text[ADDRESS_TEXT_MAX];

	return statement_run(database, err,
			     "INSERT INTO service (" SERVICE_COLUMNS ")"
			     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
			     " ON CONFLICT (network, space, name)"
			     " DO UPDATE SET ports = ?4, unready = ?5, ip4 = ?6, ip6 = ?7,"
			     " options = ?8",
			     "ttttittt", row->network, row->space, row->name, ports,
			     (int64_t)row->unready,
			     ip4->family ? address_format(ip4, ip4_text) : NULL,
			     ip6->family ? address_format(ip6, ip6_text) : NULL, options);
}

int services_delete(struct database *database, const struct service_row *key,
		    struct lxcri_error *err)
{
	return statement_read(database, err, NULL,
			      "DELETE FROM service WHERE network = ?1 AND space = ?2 AND name = ?3"
			      " RETURNING 1",
			      "ttt", key->network, key->space, key->name);
}

int services_note_made(struct database *database, const struct service_row *key, int64_t revision,
		       struct lxcri_error *err)
{
	return statement_run(database, err,
			     "UPDATE service SET made_revision = ?4 WHERE network = ?1 AND"
			     " space = ?2 AND name = ?3 AND made_revision <> ?4",
			     "ttti", key->network, key->space, key->name, revision);
}

int services_are_due(struct database *database, const struct service_row *key, int64_t revision,
		     struct lxcri_error *err)
{
	/* The network that has no row yet is the default one. */
	return statement_read(database, err, NULL,
			      "SELECT 1 WHERE (?1 = 'default' OR EXISTS (SELECT 1 FROM network"
			      " WHERE name = ?1)) AND NOT EXISTS (SELECT 1 FROM service WHERE"
			      " network = ?1 AND space = ?2 AND name = ?3 AND made_revision = ?4)",
			      "ttti", key->network, key->space, key->name, revision);
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

static int read_service(sqlite3_stmt *row, struct service_row *ret, struct lxcri_error *err)
{
	*ret = (struct service_row){
		.network = xstrdup(statement_text(row, 0)),
		.space = xstrdup(statement_text(row, 1)),
		.name = xstrdup(statement_text(row, 2)),
		.unready = sqlite3_column_int(row, 4) != 0,
	};
	for (int i = 0; i < 2; i++)
		if (*statement_text(row, 5 + i) &&
		    address_parse(statement_text(row, 5 + i), i == 0 ? AF_INET : AF_INET6,
				  &ret->addresses[i]) < 0)
			return damaged(ret, err);
	if (take_ports(statement_text(row, 3), ret, err) < 0)
		return -1;
	return take_options(statement_text(row, 7), ret, err);
}

static int take_service(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	struct service_list *list = userdata;

	/* A power of two is full. */
	if ((list->count & (list->count - 1)) == 0)
		list->items = xreallocarray(list->items, list->count ? list->count * 2 : 1,
					    sizeof(*list->items));
	return read_service(row, &list->items[list->count++], err);
}

static int take_found(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	return read_service(row, userdata, err);
}

int services_find(struct database *database, const struct service_row *key, struct service_row *ret,
		  struct lxcri_error *err)
{
	const struct statement_reader rows = { take_found, ret };

	*ret = (struct service_row){};
	return statement_read(database, err, &rows,
			      "SELECT " SERVICE_COLUMNS " FROM service WHERE network = ?1 AND"
			      " space = ?2 AND name = ?3",
			      "ttt", key->network, key->space, key->name);
}

int services_have_address(struct database *database, const struct address *address,
			  struct lxcri_error *err)
{
	char text[ADDRESS_TEXT_MAX];

	return statement_read(database, err, NULL,
			      address->family == AF_INET ? "SELECT 1 FROM service WHERE ip4 = ?1"
							 : "SELECT 1 FROM service WHERE ip6 = ?1",
			      "t", address_format(address, text));
}

int services_have_virtual(struct database *database, struct lxcri_error *err)
{
	return statement_read(database, err, NULL,
			      "SELECT 1 FROM service WHERE ip4 IS NOT NULL OR ip6 IS NOT NULL"
			      " LIMIT 1",
			      "");
}

int service_list_read(struct database *database, const char *network, struct service_list *ret,
		      struct lxcri_error *err)
{
	const struct statement_reader rows = { take_service, ret };
	int r = network ? statement_read(database, err, &rows,
					 "SELECT " SERVICE_COLUMNS " FROM service"
					 " WHERE network = ?1 ORDER BY space, name",
					 "t", network)
			: statement_read(database, err, &rows,
					 "SELECT " SERVICE_COLUMNS " FROM service"
					 " ORDER BY network, space, name",
					 "");

	return r < 0 ? -1 : 0;
}

int service_list_read_virtual(struct database *database, const char *container,
			      struct service_list *ret, struct lxcri_error *err)
{
	const struct statement_reader rows = { take_service, ret };
	int r = container ? statement_read(
				    database, err, &rows,
				    "SELECT s.network, s.space, s.name, s.ports, s.unready, s.ip4,"
				    " s.ip6, s.options FROM member m JOIN service s ON"
				    " s.network = m.network AND s.space = m.space AND"
				    " s.name = m.service WHERE m.container = ?1 AND"
				    " (s.ip4 IS NOT NULL OR s.ip6 IS NOT NULL)",
				    "t", container)
			  : statement_read(database, err, &rows,
					   "SELECT " SERVICE_COLUMNS " FROM service"
					   " WHERE ip4 IS NOT NULL OR ip6 IS NOT NULL",
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
		.is_ready = sqlite3_column_int(row, 5) != 0,
		.ports = xstrdup(statement_text(row, 6)),
	};
	return 0;
}

static int take_met(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	struct service_list *services = userdata;

	for (size_t i = 0; i < services->count; i++) {
		struct service_row *service = &services->items[i];

		if (strcmp(service->space, statement_text(row, 0)) != 0 ||
		    strcmp(service->name, statement_text(row, 1)) != 0)
			continue;
		for (int index = 0; index < 2; index++)
			service->unmet[index] = sqlite3_column_int(row, 2 + index) == 0;
	}
	return 0;
}

int services_look_met(struct database *database, const char *network, struct service_list *services,
		      struct lxcri_error *err)
{
	const struct statement_reader rows = { take_met, services };

	return statement_read(database, err, &rows,
			      "SELECT m.space, m.service, max(e.ip4 IS NOT NULL),"
			      " max(e.ip6 IS NOT NULL) FROM endpoint e JOIN member m"
			      " ON m.container = e.container AND m.network = e.network"
			      " WHERE e.network = ?1 AND (e.away OR e.interface IS NOT NULL)"
			      " GROUP BY m.space, m.service HAVING max(e.vmid) > 0",
			      "t", network) < 0
		       ? -1
		       : 0;
}

int member_list_read_service(struct database *database, const struct service_row *key,
			     struct member_list *ret, struct lxcri_error *err)
{
	const struct statement_reader rows = { take_member, ret };

	return statement_read(database, err, &rows,
			      "SELECT " MEMBER_COLUMNS " FROM member WHERE network = ?1 AND"
			      " space = ?2 AND service = ?3 ORDER BY hostname",
			      "ttt", key->network, key->space, key->name) < 0
		       ? -1
		       : 0;
}

int members_note(struct database *database, const char *container, bool is_ready, const char *ports,
		 struct lxcri_error *err)
{
	return statement_run(database, err,
			     "UPDATE member SET ready = ?2, ports = ?3 WHERE container = ?1 AND"
			     " (ready <> ?2 OR ports <> ?3)",
			     "tit", container, (int64_t)is_ready, ports);
}

int members_note_gone(struct database *database, const char *container, struct lxcri_error *err)
{
	return statement_run(database, err,
			     "UPDATE member SET ready = 0 WHERE container = ?1 AND ready <> 0", "t",
			     container);
}

int member_list_read(struct database *database, const char *network, struct member_list *ret,
		     struct lxcri_error *err)
{
	const struct statement_reader rows = { take_member, ret };
	int r = network ? statement_read(database, err, &rows,
					 "SELECT " MEMBER_COLUMNS " FROM member WHERE network = ?1"
					 " ORDER BY container, space, service",
					 "t", network)
			: statement_read(database, err, &rows,
					 "SELECT " MEMBER_COLUMNS
					 " FROM member ORDER BY network, container, space, service",
					 "");

	return r < 0 ? -1 : 0;
}

void member_list_finish(struct member_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		finish_member(&list->items[i]);
	free(list->items);
	*list = (struct member_list){};
}
