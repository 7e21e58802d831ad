/* SPDX-License-Identifier: MIT */
#pragma once

/* The rows of guests: pods and containers in Proxmox VE, on a bridge of this host, that were told
 * to ask our name server at an address that the host has there. A row goes with the container's
 * place in the network of whose names it is told; what is kept of a place for the next pod has
 * none. */

#include "engine/database/database.h"
#include "net/link.h"

/* A guest. Zeroed is empty. */
struct guest_row {
	char *container;
	char *network;               /* whose names it sees; only read */
	char device[IFNAMSIZ];       /* that it is on */
	struct address server;       /* that it asks */
	struct address addresses[2]; /* IPv4, IPv6: that it has for sure; family 0: none */
	struct address known[2];     /* that it is seen to have; only read */
};

/* Frees what @row holds. Safe to repeat. */
void guest_row_finish(struct guest_row *row);

struct guest_list {
	struct guest_row *items;
	size_t count;
};

/* Stores @row, in place of that container's. */
[[nodiscard]] int guests_put(struct database *database, const struct guest_row *row,
			     struct lxcri_error *err);

/* Deletes that of @container; none is fine. */
[[nodiscard]] int guests_delete(struct database *database, const char *container,
				struct lxcri_error *err);

/* Reads those of @container, or all with NULL: ordered by device and server, those who run first.
 * What of them is damaged is left out. Finished by the caller, also after a failure. */
[[nodiscard]] int guest_list_read(struct database *database, const char *container,
				  struct guest_list *ret, struct lxcri_error *err);
void guest_list_finish(struct guest_list *list);
