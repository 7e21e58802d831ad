/* SPDX-License-Identifier: MIT */
/* What a place on the LAN stands on. */

#include "engine/lan/lan_parent.h"

#define LOOPBACK_INDEX 1

static int check_bridge(const struct lan_spec *spec, const struct link *link,
			struct lxcri_error *err)
{
	if (!link->is_bridge)
		return fail(err, LXCRI_E_BRIDGE_NOT_FOUND,
			    "the interface %s is no bridge; macvlan:%s shares it instead",
			    spec->parent, spec->parent);
	if (spec->vlan > 0 && !link->vlan_filtering)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED,
			    "vlan=%u: bridge %s has no VLAN filtering", spec->vlan, spec->parent);
	return 0;
}

int lan_parent_get(struct netlink *route, const struct lan_spec *spec, struct link *ret,
		   struct lxcri_error *err)
{
	int r = link_find(route, spec->parent, ret, err);

	if (r <= 0)
		return r < 0 ? -1
			     : fail(err, LXCRI_E_BRIDGE_NOT_FOUND, "no %s is called %s",
				    spec->kind == LAN_BRIDGE ? "bridge" : "interface",
				    spec->parent);
	/* On it, the rules that keep deployments apart would not know of the container. */
	if (ret->group == LINK_GROUP)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED,
			    "the bridge %s is one of our networks': use --network and its name",
			    spec->parent);
	if (ret->index == LOOPBACK_INDEX)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED, "%s leads to no LAN", spec->parent);
	return spec->kind == LAN_BRIDGE ? check_bridge(spec, ret, err) : 0;
}
