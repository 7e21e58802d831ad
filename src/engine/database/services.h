/* SPDX-License-Identifier: MIT */
#pragma once

/* The rows of services and of their members. Those of a network go with it, a container's
 * membership with its place in the network, whose container it follows when that is renamed. */

#include "engine/database/database.h"
#include "net/address.h"

#include <stddef.h>

/* A port that members of a service have. */
struct service_port {
	char *name;       /* NULL: none, and so no SRV records */
	uint8_t protocol; /* IPPROTO_TCP, _UDP, _SCTP */
	uint16_t port;
	/* Of a service with an address, whose own `port` is: */
	uint16_t target;    /* its members'; 0: what they call `target_name` */
	char *target_name;  /* or NULL */
	uint16_t node_port; /* at each address of the host; 0: none */
};

/* A service. Zeroed is empty. */
struct service_row {
	char *network;
	char *space; /* the namespace */
	char *name;
	struct service_port *ports;
	size_t n_ports;
	bool unready; /* members that are not ready have names, too */
	/* Of one that is not headless: */
	struct address addresses[2];  /* IPv4, IPv6; family 0: none */
	unsigned int stay_seconds;    /* how long a client stays with a member; 0: it does not */
	struct address *external_ips; /* at which it is to be had as well */
	size_t n_external_ips;
	bool unmet[2]; /* of IPv4, IPv6: those who run have no such address; by services_look_met()
			*/
};

/* Tells whether it has an address of its own. */
static inline bool service_row_is_virtual(const struct service_row *row)
{
	return row->addresses[0].family || row->addresses[1].family;
}

/* A member of one. Zeroed is empty. */
struct member_row {
	char *network;
	char *space;
	char *service;
	char *hostname; /* no other member's, in whatever case */
	char *container;
	bool is_ready; /* as it was last seen */
	char *ports;   /* what it calls its ports: "http/tcp=80,dns/udp=53"; NULL is "" */
};

/* Frees what the row holds. Safe to repeat. */
void service_row_finish(struct service_row *row);

struct service_list {
	struct service_row *items;
	size_t count;
};

struct member_list {
	struct member_row *items;
	size_t count;
};

/* Stores @row, in place of that service's; its members stay. Its ports of the host are not stored,
 * and from which revision of its object it is made stays. */
[[nodiscard]] int services_put(struct database *database, const struct service_row *row,
			       struct lxcri_error *err);

/* Deletes a service with its members. Returns 1, or 0 when there is none. */
[[nodiscard]] int services_delete(struct database *database, const struct service_row *key,
				  struct lxcri_error *err);

/* Finds one. Returns 1, and the caller finishes *@ret, or 0 when there is none. */
[[nodiscard]] int services_find(struct database *database, const struct service_row *key,
				struct service_row *ret, struct lxcri_error *err);

/* Tells whether a service has @address for its own: 1 or 0. */
[[nodiscard]] int services_have_address(struct database *database, const struct address *address,
					struct lxcri_error *err);

/* Tells whether there is one with an address of its own, anywhere: 1 or 0. */
[[nodiscard]] int services_have_virtual(struct database *database, struct lxcri_error *err);

/* Notes that the service @key is as revision @revision of its object says; 0: it is not. */
[[nodiscard]] int services_note_made(struct database *database, const struct service_row *key,
				     int64_t revision, struct lxcri_error *err);

/* Tells whether the service @key is yet to be made as that revision says, in a network that there
 * is: 1 or 0. */
[[nodiscard]] int services_are_due(struct database *database, const struct service_row *key,
				   int64_t revision, struct lxcri_error *err);

/* Tells whether there is one: 1 or 0. */
[[nodiscard]] int services_have(struct database *database, const struct service_row *key,
				struct lxcri_error *err);

/* Returns how many there are in @network. */
[[nodiscard]] int services_count(struct database *database, const char *network,
				 struct lxcri_error *err);

/* Reads those of @network, or all with NULL, in the order of their networks, namespaces and names.
 * Finished by the caller, also after a failure. */
[[nodiscard]] int service_list_read(struct database *database, const char *network,
				    struct service_list *ret, struct lxcri_error *err);
void service_list_finish(struct service_list *list);

/* Reads those with an address of their own that @container is a member of, or all with NULL. */
[[nodiscard]] int service_list_read_virtual(struct database *database, const char *container,
					    struct service_list *ret, struct lxcri_error *err);

/* Stores @row. LXCRI_E_NETWORK_IDENTITY_ERROR when another container has that host name in the
 * service. The same one again changes nothing. */
[[nodiscard]] int members_put(struct database *database, const struct member_row *row,
			      struct lxcri_error *err);

/* Deletes one; its host name is not looked at. Returns 1, or 0 when there is none. */
[[nodiscard]] int members_delete(struct database *database, const struct member_row *row,
				 struct lxcri_error *err);

/* Reads the members of all services of @network, or of all networks with NULL, in the order of
 * their networks and containers. Finished by the caller, also after a failure. */
[[nodiscard]] int member_list_read(struct database *database, const char *network,
				   struct member_list *ret, struct lxcri_error *err);
void member_list_finish(struct member_list *list);

/* Finds, for each of @services, which are those of @network, whether an address of
 * a family leads nowhere: pods in Proxmox VE may have that of the other alone. */
[[nodiscard]] int services_look_met(struct database *database, const char *network,
				    struct service_list *services, struct lxcri_error *err);

/* Reads the members of one service, in the order of their host names. */
[[nodiscard]] int member_list_read_service(struct database *database, const struct service_row *key,
					   struct member_list *ret, struct lxcri_error *err);

/* Notes whether @container is ready, and its ports, wherever it is a member. */
[[nodiscard]] int members_note(struct database *database, const char *container, bool is_ready,
			       const char *ports, struct lxcri_error *err);

/* Has nobody take @container to be ready. */
[[nodiscard]] int members_note_gone(struct database *database, const char *container,
				    struct lxcri_error *err);
