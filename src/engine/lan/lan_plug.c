/* SPDX-License-Identifier: MIT */
/* A container's interfaces on the LAN. */

#include "engine/lan/lan.h"

#include "base/mem.h"
#include "engine/lan/lan_parent.h"
#include "engine/lan/lan_rules.h"
#include "net/macvlan.h"
#include "net/route.h"
#include "net/veth.h"
#include "net/vlan.h"
#include "os/network/netns.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* What somebody else's interface is called by chance is tried again. */
#define NAME_ATTEMPTS 8

/* Of an address that nobody assigns, and lower than no other of these. */
#define HIGH_BYTE 0xfe

/* It begins with "veth", and goes on with no digit: Proxmox VE's ifupdown takes ports that it does
 * not know out of its bridges, but for such, and its firewall looks after vethNiM. */
static int choose_name(struct lan_row *place, struct lxcri_error *err)
{
	uint32_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return fail_errno(err, errno, "make a random name");
	free(place->interface);
	place->interface = xformat("vethx%08x", random);
	return 0;
}

static int prepare_one(struct session *session, struct lan_row *place, struct lxcri_error *err)
{
	struct lan_spec spec;
	struct link parent;

	if (lan_spec_parse(place->spec, &spec, err) < 0 ||
	    lan_parent_get(session->route, &spec, &parent, err) < 0)
		return -1;
	if (spec.kind == LAN_BRIDGE && choose_name(place, err) < 0)
		return -1;
	/* Nothing of it is to be seen on the host, but that it is there. */
	if (spec.kind == LAN_MACVLAN) {
		free(place->interface);
		place->interface = xstrdup(spec.parent);
	}
	return lans_put(session->database, place, err);
}

int lan_prepare(struct session *session, const char *container, struct lxcri_error *err)
{
	autorun(lan_list_finish) struct lan_list places = {};

	if (lan_list_read(session->database, container, &places, err) < 0)
		return -1;
	for (size_t i = 0; i < places.count; i++)
		if (prepare_one(session, &places.items[i], err) < 0)
			return fail_while(err, "network %s", places.items[i].spec);
	/* Before there is anything that they are about. */
	return lan_rules_add(session, container, err);
}

/* What one place is made with. */
struct plug {
	struct session *session;
	struct lan_row *place;
	struct lan_spec spec;
	struct link parent;
	const char *name; /* in the container */
	int netns;
	struct netlink *theirs;
};

static int create_veth(const struct plug *plug, struct lxcri_error *err)
{
	struct veth veth = { .peer_name = plug->name,
			     .netns = plug->netns,
			     .mtu = plug->parent.mtu,
			     .bridge = plug->parent.index };

	memcpy(veth.mac, plug->place->mac, sizeof(veth.mac));
	if (getrandom(veth.own_mac, sizeof(veth.own_mac), 0) != sizeof(veth.own_mac))
		return fail_errno(err, errno, "make a random address");
	/* A bridge without an address of its own takes the lowest of its ports: this one is high.
	 */
	veth.own_mac[0] = HIGH_BYTE;
	for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
		int r;

		veth.name = plug->place->interface;
		r = veth_create(plug->session->route, &veth, err);
		if (r != 0)
			return r < 0 ? -1 : 0;
		if (choose_name(plug->place, err) < 0 ||
		    lans_put(plug->session->database, plug->place, err) < 0 ||
		    lan_rules_add(plug->session, plug->place->container, err) < 0)
			return -1;
	}
	return fail(err, LXCRI_E_CONFIGURATION_FAILED, "every name of an interface is taken");
}

/* Puts the port into its VLAN: the container's end is still off, so nothing has passed before. */
static int set_vlan(const struct plug *plug, struct lxcri_error *err)
{
	struct link port;
	int r = plug->spec.vlan == 0
			? 0
			: link_find(plug->session->route, plug->place->interface, &port, err);

	return r <= 0 ? r
		      : vlan_set(plug->session->route, port.index, plug->spec.vlan,
				 plug->parent.default_vlan, err);
}

/* Puts a port right whose end in the container is @inside. */
static int repair_veth(const struct plug *plug, const struct link *inside, struct lxcri_error *err)
{
	struct veth veth = { .name = plug->place->interface, .bridge = plug->parent.index };
	struct link outside;
	int r = link_find_index(plug->session->route, inside->peer, &outside, err);

	if (r <= 0)
		return r;
	veth.isolated = outside.is_isolated;
	veth.hairpin = outside.is_hairpin;
	return veth_repair(plug->session->route, &outside, &veth, err);
}

static int create(const struct plug *plug, struct lxcri_error *err)
{
	struct macvlan macvlan = { .parent = plug->parent.index,
				   .mode = plug->spec.mode,
				   .name = plug->name,
				   .netns = plug->netns };

	if (plug->spec.kind == LAN_BRIDGE)
		return create_veth(plug, err);
	memcpy(macvlan.mac, plug->place->mac, sizeof(macvlan.mac));
	return macvlan_create(plug->session->route, &macvlan, err);
}

/* One that its container has got while it runs has no name on the host yet. */
static int name_one(const struct plug *plug, struct lxcri_error *err)
{
	if (plug->place->interface)
		return 0;
	return prepare_one(plug->session, plug->place, err) < 0
		       ? -1
		       : lan_rules_add(plug->session, plug->place->container, err);
}

/* Makes one interface, or puts it right, and gives it what it has without a lease. Returns 1 when
 * it was not there. */
static int plug_one(struct plug *plug, struct lxcri_error *err)
{
	struct interface interface = { .name = plug->name };
	struct link inside;
	int there = link_find(plug->theirs, plug->name, &inside, err);
	int r = there;

	if (r == 0)
		r = name_one(plug, err) < 0 ? -1 : create(plug, err);
	else if (r > 0 && plug->spec.kind == LAN_BRIDGE)
		r = repair_veth(plug, &inside, err);
	if (r < 0 || set_vlan(plug, err) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		interface.addresses[i] = plug->spec.addresses[i];
		interface.prefixes[i] = plug->spec.prefixes[i];
		if (plug->place->position == 0)
			interface.gateways[i] = plug->spec.gateways[i];
	}
	return route_configure(plug->theirs, &interface, err) < 0 ? -1 : !there;
}

int lan_plug(struct session *session, const char *container, unsigned int position, int netns,
	     bool *ret_made, struct lxcri_error *err)
{
	autorun(lan_list_finish) struct lan_list places = {};
	autoptr(netlink) theirs = NULL;
	int r;

	if (lan_list_read(session->database, container, &places, err) < 0)
		return -1;
	r = places.count > 0 ? netns_open_netlink(netns, NETLINK_ROUTE, &theirs) : 0;
	if (r < 0)
		return fail_errno(err, r, "enter the network namespace of container %s", container);
	for (size_t i = 0; i < places.count; i++) {
		struct lan_row *place = &places.items[i];
		autofree char *name = xformat("eth%u", place->position);
		struct plug plug = { .session = session,
				     .place = place,
				     .name = name,
				     .netns = netns,
				     .theirs = theirs };

		if (position != LAN_ALL && position != place->position)
			continue;
		r = lan_spec_parse(place->spec, &plug.spec, err);
		if (r == 0)
			r = lan_parent_get(session->route, &plug.spec, &plug.parent, err);
		if (r == 0)
			r = plug_one(&plug, err);
		if (r < 0)
			return fail_while(err, "network %s", place->spec);
		if (ret_made)
			*ret_made |= r > 0;
	}
	return 0;
}
