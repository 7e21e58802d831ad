/* SPDX-License-Identifier: MIT */
/* Networks, as the API has them. */

#include "lxcri/network.h"

#include "base/mem.h"
#include "config/config.h"
#include "engine/network/create.h"
#include "engine/network/describe.h"
#include "engine/network/session.h"

#include <string.h>

static int read_subnet(const char *text, int family, struct subnet *ret, struct lxcri_error *err)
{
	if (!text)
		return 0;
	if (subnet_parse(text, ret) < 0 || ret->base.family != family)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "\"%s\" is no subnet of IPv%c: expected ADDRESS/PREFIX with nothing "
			    "behind the prefix, and room for two hosts",
			    text, family == AF_INET ? '4' : '6');
	return 0;
}

/* Stores the network and makes its bridge, or leaves nothing. */
static int create(struct session *session, const struct network_wish *wish, struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row row = {};
	struct lxcri_error second = {};
	unsigned int bridge;

	if (database_begin(session->database, err) < 0)
		return -1;
	if (network_create(session, wish, &row, err) < 0 ||
	    database_commit(session->database, err) < 0) {
		database_roll_back(session->database);
		return -1;
	}
	if (session_bring_up(session, &row, &bridge, err) == 0)
		return 0;
	(void)session_remove_network(session, &row, &second);
	(void)networks_delete(session->database, row.name, &second);
	(void)session_tidy(session, NULL, &second);
	return -1;
}

int lxcri_network_create_deployment_bridge(struct lxcri_engine *engine,
					   const struct lxcri_bridge_config *config,
					   struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	const uint32_t mtu = config->mtu ? config->mtu
					 : (uint32_t)config_u64(engine->config, CONFIG_NETWORK_MTU);
	struct network_wish wish = {
		.name = config->name ? config->name : "",
		.deployment = config->deployment_id,
		.no_ipv6 = config->no_ipv6,
		.options = network_options_default(mtu),
	};

	wish.options.vlan = config->vlan;
	wish.options.stp = config->stp;
	wish.options.isolate_ports = config->isolate_ports;
	if (read_subnet(config->subnet, AF_INET, &wish.subnets[0], err) < 0 ||
	    read_subnet(config->subnet6, AF_INET6, &wish.subnets[1], err) < 0 ||
	    session_begin(engine, &session, err) < 0 || create(&session, &wish, err) < 0)
		return fail_as(err, LXCRI_E_BRIDGE_CREATION_FAILED, "create network %s", wish.name);
	return 0;
}

/* Sets the bridge and the rules to what @row has, unless it is not there. */
static int apply(struct session *session, const struct network_row *row, struct lxcri_error *err)
{
	autofree char *alias = NULL;
	struct bridge bridge;
	struct link link;
	int r = link_find(session->route, row->bridge, &link, err);

	if (r <= 0)
		return r;
	if (session_describe_bridge(session, row, &bridge, &alias, err) < 0 ||
	    bridge_configure(session->route, link.index, &bridge, err) < 0)
		return -1;
	return session_set_ports(session, row, err);
}

static int configure(struct session *session, const char *deployment,
		     const struct lxcri_bridge_security *security, struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row row = {};
	struct lxcri_error second = {};
	struct network_options options;
	char *before;
	int r = networks_find(session->database, NULL, deployment, &row, err);

	if (r <= 0)
		return r < 0 ? -1
			     : fail(err, LXCRI_E_BRIDGE_NOT_FOUND,
				    "no network is of the deployment %s", deployment);
	if (network_options_parse(row.options, &options, err) < 0)
		return -1;
	options.vlan_filtering = security->vlan_filtering;
	options.multicast_snooping = security->multicast_snooping;
	options.isolate_ports = security->isolate_ports;
	options.may_spoof = security->may_spoof;
	before = row.options;
	row.options = network_options_format(&options);
	r = networks_put(session->database, &row, err);
	if (r == 0)
		r = apply(session, &row, err);
	if (r == 0)
		r = session_set_rules(session, err);
	if (r < 0) {
		freep(&row.options);
		row.options = xstrdup(before);
		if (networks_put(session->database, &row, &second) == 0)
			(void)apply(session, &row, &second);
	}
	free(before);
	return r;
}

int lxcri_network_configure_bridge_security(struct lxcri_engine *engine, const char *deployment_id,
					    const struct lxcri_bridge_security *security,
					    struct lxcri_error *err)
{
	static const struct lxcri_bridge_security usual = { .vlan_filtering = true,
							    .multicast_snooping = true };
	autorun(session_end) struct session session = SESSION_NULL;

	if (session_begin(engine, &session, err) < 0 ||
	    configure(&session, deployment_id, security ? security : &usual, err) < 0)
		return fail_as(err, LXCRI_E_CONFIGURATION_FAILED,
			       "configure the security of deployment %s", deployment_id);
	return 0;
}

static int note_container(void *userdata, const struct endpoint_row *row, struct lxcri_error *err)
{
	char **name = userdata;

	if (!*name)
		*name = xstrdup(row->container);
	return 0;
}

int lxcri_network_remove(struct lxcri_engine *engine, const char *name, struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	autorun(network_row_finish) struct network_row row = {};
	autofree char *user = NULL;

	if (session_begin(engine, &session, err) < 0 || network_get(engine, name, &row, err) < 0 ||
	    endpoints_each(session.database, NULL, name, note_container, &user, err) < 0)
		return -1;
	if (user)
		return fail(err, LXCRI_E_INVALID_STATE,
			    "network %s has containers in it, such as %s", name, user);
	/* The row last: while it is there, whoever comes next knows what there may be. */
	if (session_remove_network(&session, &row, err) < 0 ||
	    networks_delete(session.database, name, err) < 0 ||
	    session_tidy(&session, NULL, err) < 0)
		return fail_while(err, "remove network %s", name);
	return 0;
}

static int add_network(void *userdata, const struct network_row *row, struct lxcri_error *err)
{
	struct json_object *object = describe_network(row, err);

	if (object)
		json_object_array_add(userdata, object);
	return object ? 0 : -1;
}

int lxcri_network_list_json(struct lxcri_engine *engine, char **ret_json, struct lxcri_error *err)
{
	autojson array = json_object_new_array();

	if (network_each(engine, add_network, array, err) < 0)
		return -1;
	*ret_json = json_format(array);
	return 0;
}

static int add_container(void *userdata, const struct endpoint_row *row, struct lxcri_error *err)
{
	struct json_object *object = describe_endpoint(row);

	json_object_object_del(object, "network");
	json_object_object_add(userdata, row->container, object);
	return 0;
}

int lxcri_network_inspect_json(struct lxcri_engine *engine, const char *name, char **ret_json,
			       struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row row = {};
	autojson object = NULL;
	struct json_object *containers = json_object_new_object();

	if (network_get(engine, name, &row, err) == 0)
		object = describe_network(&row, err);
	if (!object) {
		json_free(containers);
		return -1;
	}
	json_object_object_add(object, "containers", containers);
	if (network_each_endpoint(engine, name, add_container, containers, err) < 0)
		return -1;
	*ret_json = json_format(object);
	return 0;
}
