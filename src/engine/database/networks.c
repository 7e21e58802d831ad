/* SPDX-License-Identifier: MIT */
/* Networks, endpoints and ports in the state database. */

#include "engine/database/networks.h"

#include "base/json.h"
#include "base/mem.h"
#include "engine/database/statement.h"

#include <string.h>

#define NETWORK_COLUMNS                                                   \
	"name, deployment, bridge, subnet4, subnet6, last_host, options," \
	" services4, services6, last_service"
#define ENDPOINT_COLUMNS                                                                         \
	"container, network, position, interface, mac, ip4, ip6, hostname, aliases, persistent," \
	" vmid, away"
#define PORT_COLUMNS "container, protocol, host_ip, host_port, container_port"

void network_row_finish(struct network_row *row)
{
	free(row->name);
	free(row->deployment);
	free(row->bridge);
	free(row->options);
	*row = (struct network_row){};
}

void endpoint_row_finish(struct endpoint_row *row)
{
	free(row->container);
	free(row->network);
	free(row->interface);
	free(row->hostname);
	strings_finish(&row->aliases);
	*row = (struct endpoint_row){};
}

void port_row_finish(struct port_row *row)
{
	free(row->container);
	*row = (struct port_row){};
}

static int damaged(const char *what, const char *name, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_STORAGE_ERROR, "the database's row of %s %s is damaged", what,
		    name);
}

int networks_put(struct database *database, const struct network_row *row, struct lxcri_error *err)
{
	char subnet4[ADDRESS_TEXT_MAX];
	char subnet6[ADDRESS_TEXT_MAX];
	char services4[ADDRESS_TEXT_MAX];
	char services6[ADDRESS_TEXT_MAX];

	return statement_run(
		database, err,
		"INSERT INTO network (" NETWORK_COLUMNS ")"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
		" ON CONFLICT (name) DO UPDATE SET deployment = ?2, bridge = ?3,"
		" subnet4 = ?4, subnet6 = ?5, last_host = ?6, options = ?7,"
		" services4 = ?8, services6 = ?9, last_service = ?10",
		"tttttittti", row->name, row->deployment, row->bridge,
		subnet_format(&row->subnets[0], subnet4), subnet_format(&row->subnets[1], subnet6),
		(int64_t)row->last_host, row->options, subnet_format(&row->services[0], services4),
		subnet_format(&row->services[1], services6), (int64_t)row->last_service);
}

int networks_delete(struct database *database, const char *name, struct lxcri_error *err)
{
	return statement_run(database, err, "DELETE FROM network WHERE name = ?1", "t", name);
}

/* Who reads networks. */
struct network_reader {
	network_row_fn each; /* NULL: into `ret` */
	void *userdata;
	struct network_row *ret;
};

static int take_network(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	struct network_reader *reader = userdata;
	autorun(network_row_finish) struct network_row network = {
		.name = xstrdup(statement_text(row, 0)),
		.deployment = xstrdup(statement_text(row, 1)),
		.bridge = xstrdup(statement_text(row, 2)),
		.last_host = (uint32_t)sqlite3_column_int64(row, 5),
		.options = xstrdup(statement_text(row, 6)),
		.last_service = (uint32_t)sqlite3_column_int64(row, 9),
	};

	for (int i = 0; i < 2; i++)
		if ((*statement_text(row, 3 + i) &&
		     subnet_parse(statement_text(row, 3 + i), &network.subnets[i]) < 0) ||
		    (*statement_text(row, 7 + i) &&
		     subnet_parse(statement_text(row, 7 + i), &network.services[i]) < 0))
			return damaged("network", network.name, err);
	if (reader->each)
		return reader->each(reader->userdata, &network, err);
	*reader->ret = network;
	network = (struct network_row){};
	return 0;
}

int networks_find(struct database *database, const char *name, const char *deployment,
		  struct network_row *ret, struct lxcri_error *err)
{
	struct network_reader reader = { .ret = ret };
	const struct statement_reader rows = { take_network, &reader };

