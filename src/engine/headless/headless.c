/* SPDX-License-Identifier: MIT */
/* Headless services, and containers that become members of them. */

#include "engine/headless/headless.h"

#include "base/mem.h"
#include "config/config.h"
#include "engine/network/rows.h"
#include "net/dns/dns_name.h"

#include <string.h>

char *headless_domain(const struct lxcri_engine *engine, const char *name, const char *space)
{
	return xformat("%s.%s.svc.%s", name, space,
		       config_text(engine->config, CONFIG_NETWORK_CLUSTER_DOMAIN));
}

/* As Kubernetes has it: a label of the DNS in lower case. */
static bool is_label(const char *text)
{
	const size_t length = strlen(text);

	return length > 0 && length <= DNS_LABEL_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length && text[0] != '-' &&
	       text[length - 1] != '-';
}

int headless_check_label(const char *what, const char *text, struct lxcri_error *err)
{
	return is_label(text) ? 0
			      : fail(err, LXCRI_E_INVALID_ARGUMENT,
				     "%s \"%s\" is no label: lower-case letters, digits and \"-\" "
				     "within it, %d at most",
				     what, text, DNS_LABEL_MAX);
}

int headless_parse(const char *text, struct service_row *ret, struct lxcri_error *err)
{
	const char *dot = strchr(text, '.');
	autorun(service_row_finish) struct service_row row = {
		.name = xstrndup(text, dot ? (size_t)(dot - text) : strlen(text)),
		.space = xstrdup(dot ? dot + 1 : HEADLESS_NAMESPACE_DEFAULT),
	};

	if (headless_check_label("service", row.name, err) < 0 ||
	    headless_check_label("namespace", row.space, err) < 0)
		return -1;
	*ret = row;
	row = (struct service_row){};
	return 0;
}

int headless_not_found(const struct service_row *row, const char *where, struct lxcri_error *err)
{
	return fail(err, LXCRI_E_SERVICE_NOT_FOUND, "no service %s in the namespace %s of %s",
		    row->name, row->space, where);
}

int headless_check(struct lxcri_engine *engine, const char *const *services,
		   const struct strings *networks, struct lxcri_error *err)
{
	struct database *database = services ? engine_database(engine, err) : NULL;

	for (size_t i = 0; services && services[i]; i++) {
		autorun(service_row_finish) struct service_row row = {};
		int found = 0;

		if (!database || headless_parse(services[i], &row, err) < 0)
			return -1;
		for (size_t k = 0; found == 0 && k < networks->count; k++) {
			free(row.network);
			row.network = xstrdup(networks->items[k]);
			found = services_have(database, &row, err);
		}
		if (found <= 0)
			return found < 0
				       ? -1
				       : headless_not_found(&row, "the container's networks", err);
	}
	return 0;
}

int headless_join_one(struct lxcri_engine *engine, const struct service_row *service,
		      const struct endpoint_row *endpoint, struct lxcri_error *err)
{
	const struct member_row member = {
		.network = endpoint->network,
		.space = service->space,
		.service = service->name,
		.hostname = endpoint->hostname,
		.container = endpoint->container,
	};
	autofree char *domain = headless_domain(engine, service->name, service->space);
	autofree char *full = xformat("%s.%s", endpoint->hostname, domain);
	struct database *database = engine_database(engine, err);
	uint8_t wire[DNS_NAME_MAX];

	if (dns_name_parse(full, wire) < 0)
		return fail(err, LXCRI_E_NETWORK_IDENTITY_ERROR,
			    "container %s: its host name makes \"%s\", which can be no name",
			    endpoint->container, full);
	return database ? members_put(database, &member, err) : -1;
}

int headless_join(struct lxcri_engine *engine, const char *const *services, const char *container,
		  struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};
	struct database *database = engine_database(engine, err);

	if (!services)
		return 0;
	if (!database || endpoint_list_read(database, container, NULL, &endpoints, err) < 0)
		return -1;
	for (size_t i = 0; services[i]; i++) {
		autorun(service_row_finish) struct service_row row = {};
		unsigned int joined = 0;

		if (headless_parse(services[i], &row, err) < 0)
			return -1;
		for (size_t k = 0; k < endpoints.count; k++) {
			int found;

			free(row.network);
			row.network = xstrdup(endpoints.items[k].network);
			found = services_have(database, &row, err);
			if (found < 0 || (found && headless_join_one(engine, &row,
								     &endpoints.items[k], err) < 0))
				return -1;
			joined += found > 0;
		}
		if (joined == 0)
			return headless_not_found(&row, "the container's networks", err);
	}
	return 0;
}
