/* SPDX-License-Identifier: MIT */
#pragma once

/* The name server's process, and the sockets that it is given. Those are kept here as well, so that
 * one that dies is followed by another that goes on with them. */

#include "base/strings.h"
#include "net/dns/dns_counters.h"
#include "serve/serve.h"

#include <stdint.h>

struct nameserver;

/* Makes one that does not run yet. The caller owns *@ret. */
[[nodiscard]] int nameserver_create(const struct serve_part *part, struct nameserver **ret,
				    struct lxcri_error *err);

/* Ends it with its process; NULL is fine. */
void nameserver_free(struct nameserver *nameserver);
DEFINE_AUTOPTR(nameserver)

/* A network with names. Texts are borrowed for the call. */
struct nameserver_network {
	const char *name;
	const char *bridge;      /* the interface that queries come from; NULL: any */
	struct strings gateways; /* addresses to listen at */
	struct strings subnets;  /* of those who are answered */
	const char *guests;      /* who is answered instead, as one of other networks (see
				  * net/dns/dns_guests.h); NULL: nobody */
	const char *zone;        /* NULL: as it was */
	uint64_t sum;            /* of what the zone was made from */
};

/* Tells whether @name has a zone that was made from what has @sum. */
bool nameserver_has(const struct nameserver *nameserver, const char *name, uint64_t sum);

/* Begins a round of nameserver_put(): what is not put in it is dropped by nameserver_end_round().
 */
void nameserver_begin_round(struct nameserver *nameserver);

/* Makes the network what it should be; the process is started for the first. 0 or -errno:
 * -EADDRINUSE where somebody else listens at an address that guests ask. */
[[nodiscard]] int nameserver_put(struct nameserver *nameserver,
				 const struct nameserver_network *network);

/* Returns how many networks there are; without one the process ends. */
size_t nameserver_end_round(struct nameserver *nameserver);

/* Sets whom to ask for other names. */
void nameserver_set_resolvers(struct nameserver *nameserver, const struct strings *resolvers);

/* Returns what it has counted, over all its processes; borrowed. */
const struct dns_counters *nameserver_counters(const struct nameserver *nameserver);
