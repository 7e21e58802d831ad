/* SPDX-License-Identifier: MIT */
#pragma once

/* Copies of rows, for who changes the database while going through them. */

#include "engine/database/networks.h"

struct endpoint_list {
	struct endpoint_row *items;
	size_t count;
};

struct port_list {
	struct port_row *items;
	size_t count;
};

/* Reads the endpoints of @container, or of @network (NULL: all). Finished by the caller, also after
 * a failure. */
[[nodiscard]] int endpoint_list_read(struct database *database, const char *container,
				     const char *network, struct endpoint_list *ret,
				     struct lxcri_error *err);
void endpoint_list_finish(struct endpoint_list *list);

/* Reads the published ports of @container (NULL: all). */
[[nodiscard]] int port_list_read(struct database *database, const char *container,
				 struct port_list *ret, struct lxcri_error *err);
void port_list_finish(struct port_list *list);
