/* SPDX-License-Identifier: MIT */
/* Where guests ask for names. */

#include "serve/guest_places.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/database/guests.h"
#include "net/dns/dns_guests.h"
#include "net/dns/dns_message.h"
#include "os/network/listener.h"

#include <errno.h>
#include <string.h>

void guest_places_finish(struct guest_places *places)
{
	strings_finish(&places->failed);
	strings_finish(&places->told);
}

/* The guests of one place, and what is made of them. */
struct crowd {
	const struct guest_row *rows;
	size_t count;
	char *name;
	size_t n_lines;
	struct text lines;
};

static void crowd_finish(struct crowd *crowd)
{
	free(crowd->name);
	text_finish(&crowd->lines);
}

static void add_address(struct crowd *crowd, const struct guest_row *row,
			const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];

	if (address->family == 0 || crowd->n_lines == DNS_GUESTS_MAX)
		return;
	text_addf(&crowd->lines, "%s %s\n", address_format(address, text), row->network);
	crowd->n_lines++;
}

/* Takes those that ask where the first of @rows does, which they stand behind. What was given to
 * one comes before what a container says that it has: of an address the first counts. */
static void gather(const struct guest_row *rows, size_t count, struct crowd *ret)
{
	char server[ADDRESS_TEXT_MAX];

	*ret = (struct crowd){ .rows = rows };
	text_add(&ret->lines, "");
	while (ret->count < count && strcmp(rows[ret->count].device, rows->device) == 0 &&
	       address_equals(&rows[ret->count].server, &rows->server)) {
		const struct guest_row *row = &rows[ret->count++];

		for (int i = 0; i < 2; i++)
			add_address(ret, row, &row->addresses[i]);
	}
	for (size_t i = 0; i < ret->count; i++)
		for (int k = 0; k < 2; k++)
			add_address(ret, &rows[i], &rows[i].known[k]);
	ret->name = xformat("%s@%s", address_format(&rows->server, server), rows->device);
}

/* Says once who is in the way; not at the first time, when it may be one of ours that is ending. */
static void complain(struct guest_places *places, const struct crowd *crowd,
		     struct guest_places *next)
{
	const struct guest_row *place = crowd->rows;
	char name[LISTENER_NAME_MAX];
	char text[ADDRESS_TEXT_MAX];
	struct listener listener;
	pid_t pid = 0;

	strings_add(&next->failed, crowd->name);
	if (!strings_has(&places->failed, crowd->name))
		return;
	strings_add(&next->told, crowd->name);
	if (strings_has(&places->told, crowd->name))
		return;
	(void)listener_find(place->server.family, place->server.bytes, DNS_PORT, &listener);
	pid = listener_name(&listener, name);
	log_warning("%s (%d) answers for names at %s on %s: containers of Proxmox VE there are "
		    "told of no names of ours",
		    name, (int)pid, address_format(&place->server, text), place->device);
}

static int put(struct nameserver *nameserver, const struct crowd *crowd)
{
	struct nameserver_network network = { .name = crowd->name,
					      .bridge = crowd->rows->device,
					      .guests = crowd->lines.data };
	char server[ADDRESS_TEXT_MAX];
	int r;

	strings_add(&network.gateways, address_format(&crowd->rows->server, server));
	r = nameserver_put(nameserver, &network);
	strings_finish(&network.gateways);
	return r;
}

static int put_all(struct guest_places *places, const struct guest_list *guests,
		   struct nameserver *nameserver)
{
	struct guest_places next = {};
	int result = 1;

	for (size_t i = 0; i < guests->count;) {
		autorun(crowd_finish) struct crowd crowd = {};
		int r;

		gather(&guests->items[i], guests->count - i, &crowd);
		i += crowd.count;
		r = put(nameserver, &crowd);
		if (r >= 0)
			continue;
		result = 0;
		if (r == -EADDRINUSE)
			complain(places, &crowd, &next);
		else
			log_debug("answer for names at %s: %s", crowd.name, strerror(-r));
	}
	guest_places_finish(places);
	*places = next;
	return result;
}

int guest_places_put(struct guest_places *places, struct lxcri_engine *engine,
		     struct nameserver *nameserver, struct lxcri_error *err)
{
	autorun(guest_list_finish) struct guest_list guests = {};
	struct database *database = engine_database(engine, err);

	if (!database || guest_list_read(database, NULL, &guests, err) < 0)
		return -1;
	return put_all(places, &guests, nameserver);
}
