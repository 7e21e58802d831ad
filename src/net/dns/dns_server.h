/* SPDX-License-Identifier: MIT */
#pragma once

/* A name server for several networks, each with a zone and sockets of its own. It is a set of
 * descriptors that a loop polls: nothing here waits, and no client keeps another one from being
 * answered. Only who has an address of the network is answered, and sees of all zones only that of
 * his own. What the zone does not know the resolvers are asked for.
 *
 * The sockets of a network may be for guests instead: each is answered as one of the network that
 * he is of, which may have no sockets, and everybody else is refused. */

#include "base/fail.h"
#include "base/scope.h"
#include "net/dns/dns_forward.h"
#include "net/dns/dns_guests.h"
#include "net/dns/dns_zone.h"

#define DNS_NETWORKS_MAX     1024
#define DNS_NETWORK_NAME_MAX 64 /* with the NUL */
#define DNS_SUBNETS_MAX      4  /* of a network */
#define DNS_LISTENERS_MAX    8  /* of a network */

struct dns_server;

/* Makes a server without networks. It counts in @counters, which must outlive it. The caller owns
 * *@ret_server. */
[[nodiscard]] int dns_server_create(struct dns_counters *counters, struct dns_server **ret_server,
				    struct lxcri_error *err);

/* Closes all its sockets; NULL is fine. */
void dns_server_free(struct dns_server *server);
DEFINE_AUTOPTR(dns_server)

/* Returns the descriptor, borrowed, that is readable when dns_server_run() has something to do. */
int dns_server_fd(const struct dns_server *server);

/* What a network needs besides its zone. */
struct dns_network_options {
	const char *name; /* shorter than DNS_NETWORK_NAME_MAX */
	const struct dns_subnet *subnets;
	size_t n_subnets;
	const int *fds; /* bound: datagram sockets, and stream sockets that listen */
	size_t n_fds;
};

/* Makes or changes a network. From here on the descriptors belong to the server, also when this
 * fails; those that it had before are closed. LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int dns_server_put_network_consume(struct dns_server *server,
						 const struct dns_network_options *options,
						 struct lxcri_error *err);

/* Gives the network @name the zone @zone_consume. LXCRI_E_INVALID_ARGUMENT for an unknown one. */
[[nodiscard]] int dns_server_set_zone_consume(struct dns_server *server, const char *name,
					      struct dns_zone *zone, struct lxcri_error *err);

/* Has the sockets of the network @name be for @guests_consume. LXCRI_E_INVALID_ARGUMENT for an
 * unknown one. */
[[nodiscard]] int dns_server_set_guests_consume(struct dns_server *server, const char *name,
						struct dns_guests *guests, struct lxcri_error *err);

/* Forgets the network @name; an unknown one is fine. */
void dns_server_drop_network(struct dns_server *server, const char *name);

/* Sets whom to ask for other names. */
void dns_server_set_resolvers(struct dns_server *server, const union dns_address *resolvers,
			      size_t count);

/* Handles what is ready, and what has waited too long. Returns in how many milliseconds to call it
 * again at the latest; -1: when the descriptor is readable. */
[[nodiscard]] int dns_server_run(struct dns_server *server);
