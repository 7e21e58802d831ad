/* SPDX-License-Identifier: MIT */
/* Making networks. */

#include "engine/network/create.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/network/instance.h"
#include "engine/network/pool.h"

#include <ctype.h>
#include <string.h>

#define NAME_LENGTH_MAX 63

#define BRIDGE_DEFAULT "lxcri0"

/* Tells whether @name can be a network's: [A-Za-z0-9][A-Za-z0-9_.-]{0,62}, and no word that means
 * something else. */
static bool is_valid_name(const char *name)
{
	if (!isalnum((unsigned char)*name) || strlen(name) > NAME_LENGTH_MAX)
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_.-", *c))
			return false;
	return strcmp(name, "none") != 0 && strcmp(name, "host") != 0;
}

struct names {
	const char *bridge;
	bool found;
};

static int compare_bridge(void *userdata, const struct network_row *row, struct lxcri_error *err)
{
	struct names *names = userdata;

	names->found |= strcmp(row->bridge, names->bridge) == 0;
	return 0;
}

/* Tells whether a bridge of ours may be called @name: 1 or 0, or < 0. Those called vmbr and a
 * number are Proxmox VE's, also where there is none of that name yet. */
static int is_free(struct session *session, const char *name, struct lxcri_error *err)
{
	struct names names = { .bridge = name };
	struct link link;
	int r;

	if (!link_name_is_valid(name) || text_starts_with(name, "vmbr"))
		return 0;
	r = link_find(session->route, name, &link, err);
	if (r < 0 || networks_each(session->database, compare_bridge, &names, err) < 0)
		return -1;
	return r == 0 && !names.found;
}

static int choose_bridge(struct session *session, const char *network, char **ret,
			 struct lxcri_error *err)
{
	const char *given = config_text(session->engine->config, CONFIG_NETWORK_BRIDGE);
	bool is_default = strcmp(network, NETWORK_DEFAULT) == 0;
	const char *plain = !is_default ? network : given ? given : BRIDGE_DEFAULT;
	char derived[IFNAMSIZ];
	int r = 0;

	instance_bridge(session->engine, network, derived);
	if (!is_default || given || instance_is_usual(session->engine))
		r = is_free(session, plain, err);
	if (r == 0 && given && is_default)
		return fail(
			err, LXCRI_E_BRIDGE_CREATION_FAILED,
			"network.bridge: %s is no name that a bridge of ours can have, or there "
			"is an interface of that name already",
			given);
	*ret = r < 0 ? NULL : xstrdup(r > 0 ? plain : derived);
	return r < 0 ? -1 : 0;
}

static int choose_subnets(struct session *session, const struct network_wish *wish,
			  struct network_row *row, struct lxcri_error *err)
{
	autofree char *why = NULL;
	int r;

	if (!wish->subnets[0].base.family &&
	    pool_choose(session->engine, session->route, row->name, row->subnets, err) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		if (wish->subnets[i].base.family)
			row->subnets[i] = wish->subnets[i];
	if (!row->subnets[1].base.family)
		row->subnets[1] = pool_subnet6(row->name, &row->subnets[0]);
	if (wish->no_ipv6)
		row->subnets[1] = (struct subnet){};
	r = pool_check(session->engine, session->route, row, &why, err);
	if (r > 0)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED, "network %s: the %s", row->name,
			    why);
	return r;
}

static int check_wish(struct session *session, const struct network_wish *wish,
		      struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row other = {};
	const char *deployment = wish->deployment ? wish->deployment : wish->name;
	int r;

	if (!is_valid_name(wish->name))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "network \"%s\": a name begins with a letter or digit and goes on with "
			    "those, \"_\", \".\" or \"-\", %d at most",
			    wish->name, NAME_LENGTH_MAX);
	if (!*deployment || strlen(deployment) > 253 || text_has_control(deployment))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "network %s: \"%s\" is no id of a deployment", wish->name, deployment);
	if (wish->options.mtu < NETWORK_MTU_MIN || wish->options.mtu > NETWORK_MTU_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "network %s: an MTU is from %d to %d bytes", wish->name,
			    NETWORK_MTU_MIN, NETWORK_MTU_MAX);
	if (wish->options.vlan > NETWORK_VLAN_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "network %s: a VLAN is from 1 to %d",
			    wish->name, NETWORK_VLAN_MAX);
	r = networks_find(session->database, wish->name, deployment, &other, err);
	if (r > 0)
		return fail(err, LXCRI_E_BRIDGE_CREATION_FAILED,
			    "the network %s of the deployment %s is there already", other.name,
			    other.deployment);
	return r;
}

int network_create(struct session *session, const struct network_wish *wish,
		   struct network_row *ret, struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row row = {};

	if (check_wish(session, wish, err) < 0)
		return -1;
	row.name = xstrdup(wish->name);
	row.deployment = xstrdup(wish->deployment ? wish->deployment : wish->name);
	row.options = network_options_format(&wish->options);
	if (choose_bridge(session, wish->name, &row.bridge, err) < 0 ||
	    choose_subnets(session, wish, &row, err) < 0 ||
	    networks_put(session->database, &row, err) < 0)
		return -1;
	*ret = row;
	row = (struct network_row){};
	return 0;
}

int network_find_or_create(struct session *session, const char *name, struct network_row *ret,
			   struct lxcri_error *err)
{
	const struct lxcri_config *config = session->engine->config;
	struct network_wish wish = {
		.name = name,
		.options =
			network_options_default((uint32_t)config_u64(config, CONFIG_NETWORK_MTU)),
	};
	int r = networks_find(session->database, name, NULL, ret, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	if (strcmp(name, NETWORK_DEFAULT) != 0)
		return fail(err, LXCRI_E_BRIDGE_NOT_FOUND, "no network is called %s", name);
	wish.options.implicit = true;
	return network_create(session, &wish, ret, err);
}