	*ret = (struct network_row){};
	return statement_read(database, err, &rows,
			      "SELECT " NETWORK_COLUMNS " FROM network"
			      " WHERE name = ?1 OR deployment = ?2 LIMIT 1",
			      "tt", name, deployment);
}

int networks_each(struct database *database, network_row_fn each, void *userdata,
		  struct lxcri_error *err)
{
	struct network_reader reader = { .each = each, .userdata = userdata };
	const struct statement_reader rows = { take_network, &reader };

	return statement_read(database, err, &rows,
			      "SELECT " NETWORK_COLUMNS " FROM network ORDER BY name", "");
}

/* Returns the text of @address, NULL for none. */
static const char *text_of(const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
	return address->family ? address_format(address, text) : NULL;
}

int endpoints_put(struct database *database, const struct endpoint_row *row,
		  struct lxcri_error *err)
{
	autojson aliases = json_from_texts(&row->aliases);
	autofree char *aliases_text = json_format_line(aliases);
	char mac[LINK_MAC_TEXT_MAX];
	char ip4[ADDRESS_TEXT_MAX];
	char ip6[ADDRESS_TEXT_MAX];

	return statement_run(database, err,
			     "INSERT INTO endpoint (" ENDPOINT_COLUMNS ")"
			     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
			     " ON CONFLICT (container, network) DO UPDATE SET position = ?3,"
			     " interface = ?4, mac = ?5, ip4 = ?6, ip6 = ?7, hostname = ?8,"
			     " aliases = ?9, persistent = ?10, vmid = ?11, away = ?12",
			     "ttittttttiii", row->container, row->network, (int64_t)row->position,
			     row->interface, link_mac_format(row->mac, mac),
			     text_of(&row->addresses[0], ip4), text_of(&row->addresses[1], ip6),
			     row->hostname, aliases_text, (int64_t)row->persistent,
			     (int64_t)row->vmid, (int64_t)row->away);
}

int endpoints_delete(struct database *database, const char *container, const char *network,
		     struct lxcri_error *err)
{
	return statement_run(database, err,
			     "DELETE FROM endpoint WHERE container = ?1 AND network = ?2", "tt",
			     container, network);
}

struct endpoint_reader {
	endpoint_row_fn each;
	void *userdata;
};

static void take_aliases(const char *text, struct strings *ret)
{
	autojson aliases = NULL;
	struct lxcri_error ignored;

	if (json_parse(text, strlen(text), &json_limits_config, &aliases, &ignored) == 0)
		json_take_texts(aliases, ret);
}

static int take_endpoint(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	const struct endpoint_reader *reader = userdata;
	autorun(endpoint_row_finish) struct endpoint_row endpoint = {
		.container = xstrdup(statement_text(row, 0)),
		.network = xstrdup(statement_text(row, 1)),
		.position = (unsigned int)sqlite3_column_int(row, 2),
		.interface = xstrdup((const char *)sqlite3_column_text(row, 3)),
		.hostname = xstrdup(statement_text(row, 7)),
		.persistent = sqlite3_column_int(row, 9) != 0,
		.vmid = (uint32_t)sqlite3_column_int64(row, 10),
		.away = sqlite3_column_int(row, 11) != 0,
	};
	bool is_good = link_mac_parse(statement_text(row, 4), endpoint.mac) == 0;

	for (int i = 0; i < 2; i++)
		if (*statement_text(row, 5 + i))
			is_good &= address_parse(statement_text(row, 5 + i),
						 i == 0 ? AF_INET : AF_INET6,
						 &endpoint.addresses[i]) == 0;
	take_aliases(statement_text(row, 8), &endpoint.aliases);
	if (!is_good)
		return damaged("container", endpoint.container, err);
	return reader->each(reader->userdata, &endpoint, err);
}

