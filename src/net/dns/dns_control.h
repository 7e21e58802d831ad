/* SPDX-License-Identifier: MIT */
#pragma once

/* How the name server is told what to do: messages on a socket that keeps their boundaries, each a
 * line of words.
 *
 *     network NAME SUBNET...      with its sockets
 *     zone NAME                   with a file that has the zone (dns_zone_parse())
 *     guests NAME                 with a file that has them (dns_guests_parse())
 *     drop NAME
 *     resolvers [ADDRESS...]
 *
 * The server ends with this socket. */

#include "net/dns/dns_server.h"

#define DNS_CONTROL_MAX    1024
#define DNS_CONTROL_FD     3
#define DNS_COUNTERS_FD    4 /* a file of at least sizeof(struct dns_counters) bytes */
#define DNS_ZONE_BYTES_MAX (64u << 20)

/* Obeys one message of @fd. Returns 1, or 0 when the other end has gone; a message that makes no
 * sense is logged. */
[[nodiscard]] int dns_control_obey(struct dns_server *server, int fd);

/* Sends them. 0 or -errno; descriptors stay the caller's. */
[[nodiscard]] int dns_control_send_network(int fd, const char *name, const char *const *subnets,
					   size_t n_subnets, const int *fds, size_t n_fds);
[[nodiscard]] int dns_control_send_zone(int fd, const char *name, const char *text, size_t size);
[[nodiscard]] int dns_control_send_guests(int fd, const char *name, const char *text, size_t size);
[[nodiscard]] int dns_control_send_drop(int fd, const char *name);
[[nodiscard]] int dns_control_send_resolvers(int fd, const char *const *addresses, size_t count);
