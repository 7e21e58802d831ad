/* SPDX-License-Identifier: MIT */
#pragma once

/* The inside of a name server, shared by the files that make it. */

#include "net/dns/dns_server.h"

/* What an event's upper half tells of its lower half. */
enum dns_event_kind { DNS_EVENT_UDP, DNS_EVENT_ACCEPT, DNS_EVENT_CONNECTION, DNS_EVENT_FORWARD };

struct dns_network {
	char name[DNS_NETWORK_NAME_MAX]; /* "": none */
	struct dns_subnet subnets[DNS_SUBNETS_MAX];
	size_t n_subnets;
	int fds[DNS_LISTENERS_MAX];
	size_t n_fds;
	uint32_t generation; /* another one whenever its sockets are others */
	struct dns_zone *zone;
	struct dns_guests *guests; /* its sockets are for these, of other networks; NULL: its own */
};

struct dns_batch;
struct dns_tcp;

struct dns_server {
	int epoll_fd;
	struct dns_counters *counters;
	struct dns_forward *forward;
	struct dns_batch *batch;
	struct dns_tcp *tcp;
	int64_t now_ms;
	struct dns_network networks[DNS_NETWORKS_MAX];
};

/* Adds @fd to what is watched. 0 or -errno. */
[[nodiscard]] int dns_server_watch(const struct dns_server *server, int fd,
				   enum dns_event_kind kind, uint32_t place);

/* Tells whether who is at @address may ask the network, or is one of its guests. */
bool dns_network_serves(const struct dns_network *network, const union dns_address *address);

/* Answers @bytes into @room. @asker says who asks the network. Returns the size of the answer, 0
 * when there is none, or -EINPROGRESS when it comes later, or has come by way of dns_forward. */
[[nodiscard]] int dns_server_answer(struct dns_server *server, const struct dns_network *network,
				    const struct dns_asker *asker, const uint8_t *bytes,
				    size_t size, const struct dns_room *room);

/* Writes what a resolver has said (NULL: nothing), or that, to who asked @query. Returns the size.
 */
size_t dns_server_pass(const struct dns_asker *asker, const struct dns_query *query,
		       const struct dns_told *told, const struct dns_room *room);

/* The connections of a server; owned by the caller. */
[[nodiscard]] struct dns_tcp *dns_tcp_create(void);
void dns_tcp_free(struct dns_tcp *tcp);

/* Takes the connections that wait at the listener @fd of the network at @place. */
void dns_tcp_accept(struct dns_server *server, uint32_t place, int fd);

/* Handles an event of the connection at @place. */
void dns_tcp_event(struct dns_server *server, uint32_t place, uint32_t events);

/* Sends to @asker, if it is still there, what a resolver has said to @query. */
void dns_tcp_deliver(struct dns_server *server, const struct dns_asker *asker,
		     const struct dns_query *query, const struct dns_told *told);

/* Ends the connections of the network at @place. */
void dns_tcp_drop_network(struct dns_server *server, uint32_t place);

/* Ends connections that have waited too long. Returns when to be called again. */
[[nodiscard]] int64_t dns_tcp_expire(struct dns_server *server);
