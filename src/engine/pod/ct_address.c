/* SPDX-License-Identifier: MIT */
/* Which addresses pods in Proxmox VE have. */

#include "engine/pod/ct_address.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/ct/ct.h"
#include "engine/ct/ct_session.h"
#include "engine/network/rows.h"
#include "engine/pod/ct_pod.h"
#include "engine/virtual/virtual_ready.h"

#include <string.h>

/* Of one interface. */
#define ADDRESSES_MAX 64

/* Tells whether others reach it by @address without knowing more. */
static bool is_usable(const struct address *address)
{
	static const unsigned char loopback[16] = { [15] = 1 };

	if (address->family == AF_INET)
		return address->bytes[0] != 127 &&
		       !(address->bytes[0] == 169 && address->bytes[1] == 254);
	return memcmp(address->bytes, loopback, sizeof(loopback)) != 0 &&
	       !(address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80);
}

/* Takes the first of each family. */
static void take_addresses(struct json_object *link, struct address addresses[2])
{
	struct json_object *list = json_get(link, "ip-addresses");
	size_t count = json_count(list);

	for (size_t i = 0; i < count && i < ADDRESSES_MAX; i++) {
		const char *text = json_get_text(json_object_array_get_idx(list, i), "ip-address");
		struct address address;
		int index;

		if (!text || address_parse(text, AF_UNSPEC, &address) < 0 || !is_usable(&address))
			continue;
		index = address.family == AF_INET ? 0 : 1;
		if (addresses[index].family == 0)
			addresses[index] = address;
	}
}

/* Finds the interface that has the place's MAC address. */
static struct json_object *find_link(struct json_object *links, const struct endpoint_row *row)
{
	size_t count = json_count(links);

	for (size_t i = 0; i < count; i++) {
		struct json_object *link = json_object_array_get_idx(links, i);
		const char *text = json_get_text(link, "hardware-address");
		unsigned char mac[LINK_MAC_BYTES];

		if (!text)
			text = json_get_text(link, "hwaddr");
		if (text && link_mac_parse(text, mac) == 0 &&
		    memcmp(mac, row->mac, sizeof(mac)) == 0)
			return link;
	}
	return NULL;
}

/* Asks the cluster. Returns 1, or 0 where there are none. */
static int ask(struct lxcri_container *container, const struct endpoint_row *row,
	       struct address addresses[2], struct lxcri_error *err)
{
	struct pve *pve = ct_session(container->engine, err);
	autorun(ct_place_finish) struct ct_place place = {};
	autofree char *path = NULL;
	autojson links = NULL;
	struct json_object *link;

	if (!pve || ct_place_load(&container->record, &place, err) < 0)
		return -1;
	if (!place.node || place.vmid == 0)
		return 0;
	path = ct_path(&place, "/interfaces");
	if (pve_get(pve, &links, err, "%s", path) < 0)
		return -1;
	link = find_link(links, row);
	if (link)
		take_addresses(link, addresses);
	return addresses[0].family != 0 || addresses[1].family != 0;
}

static int note(struct lxcri_engine *engine, const char *id, const struct address addresses[2],
		struct lxcri_error *err)
{
	int changed = endpoints_note_away(engine->database, id, addresses, err);

	if (changed < 0)
		return -1;
	if (changed > 0)
		virtual_ready_tell(engine, id);
	return 1;
}

static int look(struct lxcri_pod *pod, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autorun(endpoint_list_finish) struct endpoint_list rows = {};
	struct database *database = engine_database(pod->engine, err);
	struct address addresses[2] = {};
	int r;

	if (!database || endpoint_list_read(database, pod->shell->home.id, NULL, &rows, err) < 0 ||
	    lxcri_container_open(pod->engine, pod->note.members[0].id, &container, err) < 0)
		return -1;
	if (rows.count == 0 || container->status != LXCRI_STATUS_RUNNING)
		return 0;
	r = ask(container, &rows.items[0], addresses, err);
	return r > 0 ? note(pod->engine, pod->shell->home.id, addresses, err) : r;
}

int ct_address_look_at(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list rows = {};
	struct database *database = engine_database(container->engine, err);
	const char *id = container->home.id;
	struct address addresses[2] = {};
	int r;

	if (!database || endpoint_list_read(database, id, NULL, &rows, err) < 0)
		return -1;
	if (rows.count > 0 && container->status == LXCRI_STATUS_STOPPED)
		return endpoints_note_gone(database, id, err) < 0 ? -1 : 0;
	if (rows.count == 0 || container->status != LXCRI_STATUS_RUNNING)
		return 0;
	r = ask(container, &rows.items[0], addresses, err);
	return r > 0 ? note(container->engine, id, addresses, err) : r;
}

int ct_address_look(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	struct lxcri_error gone = {};
	int r;

	if (lxcri_container_open(engine, id, &container, &gone) == 0 && container->record.pod_of)
		id = container->record.pod_of;
	else if (container && ct_is(container))
		return ct_address_look_at(container, err);
	if (lxcri_pod_open(engine, id, &pod, err) < 0)
		return -1;
	if (!ct_pod_is(pod->shell) || pod->note.n_members == 0)
		return 0;
	r = look(pod, err);
	return r < 0 ? fail_while(err, "the addresses of pod %s", id) : r;
}
