/* SPDX-License-Identifier: MIT */
#pragma once

/* The rows of containers' places on the LAN. What a container has of them goes with its record. */

#include "engine/database/database.h"
#include "net/link.h"

/* A place on the LAN. Zeroed is empty. */
struct lan_row {
	char *container;
	unsigned int position; /* of its interface in the container */
	char *spec;            /* see engine/lan/lan_spec.h */
	char *interface;       /* on the host, while it runs; else NULL */
	unsigned char mac[LINK_MAC_BYTES];
	char *hostname;
	char *resolv; /* what a lease does not say of /etc/resolv.conf; NULL: that is not ours */
};

/* Frees what @row holds. Safe to repeat. */
void lan_row_finish(struct lan_row *row);

struct lan_list {
	struct lan_row *items;
	size_t count;
};

/* Stores @row, in place of that container's at that position. */
[[nodiscard]] int lans_put(struct database *database, const struct lan_row *row,
			   struct lxcri_error *err);

/* Reads those of @container, or all with NULL, in the order of positions. Finished by the caller,
 * also after a failure. */
[[nodiscard]] int lan_list_read(struct database *database, const char *container,
				struct lan_list *ret, struct lxcri_error *err);
void lan_list_finish(struct lan_list *list);

/* Removes @container's at @position. */
[[nodiscard]] int lans_remove(struct database *database, const char *container,
			      unsigned int position, struct lxcri_error *err);

/* Gives all that @from has to @to. */
[[nodiscard]] int lans_rename(struct database *database, const char *from, const char *to,
			      struct lxcri_error *err);

/* From its next start on the leases of @container leave its /etc/resolv.conf alone. */
[[nodiscard]] int lans_keep_resolv(struct database *database, const char *container,
				   struct lxcri_error *err);
