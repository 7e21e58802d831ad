/* SPDX-License-Identifier: MIT */
/* A place on the LAN that a container gets, or loses, after it was made. */

#include "engine/lan/lan.h"

#include "base/mem.h"
#include "engine/lan/lan_rules.h"
#include "net/route.h"
#include "os/network/netns.h"

#include <string.h>

static bool is_alive(const struct lxcri_container *container)
{
	return container->status != LXCRI_STATUS_STOPPED && container->state.pid > 0;
}

static int plug(struct lxcri_container *container, unsigned int position, struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	autoclose int netns = netns_open(container->state.pid);

	if (netns < 0)
		return fail_errno(err, netns, "enter the network namespace of container %s",
				  container->home.id);
	if (session_begin(container->engine, &session, err) < 0)
		return -1;
	return lan_plug(&session, container->home.id, position, netns, NULL, err);
}

int lan_connect(struct lxcri_container *container, struct lxcri_error *err)
{
	struct database *database = engine_database(container->engine, err);
	autorun(lan_list_finish) struct lan_list places = {};
	unsigned int position;

	if (!database || lan_list_read(database, container->home.id, &places, err) < 0)
		return -1;
	if (!is_alive(container) || places.count == 0)
		return 0;
	position = places.items[places.count - 1].position;
	return plug(container, position, err) < 0 ? -1 : lan_lease(container, position, err);
}

/* Tells whether @place is what was asked for as "@network,...". */
static bool begins(const struct lan_row *place, const char *network)
{
	size_t length = strlen(network);

	return !strchr(network, ',') && strncmp(place->spec, network, length) == 0 &&
	       place->spec[length] == ',';
}

static int find(const struct lan_list *places, const char *network, const struct lan_row **ret,
		struct lxcri_error *err)
{
	const struct lan_row *found = NULL;

	for (size_t i = 0; i < places->count; i++)
		if (strcmp(places->items[i].spec, network) == 0) {
			*ret = &places->items[i];
			return 0;
		}
	for (size_t i = 0; i < places->count; i++) {
		if (!begins(&places->items[i], network))
			continue;
		if (found)
			return fail(err, LXCRI_E_CONFIGURATION_FAILED,
				    "it has several places there: name %s or %s", found->spec,
				    places->items[i].spec);
		found = &places->items[i];
	}
	*ret = found;
	return found ? 0 : fail(err, LXCRI_E_CONFIGURATION_FAILED, "it has no place there");
}

/* Removes the interface of @place in the container, which takes a port of a bridge along. */
static int unplug(struct lxcri_container *container, const struct lan_row *place,
		  struct lxcri_error *err)
{
	autofree char *name = xformat("eth%u", place->position);
	autoptr(netlink) theirs = NULL;
	autoclose int netns = netns_open(container->state.pid);
	int r = netns < 0 ? netns : netns_open_netlink(netns, NETLINK_ROUTE, &theirs);
	struct link inside;

	if (r < 0)
		return fail_errno(err, r, "enter the network namespace of container %s",
				  container->home.id);
	r = link_find(theirs, name, &inside, err);
	return r <= 0 ? r : link_remove(theirs, inside.index, err);
}

static int end_lease(struct lxcri_container *container, const struct lan_row *place,
		     struct lxcri_error *err)
{
	autofree char *name = xformat("eth%u", place->position);
	autoptr(monitor) monitor = NULL;
	struct lan_spec spec;

	if (lan_spec_parse(place->spec, &spec, err) < 0)
		return -1;
	if (!spec.dhcp)
		return 0;
	return container_connect(container, &monitor, err) < 0
		       ? -1
		       : monitor_lease_end(monitor, name, err);
}

int lan_disconnect(struct lxcri_container *container, const char *network, struct lxcri_error *err)
{
	struct database *database = engine_database(container->engine, err);
	autorun(session_end) struct session session = SESSION_NULL;
	autorun(lan_list_finish) struct lan_list places = {};
	const char *id = container->home.id;
	const struct lan_row *place = NULL;

	if (!database || lan_list_read(database, id, &places, err) < 0 ||
	    find(&places, network, &place, err) < 0)
		return -1;
	if (is_alive(container) && end_lease(container, place, err) < 0)
		return -1;
	if (session_begin(container->engine, &session, err) < 0 ||
	    (is_alive(container) && unplug(container, place, err) < 0) ||
	    lans_remove(session.database, id, place->position, err) < 0)
		return -1;
	return lan_rules_remove_one(&session, place, err);
}
