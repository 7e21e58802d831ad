/* SPDX-License-Identifier: MIT */
/* Containers that are no pod's, as guests. */

#include "engine/guest/guest_join.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/lan/lan_spec.h"
#include "engine/network/create.h"
#include "engine/network/rows.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* Bits of the first byte of a MAC address. */
#define MAC_MULTICAST 0x01u
#define MAC_LOCAL     0x02u

void guest_join_finish(struct guest_join *join)
{
	names_lookup_finish(&join->names);
	freep(&join->node);
}

int guest_join_choose_mac(const char *asked, const char *network,
			  unsigned char ret[static LINK_MAC_BYTES], struct lxcri_error *err)
{
	static const unsigned char none[LINK_MAC_BYTES];
	struct lan_spec spec = {};

	if (asked)
		return link_mac_parse(asked, ret) < 0
			       ? fail(err, LXCRI_E_INVALID_ARGUMENT,
				      "\"%.40s\" is no MAC address of one interface", asked)
			       : 0;
	if (network && lan_spec_is(network) && lan_spec_parse(network, &spec, err) < 0)
		return -1;
	memcpy(ret, spec.mac, LINK_MAC_BYTES);
	if (memcmp(spec.mac, none, sizeof(none)) != 0)
		return 0;
	if (getrandom(ret, LINK_MAC_BYTES, 0) != LINK_MAC_BYTES)
		return fail_errno(err, errno, "make a random address");
	ret[0] = (unsigned char)((ret[0] & ~MAC_MULTICAST) | MAC_LOCAL);
	return 0;
}

/* Returns the bridges that @options name; NULL: the usual one. */
static const char *const *bridges_of(const struct lxcri_create_options *options)
{
	const char *const *networks = options->networks;

	return networks && networks[0] && strcmp(networks[0], "default") == 0 && !networks[1]
		       ? NULL
		       : networks;
}

/* Returns 1, or 0 where another has its MAC address: of that nothing forbids a second one. */
static int put_rows(struct session *session, const struct endpoint_row *endpoint,
		    const struct guest_row *guest, struct lxcri_error *err)
{
	autorun(network_row_finish) struct network_row network = {};
	char mac[LINK_MAC_TEXT_MAX];
	int r;

	if (network_find_or_create(session, endpoint->network, &network, err) < 0)
		return -1;
	r = endpoints_have(session->database, endpoint->network, NULL,
			   link_mac_format(endpoint->mac, mac), err);
	if (r != 0)
		return r < 0 ? -1 : 0;
	return endpoints_put(session->database, endpoint, err) < 0 ||
			       guests_put(session->database, guest, err) < 0
		       ? -1
		       : 1;
}

static int make_place(struct lxcri_engine *engine, const struct endpoint_row *endpoint,
		      const struct guest_row *guest, struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	int r;

	if (session_begin(engine, &session, err) < 0 || database_begin(session.database, err) < 0)
		return -1;
	r = put_rows(&session, endpoint, guest, err);
	if (r > 0 && database_commit(session.database, err) == 0)
		return 1;
	database_roll_back(session.database);
	return r == 0 ? 0 : -1;
}

/* Has the options say what follows from that. */
static int complete(struct lxcri_engine *engine, const struct guest_row *guest,
		    struct guest_join *join, struct lxcri_error *err)
{
	struct lxcri_create_options *options = &join->options;
	char server[ADDRESS_TEXT_MAX];

	if (names_complete(engine, options, &join->names, err) < 0)
		return -1;
	strings_finish(&join->names.servers);
	strings_add(&join->names.servers, address_format(&guest->server, server));
	options->dns = (const char *const *)join->names.servers.items;
	options->node = join->node;
	options->mac_address = join->mac;
	return 0;
}

int guest_join_make(struct lxcri_engine *engine, const struct lxcri_create_options *options,
		    const char *hostname, struct guest_join *ret, struct lxcri_error *err)
{
	const char *const *bridges = bridges_of(options);
	autorun(guest_row_finish) struct guest_row guest = {};
	autorun(endpoint_row_finish) struct endpoint_row endpoint = {
		.container = xstrdup(options->id),
		.network = xstrdup(NETWORK_DEFAULT),
		.hostname = xstrdup(hostname),
		.persistent = true,
	};
	int r;

	if (options->dns && options->dns[0])
		return 0;
	ret->options = *options;
	ret->node = xstrdup(options->node);
	r = guest_find_server(engine,
			      &(struct guest_wish){ bridges, options->volumes, options->n_volumes },
			      &ret->node, &guest, err);
	if (r <= 0)
		return r;
	guest.container = xstrdup(options->id);
	if (guest_join_choose_mac(options->mac_address, bridges ? bridges[0] : NULL, endpoint.mac,
				  err) < 0)
		return -1;
	(void)link_mac_format(endpoint.mac, ret->mac);
	r = make_place(engine, &endpoint, &guest, err);
	if (r == 0)
		log_warning("another container has the MAC address %s, so %s is told of no names "
			    "of ours",
			    ret->mac, options->id);
	if (r <= 0)
		return r;
	return complete(engine, &guest, ret, err) < 0 ? -1 : 1;
}
