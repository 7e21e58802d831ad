/* SPDX-License-Identifier: MIT */
#pragma once

/* A container's places on the LAN: a port on a bridge of the host, or an interface that shares one
 * of the host's. Neither is changed but for that port. All that is made is in the container's
 * namespace, or ends with it, so there is nothing to clean up but the name in the row.
 *
 * The session and the lock of the container are held for all of these. */

#include "engine/container.h"
#include "engine/database/lans.h"
#include "engine/lan/lan_spec.h"
#include "engine/network/attach.h"
#include "engine/network/join.h"
#include "engine/network/session.h"

#include <limits.h>

/* In place of a position: all places of the container. */
#define LAN_ALL UINT_MAX

/* Checks what can be checked before anything is made: that every place that @join asks for is well
 * written, and that there is such a bridge or interface. LXCRI_E_INVALID_ARGUMENT,
 * LXCRI_E_BRIDGE_NOT_FOUND, LXCRI_E_CONFIGURATION_FAILED. It needs no session. */
[[nodiscard]] int lan_check(const struct join *join, struct lxcri_error *err);

/* Writes down the place @spec, at @position. Within a transaction. Errors as lan_check(), and when
 * another container has its address or MAC. */
[[nodiscard]] int lan_put(struct session *session, const struct join *join, const char *spec,
			  unsigned int position, struct lxcri_error *err);

/* Looks whether what the container stands on is there, and gives each place a name on the host. */
[[nodiscard]] int lan_prepare(struct session *session, const char *container,
			      struct lxcri_error *err);

/* Puts the container's interface at @position, or all with LAN_ALL, into @netns, with the addresses
 * that are asked for; those that are there are put right. *@ret_made, which may be NULL, tells
 * whether any was not. */
[[nodiscard]] int lan_plug(struct session *session, const char *container, unsigned int position,
			   int netns, bool *ret_made, struct lxcri_error *err);

/* Has the monitor of the container get the lease of the place at @position, or all with LAN_ALL,
 * and waits for the first ones: without the session. LXCRI_E_CONFIGURATION_FAILED when no server
 * gives one. */
[[nodiscard]] int lan_lease(struct lxcri_container *container, unsigned int position,
			    struct lxcri_error *err);

/* Makes the place that the container has got last, beside those that are there, if it runs; a
 * failure leaves it with its row. Without the session. */
[[nodiscard]] int lan_connect(struct lxcri_container *container, struct lxcri_error *err);

/* Takes the place @network away, interface, lease and row: as it was asked for, or "KIND:NAME" of
 * the only one there. Without the session. LXCRI_E_CONFIGURATION_FAILED when there is none. */
[[nodiscard]] int lan_disconnect(struct lxcri_container *container, const char *network,
				 struct lxcri_error *err);

/* Takes the rules about a container that has stopped back, and with ATTACH_STOPPED the names of its
 * interfaces out of the rows. */
[[nodiscard]] int lan_release(struct session *session, const char *container, enum attach_end end,
			      struct lxcri_error *err);

/* Tells whether there is any: 1 or 0, or < 0. */
[[nodiscard]] int lan_is_attached(struct database *database, const char *container,
				  struct lxcri_error *err);

/* Adds objects that tell of the container's places to @array. */
[[nodiscard]] int lan_describe(struct lxcri_engine *engine, const char *container,
			       struct json_object *array, struct lxcri_error *err);