int endpoints_each(struct database *database, const char *container, const char *network,
		   endpoint_row_fn each, void *userdata, struct lxcri_error *err)
{
	struct endpoint_reader reader = { each, userdata };
	const struct statement_reader rows = { take_endpoint, &reader };

	if (container)
		return statement_read(database, err, &rows,
				      "SELECT " ENDPOINT_COLUMNS " FROM endpoint WHERE container ="
				      " ?1 AND (?2 IS NULL OR network = ?2) ORDER BY position",
				      "tt", container, network);
	if (network)
		return statement_read(database, err, &rows,
				      "SELECT " ENDPOINT_COLUMNS " FROM endpoint WHERE network = ?1"
				      " ORDER BY container",
				      "t", network);
	return statement_read(database, err, &rows,
			      "SELECT " ENDPOINT_COLUMNS " FROM endpoint"
			      " ORDER BY container, position",
			      "");
}

static int take_number(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	*(int *)userdata = sqlite3_column_int(row, 0);
	return 0;
}

int endpoints_count_attached(struct database *database, const char *network, const char *container,
			     struct lxcri_error *err)
{
	int count = 0;
	const struct statement_reader rows = { take_number, &count };

	if (statement_read(database, err, &rows,
			   "SELECT count(*) FROM endpoint WHERE network = ?1 AND"
			   " interface IS NOT NULL AND container IS NOT ?2",
			   "tt", network, container) < 0)
		return -1;
	return count;
}

int endpoints_have(struct database *database, const char *network, const struct address *address,
		   const char *mac, struct lxcri_error *err)
{
	char text[ADDRESS_TEXT_MAX];
	const char *sql = mac ? "SELECT 1 FROM endpoint WHERE network = ?1 AND mac = ?2"
			  : address->family == AF_INET
				  ? "SELECT 1 FROM endpoint WHERE network = ?1 AND ip4 = ?2"
				  : "SELECT 1 FROM endpoint WHERE network = ?1 AND ip6 = ?2";

	return statement_read(database, err, NULL, sql, "tt", network,
			      mac ? mac : address_format(address, text));
}

int endpoints_note_vmid(struct database *database, const char *container, uint32_t vmid,
			struct lxcri_error *err)
{
	return statement_run(database, err,
			     "UPDATE endpoint SET vmid = ?2 WHERE container = ?1 AND vmid <> ?2",
			     "ti", container, (int64_t)vmid);
}

int endpoints_note_away(struct database *database, const char *container,
			const struct address addresses[2], struct lxcri_error *err)
{
	char ip4[ADDRESS_TEXT_MAX];
	char ip6[ADDRESS_TEXT_MAX];
	const char *texts[] = { text_of(&addresses[0], ip4), text_of(&addresses[1], ip6) };

	/* A lease that has passed on to another one. */
	if (statement_run(database, err,
			  "UPDATE endpoint SET ip4 = nullif(ip4, ?2), ip6 = nullif(ip6, ?3)"
			  " WHERE container <> ?1 AND vmid > 0 AND (ip4 = ?2 OR ip6 = ?3)",
			  "ttt", container, texts[0], texts[1]) < 0)
		return -1;
	return statement_run(database, err,
			     "UPDATE endpoint SET ip4 = ?2, ip6 = ?3, away = 1 WHERE container = ?1"
			     " AND (ip4 IS NOT ?2 OR ip6 IS NOT ?3 OR away = 0)",
			     "ttt", container, texts[0], texts[1]);
}

int endpoints_note_gone(struct database *database, const char *container, struct lxcri_error *err)
{
	return statement_run(database, err,
			     "UPDATE endpoint SET away = 0 WHERE container = ?1 AND away <> 0", "t",
			     container);
}

int endpoints_rename(struct database *database, const char *from, const char *to,
		     struct lxcri_error *err)
{
	if (statement_run(database, err, "UPDATE endpoint SET container = ?2 WHERE container = ?1",
			  "tt", from, to) < 0)
		return -1;
	return statement_run(database, err, "UPDATE port SET container = ?2 WHERE container = ?1",
			     "tt", from, to);
}

