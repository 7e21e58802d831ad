/* SPDX-License-Identifier: MIT */
/* Reading networks. */

#include "engine/network/network.h"

#include "engine/database/statement.h"

#include <string.h>

int network_each(struct lxcri_engine *engine, network_row_fn each, void *userdata,
		 struct lxcri_error *err)
{
	struct database *database = engine_database(engine, err);

	return database ? networks_each(database, each, userdata, err) : -1;
}

int network_each_endpoint(struct lxcri_engine *engine, const char *name, endpoint_row_fn each,
			  void *userdata, struct lxcri_error *err)
{
	struct database *database = engine_database(engine, err);

	return database ? endpoints_each(database, NULL, name, each, userdata, err) : -1;
}

static int take_version(void *userdata, sqlite3_stmt *row, struct lxcri_error *err)
{
	*(uint64_t *)userdata = (uint64_t)sqlite3_column_int64(row, 0);
	return 0;
}

int network_version(struct lxcri_engine *engine, uint64_t *ret, struct lxcri_error *err)
{
	const struct statement_reader reader = { take_version, ret };
	struct database *database = engine_database(engine, err);

	if (!database || statement_read(database, err, &reader, "PRAGMA data_version", "") < 0)
		return -1;
	return 0;
}

int network_get(struct lxcri_engine *engine, const char *name, struct network_row *ret,
		struct lxcri_error *err)
{
	struct database *database = engine_database(engine, err);
	int r = database ? networks_find(database, name, NULL, ret, err) : -1;

	return r == 0  ? fail(err, LXCRI_E_BRIDGE_NOT_FOUND, "no network is called %s", name)
	       : r < 0 ? -1
		       : 0;
}

const char *network_called(const char *name)
{
	return strcmp(name, "bridge") == 0 ? NETWORK_DEFAULT : name;
}

struct address network_gateway(const struct network_row *row, int index)
{
	const struct subnet *subnet = &row->subnets[index];

	return subnet->base.family ? subnet_host(subnet, 1) : (struct address){};
}
