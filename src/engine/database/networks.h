/* SPDX-License-Identifier: MIT */
#pragma once

/* The rows of networks, of containers' places in them, and of published ports. Functions that
 * change more than one row are called within database_begin() and database_commit(). What a
 * container has of them goes with its record. */

#include "base/strings.h"
#include "engine/database/database.h"
#include "net/link.h"

/* A network. Zeroed is empty. */
struct network_row {
	char *name;
	char *deployment;         /* the id that is its own */
	char *bridge;             /* the interface's name */
	struct subnet subnets[2]; /* of IPv4; of IPv6, or of family 0. Host 1 is the gateway */
	uint32_t last_host;
	struct subnet
		services[2]; /* where its services have their addresses; of family 0: nowhere */
	uint32_t last_service;
	char *options; /* JSON; see engine/network/options.h */
};

/* A container's place in a network. Zeroed is empty. */
struct endpoint_row {
	char *container;
	char *network;
	unsigned int position;
	char *interface; /* on the host, while it runs; else NULL */
	unsigned char mac[LINK_MAC_BYTES];
	struct address addresses[2]; /* IPv4, IPv6; family 0: none (yet) */
	char *hostname;
	struct strings aliases;
	bool persistent; /* its addresses are kept while it is stopped */
	/* Of a pod in Proxmox VE, which is on a bridge there and has no interface here: */
	uint32_t
		vmid; /* the number of its CT, also while there is none; 0: none yet, or no pod's */
	bool away; /* that runs: it is to be reached at its addresses, as far as they are known */
};

/* A published port. */
struct port_row {
	char *container;
	uint8_t protocol;    /* IPPROTO_TCP, _UDP, _SCTP */
	struct address host; /* family 0: any */
	uint16_t host_port;
	uint16_t container_port;
};

/* Each frees what its row holds. Safe to repeat. */
void network_row_finish(struct network_row *row);
void endpoint_row_finish(struct endpoint_row *row);
void port_row_finish(struct port_row *row);

/* Called for each row, valid during the call. A value < 0 ends the walk and is the result; then
 * @err is filled. */
typedef int (*network_row_fn)(void *userdata, const struct network_row *row,
			      struct lxcri_error *err);
typedef int (*endpoint_row_fn)(void *userdata, const struct endpoint_row *row,
			       struct lxcri_error *err);
typedef int (*port_row_fn)(void *userdata, const struct port_row *row, struct lxcri_error *err);

/* Stores @row, in place of one of that name. */
[[nodiscard]] int networks_put(struct database *database, const struct network_row *row,
			       struct lxcri_error *err);

/* Deletes the network @name; none is fine. */
[[nodiscard]] int networks_delete(struct database *database, const char *name,
				  struct lxcri_error *err);

/* Finds the network that is called @name, or whose deployment is @deployment; one of both is NULL.
 * Returns 1, or 0 when there is none. The caller finishes *@ret. */
[[nodiscard]] int networks_find(struct database *database, const char *name, const char *deployment,
				struct network_row *ret, struct lxcri_error *err);

/* Calls @each for every network, ordered by name. Returns how many there are. */
[[nodiscard]] int networks_each(struct database *database, network_row_fn each, void *userdata,
				struct lxcri_error *err);

/* Stores @row, in place of that container's in that network. */
[[nodiscard]] int endpoints_put(struct database *database, const struct endpoint_row *row,
				struct lxcri_error *err);

/* Deletes one; none is fine. */
[[nodiscard]] int endpoints_delete(struct database *database, const char *container,
				   const char *network, struct lxcri_error *err);

/* Calls @each for the endpoints of @container, or of @network, in the order of their positions or
 * containers; NULL means all. Returns how many there are. */
[[nodiscard]] int endpoints_each(struct database *database, const char *container,
				 const char *network, endpoint_row_fn each, void *userdata,
				 struct lxcri_error *err);

/* Counts the endpoints of @network that have an interface, without those of @container (or NULL).
 */
[[nodiscard]] int endpoints_count_attached(struct database *database, const char *network,
					   const char *container, struct lxcri_error *err);

/* Tells whether an endpoint of @network has @address, or @mac where that is not NULL: 1 or 0. */
[[nodiscard]] int endpoints_have(struct database *database, const char *network,
				 const struct address *address, const char *mac,
				 struct lxcri_error *err);

/* Gives all that @from has to @to. */
[[nodiscard]] int endpoints_rename(struct database *database, const char *from, const char *to,
				   struct lxcri_error *err);

/* These change what is noted of the pod @container in Proxmox VE: the number of its CT; that it is
 * to be reached at @addresses (IPv4, IPv6; family 0: none), which others there have no more; that
 * it is not. None is fine. Each returns how many rows are others than before. */
[[nodiscard]] int endpoints_note_vmid(struct database *database, const char *container,
				      uint32_t vmid, struct lxcri_error *err);
[[nodiscard]] int endpoints_note_away(struct database *database, const char *container,
				      const struct address addresses[2], struct lxcri_error *err);
[[nodiscard]] int endpoints_note_gone(struct database *database, const char *container,
				      struct lxcri_error *err);

/* Stores @row. Of containers that do not run, several may have the same port. */
[[nodiscard]] int ports_put(struct database *database, const struct port_row *row,
			    struct lxcri_error *err);

/* Deletes it; none is fine. */
[[nodiscard]] int ports_delete(struct database *database, const struct port_row *row,
			       struct lxcri_error *err);

/* Calls @each for the published ports of @container, or all with NULL. Returns how many. */
[[nodiscard]] int ports_each(struct database *database, const char *container, port_row_fn each,
			     void *userdata, struct lxcri_error *err);

/* Counts the published ports of @container. */
[[nodiscard]] int ports_count(struct database *database, const char *container,
			      struct lxcri_error *err);

/* Finds another container that has what @row wants to have, and runs: the port at the same address,
 * or at any where either wants any. Returns 1 with its id in *@ret_container, owned by the caller;
 * or 0.
 */
[[nodiscard]] int ports_find_taker(struct database *database, const struct port_row *row,
				   char **ret_container, struct lxcri_error *err);
