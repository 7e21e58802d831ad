/* SPDX-License-Identifier: MIT */
/* A new container's places on the LAN, in the database. */

#include "engine/lan/lan.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/bundle/resolv_conf.h"
#include "engine/lan/lan_parent.h"
#include "engine/lan/lan_rules.h"
#include "engine/network/instance.h"

#include <linux/netlink.h>
#include <string.h>

#define MAC_ATTEMPTS 16

/* What is asked for beside the places is meant for the first network; a place on the LAN says it
 * itself, and what is on the LAN needs no port of the host. */
static int check_options(const struct lxcri_create_options *options, struct lxcri_error *err)
{
	const char *first = options->networks[0];

	if (!lan_spec_is(first))
		return 0;
	if (options->ip || options->ip6 || options->mac_address)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "network %s: its addresses are given behind its name: ip=, ip6=, mac=",
			    first);
	if (options->n_ports > 0 || options->publish_all)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "network %s goes with no published port: the container is on the LAN "
			    "itself",
			    first);
	return 0;
}

int lan_check(const struct join *join, struct lxcri_error *err)
{
	const char *const *networks = join->options->networks;
	autoptr(netlink) route = NULL;
	int r;

	if (!networks || !networks[0])
		return 0;
	if (check_options(join->options, err) < 0)
		return -1;
	for (size_t i = 0; networks[i]; i++) {
		struct lan_spec spec;
		struct link parent;

		if (!lan_spec_is(networks[i]))
			continue;
		if (lan_spec_parse(networks[i], &spec, err) < 0)
			return -1;
		r = route ? 0 : netlink_open(NETLINK_ROUTE, &route);
		if (r < 0)
			return fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
					       "reach the network of the host");
		if (lan_parent_get(route, &spec, &parent, err) < 0)
			return -1;
	}
	return 0;
}

/* Finds another container's place with the same MAC or an address of @spec on the same parent. */
static int find_taker(const struct lan_list *all, const struct lan_spec *spec,
		      const unsigned char *mac, const char **ret_container)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct lan_row *row = &all->items[i];
		struct lxcri_error ignored;
		struct lan_spec other;
		bool is_same;

		if (lan_spec_parse(row->spec, &other, &ignored) < 0 ||
		    strcmp(other.parent, spec->parent) != 0)
			continue;
		is_same = memcmp(row->mac, mac, LINK_MAC_BYTES) == 0;
		for (int k = 0; k < 2; k++)
			is_same |= spec->addresses[k].family && spec->vlan == other.vlan &&
				   address_equals(&spec->addresses[k], &other.addresses[k]);
		*ret_container = row->container;
		if (is_same)
			return 1;
	}
	return 0;
}

static int choose_mac(struct session *session, const struct join *join, const struct lan_spec *spec,
		      unsigned char ret[static LINK_MAC_BYTES], struct lxcri_error *err)
{
	static const unsigned char none[LINK_MAC_BYTES];
	autorun(lan_list_finish) struct lan_list all = {};
	autofree char *network = xformat("%s:%s", lan_kind_name(spec->kind), spec->parent);
	bool is_given = memcmp(spec->mac, none, sizeof(none)) != 0;
	const char *taker = NULL;
	int taken = 1;

	if (lan_list_read(session->database, NULL, &all, err) < 0)
		return -1;
	memcpy(ret, spec->mac, LINK_MAC_BYTES);
	for (unsigned int i = 0; taken && i < (is_given ? 1 : MAC_ATTEMPTS); i++) {
		if (!is_given)
			instance_mac(session->engine, network, join->container, i, ret);
		taken = find_taker(&all, spec, ret, &taker);
	}
	return taken ? fail(err, LXCRI_E_CONFIGURATION_FAILED,
			    "container %s has that address or MAC address on %s already", taker,
			    spec->parent)
		     : 0;
}

int lan_put(struct session *session, const struct join *join, const char *spec,
	    unsigned int position, struct lxcri_error *err)
{
	const struct lxcri_create_options *options = join->options;
	const struct resolv_conf rest = { NULL, options->dns_search, options->dns_options };
	autorun(lan_row_finish) struct lan_row row = {
		.container = xstrdup(join->container),
		.position = position,
		.spec = xstrdup(spec),
		.hostname = xstrdup(join->hostname),
	};
	struct lan_spec parsed;

	if (lan_spec_parse(spec, &parsed, err) < 0 ||
	    choose_mac(session, join, &parsed, row.mac, err) < 0)
		return -1;
	/* As with the way out, it is the first network that counts. */
	if (parsed.dhcp && position == 0 && !(options->dns && options->dns[0])) {
		row.resolv = resolv_conf_format_rest(&rest, err);
		if (!row.resolv)
			return -1;
	}
	return lans_put(session->database, &row, err);
}

int lan_release(struct session *session, const char *container, enum attach_end end,
		struct lxcri_error *err)
{
	autorun(lan_list_finish) struct lan_list places = {};

	if (lan_rules_remove(session, container, err) < 0 ||
	    lan_list_read(session->database, container, &places, err) < 0)
		return -1;
	for (size_t i = 0; i < places.count; i++) {
		if (!places.items[i].interface || end == ATTACH_DELETED)
			continue;
		freep(&places.items[i].interface);
		if (lans_put(session->database, &places.items[i], err) < 0)
			return -1;
	}
	return 0;
}

int lan_is_attached(struct database *database, const char *container, struct lxcri_error *err)
{
	autorun(lan_list_finish) struct lan_list places = {};
	bool found = false;

	if (lan_list_read(database, container, &places, err) < 0)
		return -1;
	for (size_t i = 0; i < places.count; i++)
		found |= places.items[i].interface != NULL;
	return found;
}
