/* SPDX-License-Identifier: MIT */
#pragma once

/* A container's way into its networks and out of them. What it has is in its rows: the name of its
 * interface on the host is written there before anything is made and taken out when all is gone, so
 * that whoever comes across a container that does not run, but has one, knows what to clean up.
 *
 * The lock of the container is held for all of these. */

#include "engine/container.h"
#include "engine/network/network.h"
#include "lxcri/network.h"

/* Before the container's processes are made: gives each endpoint its addresses, if it has none, and
 * a name on the host, brings the bridges up, and has the rules know of it. Nothing happens for a
 * container without networks. */
[[nodiscard]] int attach_prepare(struct lxcri_container *container, struct lxcri_error *err);

/* Once the namespace of its first process @pid is there and before the user's process runs: puts
 * its interfaces there, with addresses and routes, and lets the loopback of the host reach its
 * ports. */
[[nodiscard]] int attach_plug(struct lxcri_container *container, pid_t pid,
			      struct lxcri_error *err);

/* The same for the pod @pod, whose namespace is @netns and has no first process. What is there is
 * put right. */
[[nodiscard]] int attach_plug_pod(struct lxcri_container *pod, int netns, struct lxcri_error *err);

/* Does both for one more network of a container that runs. */
[[nodiscard]] int attach_one(struct lxcri_container *container, const char *network, pid_t pid,
			     struct lxcri_error *err);

/* Puts the interfaces of a container that runs right, where somebody has changed or removed one. */
[[nodiscard]] int attach_repair(struct lxcri_container *container, struct lxcri_error *err);

/* Counts what is not as it should be with the interface of @endpoint, whose container's first
 * process is @pid, and tells @fault of each. */
[[nodiscard]] int attach_check(struct lxcri_engine *engine, const struct endpoint_row *endpoint,
			       pid_t pid, lxcri_network_fault_fn fault, void *userdata,
			       struct lxcri_error *err);

enum attach_end {
	ATTACH_STOPPED, /* the endpoints stay, without an interface */
	ATTACH_DELETED, /* the rows go with the container's record */
	ATTACH_POD,     /* as stopped, but the interfaces are there still */
};

/* Takes away what a container that has stopped had on the host; safe to repeat. */
[[nodiscard]] int attach_release(struct lxcri_engine *engine, const char *container,
				 enum attach_end end, struct lxcri_error *err);

/* The same for one network, whose interface is removed first if it is there still, and whose row
 * goes. */
[[nodiscard]] int attach_release_one(struct lxcri_engine *engine, const char *container,
				     const char *network, struct lxcri_error *err);

/* Tells whether a container has anything on the host: 1 or 0, or < 0. */
[[nodiscard]] int attach_is_needed(struct lxcri_engine *engine, const char *container,
				   struct lxcri_error *err);
