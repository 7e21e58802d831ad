/* SPDX-License-Identifier: MIT */
#pragma once

/* Which addresses a registry may not send us to: those that mean this host or its link, where what
 * trusts us listens (metadata services among it). */

#include <stdbool.h>
#include <sys/socket.h>

/* Tells whether @address means this host, its link, everybody or nobody; also as an IPv4 address
 * inside an IPv6 one. What is no IP address counts as well. */
bool peer_is_local(const struct sockaddr *address);