int ports_put(struct database *database, const struct port_row *row, struct lxcri_error *err)
{
	char host[ADDRESS_TEXT_MAX];

	return statement_run(
		database, err, "INSERT INTO port (" PORT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5)",
		"titii", row->container, (int64_t)row->protocol, address_format(&row->host, host),
		(int64_t)row->host_port, (int64_t)row->container_port);
}

int ports_delete(struct database *database, const struct port_row *row, struct lxcri_error *err)
{
	char host[ADDRESS_TEXT_MAX];

	return statement_run(database, err,
			     "DELETE FROM port WHERE container = ?1 AND protocol = ?2 AND"
			     " host_ip = ?3 AND host_port = ?4",
			     "titi", row->container, (int64_t)row->protocol,
			     address_format(&row->host, host), (int64_t)row->host_port);
}

struct port_reader {
	port_row_fn each;
	void *userdata;
};

static int take_port(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	const struct port_reader *reader = userdata;
	autorun(port_row_finish) struct port_row port = {
		.container = xstrdup(statement_text(row, 0)),
		.protocol = (uint8_t)sqlite3_column_int(row, 1),
		.host_port = (uint16_t)sqlite3_column_int(row, 3),
		.container_port = (uint16_t)sqlite3_column_int(row, 4),
	};

	if (*statement_text(row, 2) &&
	    address_parse(statement_text(row, 2), AF_UNSPEC, &port.host) < 0)
		return damaged("a port of container", port.container, err);
	return reader->each(reader->userdata, &port, err);
}

int ports_each(struct database *database, const char *container, port_row_fn each, void *userdata,
	       struct lxcri_error *err)
{
	struct port_reader reader = { each, userdata };
	const struct statement_reader rows = { take_port, &reader };

	if (container)
		return statement_read(database, err, &rows,
				      "SELECT " PORT_COLUMNS " FROM port WHERE container = ?1"
				      " ORDER BY container_port, protocol, host_port",
				      "t", container);
	return statement_read(database, err, &rows,
			      "SELECT " PORT_COLUMNS " FROM port"
			      " ORDER BY container, container_port, protocol, host_port",
			      "");
}

int ports_count(struct database *database, const char *container, struct lxcri_error *err)
{
	int count = 0;
	const struct statement_reader rows = { take_number, &count };

	if (statement_read(database, err, &rows, "SELECT count(*) FROM port WHERE container = ?1",
			   "t", container) < 0)
		return -1;
	return count;
}

/* What is wanted, and who has it. */
struct taker {
	const struct port_row *wanted;
	char *container;
};

/* Tells whether @host means every address of @other's family. */
static bool is_any_for(const struct address *host, const struct address *other)
{
	static const unsigned char zeroes[16];

	if (!host->family)
		return true;
	return memcmp(host->bytes, zeroes, sizeof(zeroes)) == 0 &&
	       (!other->family || host->family == other->family);
}

static int compare_port(void *userdata, const struct port_row *row, struct lxcri_error *err)
{
	struct taker *taker = userdata;
	const struct address *wanted = &taker->wanted->host;

	if (!taker->container &&
	    (is_any_for(wanted, &row->host) || is_any_for(&row->host, wanted) ||
	     address_equals(wanted, &row->host)))
		taker->container = xstrdup(row->container);
	return 0;
}

int ports_find_taker(struct database *database, const struct port_row *row, char **ret_container,
		     struct lxcri_error *err)
{
	struct taker taker = { .wanted = row };
	struct port_reader reader = { compare_port, &taker };
	const struct statement_reader rows = { take_port, &reader };

	if (statement_read(database, err, &rows,
			   "SELECT " PORT_COLUMNS " FROM port WHERE protocol = ?1 AND"
			   " host_port = ?2 AND container IS NOT ?3 AND EXISTS (SELECT 1 FROM"
			   " endpoint WHERE endpoint.container = port.container AND"
			   " interface IS NOT NULL)",
			   "iit", (int64_t)row->protocol, (int64_t)row->host_port,
			   row->container) < 0) {
		free(taker.container);
		return -1;
	}
	*ret_container = taker.container;
	return taker.container != NULL;
}
