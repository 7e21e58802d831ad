/* SPDX-License-Identifier: MIT */
#pragma once

/* A client of DHCP for one interface, as a machine of states without a clock and a socket of its
 * own: it is told of the time and of messages, and says what is to be sent and what became of its
 * lease. Times are milliseconds of a clock that never goes back. */

#include "net/dhcp/dhcp_message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dhcp_state {
	DHCP_SELECTING,  /* asks everybody for an offer */
	DHCP_REQUESTING, /* asks for what was offered */
	DHCP_BOUND,
	DHCP_RENEWING,  /* asks its own server for more time */
	DHCP_REBINDING, /* asks everybody for it */
};

/* Zeroed but for `mac`, `hostname` and `wanted` it can be started. */
struct dhcp_client {
	unsigned char mac[DHCP_MAC_BYTES];
	char hostname[65];     /* "": none is told */
	struct address wanted; /* an address that it would like to have, of family 0: any */
	enum dhcp_state state;
	uint32_t transaction;
	unsigned int attempts; /* since this state began */
	unsigned int refusals; /* without a lease in between */
	int64_t began_ms;      /* to ask */
	int64_t next_ms;       /* when it is to do something */
	struct dhcp_lease offer;
	struct dhcp_lease lease; /* in the last three states */
	int64_t renew_ms, rebind_ms, expire_ms;
	unsigned char server_mac[DHCP_MAC_BYTES]; /* of who sent the lease */
	const char *complaint; /* about the last reply that was of no use; or NULL */
};

/* A message that is to be sent. */
struct dhcp_packet {
	unsigned char bytes[DHCP_REQUEST_MAX];
	size_t size;           /* 0: nothing is to be sent */
	struct address source; /* family 0: none yet */
	struct address target; /* family 0: everybody */
	unsigned char target_mac[DHCP_MAC_BYTES];
};

enum dhcp_news {
	DHCP_NO_NEWS,
	DHCP_GOT,  /* `lease` is new, or lasts longer */
	DHCP_LOST, /* `lease` was that, and is to be given up */
};

/* Begins to ask for a lease: dhcp_client_tick() is due at once. */
void dhcp_client_start(struct dhcp_client *client, int64_t now_ms);

/* Returns when dhcp_client_tick() is due; INT64_MAX: never. */
int64_t dhcp_client_due(const struct dhcp_client *client);

/* Does what is due at @now_ms, and fills @ret. */
enum dhcp_news dhcp_client_tick(struct dhcp_client *client, int64_t now_ms,
				struct dhcp_packet *ret);

/* Takes a message of @size bytes that came from @mac, and fills @ret. */
enum dhcp_news dhcp_client_receive(struct dhcp_client *client, int64_t now_ms, const void *bytes,
				   size_t size, const unsigned char mac[static DHCP_MAC_BYTES],
				   struct dhcp_packet *ret);

/* Tells whether it has a lease. */
bool dhcp_client_is_bound(const struct dhcp_client *client);

/* Gives the lease back, if there is one, and fills @ret; it does nothing more then. */
void dhcp_client_release(struct dhcp_client *client, struct dhcp_packet *ret);
