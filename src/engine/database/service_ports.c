/* SPDX-License-Identifier: MIT */
/* Ports of the host that services have, in the state database. */

#include "engine/database/service_ports.h"

#include "base/mem.h"
#include "engine/database/statement.h"

#include <string.h>

int service_ports_put(struct database *database, const struct service_row *service,
		      const struct port_row *ports, size_t n_ports, struct lxcri_error *err)
{
	if (statement_run(database, err,
			  "DELETE FROM service_port WHERE network = ?1 AND space = ?2 AND"
			  " service = ?3",
			  "ttt", service->network, service->space, service->name) < 0)
		return -1;
	for (size_t i = 0; i < n_ports; i++) {
		char host[ADDRESS_TEXT_MAX];

		if (statement_run(database, err,
				  "INSERT INTO service_port (protocol, host_port, host_ip, network,"
				  " space, service) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
				  "iitttt", (int64_t)ports[i].protocol, (int64_t)ports[i].host_port,
				  address_format(&ports[i].host, host), service->network,
				  service->space, service->name) < 0)
			return -1;
	}
	return 0;
}

/* What is wanted, and who has it. */
struct taker {
	const struct port_row *wanted;
	char *service;
};

static int compare(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	struct taker *taker = userdata;
	const char *host = statement_text(row, 0);
	char wanted[ADDRESS_TEXT_MAX];

	if (!taker->service && (!*host || !taker->wanted->host.family ||
				strcmp(host, address_format(&taker->wanted->host, wanted)) == 0))
		taker->service = xformat("%s.%s", statement_text(row, 2), statement_text(row, 1));
	return 0;
}

int service_ports_find_taker(struct database *database, const struct port_row *port,
			     const struct service_row *but, char **ret_service,
			     struct lxcri_error *err)
{
	struct taker taker = { .wanted = port };
	const struct statement_reader rows = { compare, &taker };

	if (statement_read(database, err, &rows,
			   "SELECT host_ip, space, service FROM service_port WHERE protocol = ?1"
			   " AND host_port = ?2 AND NOT (network IS ?3 AND space IS ?4 AND"
			   " service IS ?5)",
			   "iittt", (int64_t)port->protocol, (int64_t)port->host_port,
			   but ? but->network : NULL, but ? but->space : NULL,
			   but ? but->name : NULL) < 0) {
		free(taker.service);
		return -1;
	}
	*ret_service = taker.service;
	return taker.service != NULL;
}
