/* SPDX-License-Identifier: MIT */
/* What comes from a server of DHCP, or from who says that he is one: packets, the messages in them,
 * and what a client makes of them in each of its states. */

#include "net/dhcp/dhcp_client.h"
#include "net/dhcp/dhcp_frame.h"

#include "base/mem.h"
#include "base/scope.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned char mac[DHCP_MAC_BYTES] = { 2, 0, 0, 0, 0x77, 1 };

/* A lease can be applied: it has an address, times that grow, and texts that end. */
static void check(const struct dhcp_lease *lease)
{
	assert(lease->address.family == AF_INET && lease->address.bytes[0] != 0);
	assert(lease->prefix >= 8 && lease->prefix <= 32);
	assert(lease->renew_seconds < lease->rebind_seconds &&
	       lease->rebind_seconds < lease->lease_seconds);
	assert(lease->n_routes <= DHCP_ROUTES_MAX && lease->n_dns <= DHCP_DNS_MAX);
	assert(memchr(lease->domain, '\0', sizeof(lease->domain)));
	assert(!strchr(lease->domain, '\n') && !strchr(lease->domain, ' '));
}

/* Runs a client whose transaction is always the message's. */
static void run_client(unsigned char *message, size_t size)
{
	struct dhcp_client client = {};
	struct dhcp_packet packet;

	memcpy(client.mac, mac, sizeof(mac));
	dhcp_client_start(&client, 0);
	for (int64_t now = 0; now < 400000; now += 100000) {
		(void)dhcp_client_tick(&client, now, &packet);
		for (int i = 0; i < 2; i++) {
			const uint32_t transaction = htonl(client.transaction);

			if (size >= 8)
				memcpy(message + 4, &transaction, sizeof(transaction));
			if (dhcp_client_receive(&client, now, message, size, mac, &packet) ==
			    DHCP_GOT)
				check(&client.lease);
			/* The kind of the message where its first option is that. */
			if (size > 242 && message[240] == 53)
				message[242] = i == 0 ? DHCP_ACK : DHCP_OFFER;
		}
	}
	dhcp_client_release(&client, &packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree unsigned char *copy = xmemdup(data, size); /* no byte longer */
	const unsigned char *message;
	size_t message_size;
	struct dhcp_reply reply;
	const char *why;

	if (dhcp_reply_parse(copy, size, 1, mac, &reply, &why) == 0 && reply.type != DHCP_NAK)
		check(&reply.lease);
	run_client(copy, size);
	if (dhcp_frame_parse(data, size, &message, &message_size) == 0)
		(void)dhcp_reply_parse(message, message_size, 1, mac, &reply, &why);
	return 0;
}
