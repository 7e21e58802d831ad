/* SPDX-License-Identifier: MIT */
#pragma once

/* The leases of the container's interfaces: got, renewed, and given back at its end. */

#include "monitor/clients.h"
#include "net/dhcp/dhcp_socket.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* As many interfaces of a container have one. */
#define LEASES_MAX 8

struct lease {
	bool is_used;
	char interface[IFNAMSIZ];
	struct dhcp_client client;
	struct dhcp_socket socket;
	enum dhcp_share share;
	struct dhcp_lease applied;
	bool is_applied;
	int resolv;            /* /etc/resolv.conf; -1: left alone */
	char *resolv_rest;     /* what else is in it */
	struct client *waiter; /* who waits for the first one; NULL: nobody */
	uint32_t serial;       /* of him */
	uint32_t wait_seconds;
	int64_t deadline_ms;
};

struct leases {
	struct lease items[LEASES_MAX];
};

/* Begins to ask for a lease for an interface of the process @pid, in place of one that it has.
 * @waiter gets WIRE_OK or WIRE_ERROR later. LXCRI_E_CONFIGURATION_FAILED, LXCRI_E_LIMIT_EXCEEDED;
 * then nothing has begun. */
[[nodiscard]] int leases_begin(struct leases *leases, pid_t pid, const struct wire_lease *wish,
			       const struct wire_lease_texts *texts, struct client *waiter,
			       struct lxcri_error *err);

/* Returns the descriptor of @lease that is to be polled for reading, or -1. */
int lease_fd(const struct lease *lease);

/* Returns in how many milliseconds there is something to do, as poll() wants it. */
int leases_due_ms(const struct leases *leases);

/* Takes what has come, and does what is due. Leases are told in the directory @run_dirfd. */
void leases_turn(struct leases *leases, int run_dirfd);

/* Gives the lease of one interface back, if it has one; who waits for it is told so. */
void leases_end_one(struct leases *leases, const char *interface, int run_dirfd);

/* Gives all leases back and lets the namespace go. Safe to repeat. */
void leases_end(struct leases *leases);
