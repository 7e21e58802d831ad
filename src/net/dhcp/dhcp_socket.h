/* SPDX-License-Identifier: MIT */
#pragma once

/* One interface of a container, as a client of DHCP needs it: for messages, and for what a lease
 * says that it is to have. Its descriptors keep the network namespace alive after the container's
 * processes have gone. */

#include "net/dhcp/dhcp_client.h"

struct dhcp_socket {
	int packets; /* readable when a message has come */
	int route;   /* netlink */
	unsigned int index;
	unsigned int mtu; /* before any lease */
	unsigned char mac[DHCP_MAC_BYTES];
};
#define DHCP_SOCKET_NULL ((struct dhcp_socket){ .packets = -1, .route = -1 })

/* Opens the interface @name of the namespace @netns. 0 or -errno. */
[[nodiscard]] int dhcp_socket_open(int netns, const char *name, struct dhcp_socket *ret);

/* Closes it. Safe to repeat. */
void dhcp_socket_close(struct dhcp_socket *socket);

/* Sends @packet. 0 or -errno. */
[[nodiscard]] int dhcp_socket_send(const struct dhcp_socket *socket,
				   const struct dhcp_packet *packet);

/* Receives one message. Returns its size, and a pointer into memory that the next call overwrites;
 * 0 for what is none; or -errno (-EAGAIN: nothing is there). */
[[nodiscard]] int dhcp_socket_receive(const struct dhcp_socket *socket,
				      const unsigned char **ret_message,
				      unsigned char ret_mac[static DHCP_MAC_BYTES]);

enum dhcp_share {
	DHCP_WHOLE,     /* all that the lease says */
	DHCP_NO_WAY_OUT /* but for the default route, which another interface has */
};

/* Gives the interface what @lease says. What is there already gets its new time. 0 or -errno. */
[[nodiscard]] int dhcp_socket_apply(const struct dhcp_socket *socket,
				    const struct dhcp_lease *lease, enum dhcp_share share);

/* Takes its address away, and with it the routes. What is gone is fine. 0 or -errno. */
[[nodiscard]] int dhcp_socket_withdraw(const struct dhcp_socket *socket,
				       const struct dhcp_lease *lease);
