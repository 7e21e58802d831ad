/* SPDX-License-Identifier: MIT */
#pragma once

/* The helper that carries connections to published ports where the kernel cannot: from the loopback
 * of the host, whose addresses must not leave it. It also keeps each of the ports, so that no other
 * program can take one. It ends with the container. */

#include "engine/container.h"
#include "engine/database/networks.h"

/* Starts the helper for the ports that the container has in the database, in place of one that is
 * there; none when it has no ports. It ends with the process @pid, or with 0 only when it is told
 * to. LXCRI_E_PORT_FORWARDING_FAILED when a port is taken. */
[[nodiscard]] int proxy_start(struct lxcri_container *container, pid_t pid,
			      struct lxcri_error *err);

/* Tells whether the helper of the container whose run directory is @run_dirfd is there. */
bool proxy_is_running(int run_dirfd);

/* Ends the helper of the container whose run directory is @run_dirfd, and waits for its end; none
 * is fine. */
[[nodiscard]] int proxy_stop(int run_dirfd, struct lxcri_error *err);

/* Sets the host port of @port to one that no program of the host has.
 * LXCRI_E_PORT_FORWARDING_FAILED. */
[[nodiscard]] int proxy_find_free(struct port_row *port, struct lxcri_error *err);

/* Fails with LXCRI_E_PORT_FORWARDING_FAILED when a program of the host has the port of @port. */
[[nodiscard]] int proxy_check(const struct port_row *port, struct lxcri_error *err);
