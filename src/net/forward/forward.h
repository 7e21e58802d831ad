/* SPDX-License-Identifier: MIT */
#pragma once

/* lxcri-forward: carries what programs of the host send to a published port on the loopback into
 * the container. The kernel does that for every other address of the host; what has an address of
 * the loopback cannot be sent to another interface without a setting that weakens the host.
 *
 * One process for a container, started by proxy_start() with these descriptors, and one argument
 * for each port: "PROTOCOL HOST PORT TARGET PORT", numbers and addresses alone. It ends when the
 * container's first process does. Whoever is not on the loopback is not served. */

#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The descriptors that it is started with, besides the standard streams. */
#define FORWARD_RUN_DIR_FD 3 /* the run directory, in which it locks FORWARD_LOCK */
#define FORWARD_INIT_FD    4 /* of the container's first process */
#define FORWARD_REPORT_FD  5 /* where it writes a struct forward_report once */
#define FORWARD_FDS        6

#define FORWARD_LOCK "forward.lock"

/* What became of the start. */
struct forward_report {
	int32_t result; /* 0, or -errno */
	int32_t index;  /* of the port that it is about; -1: none */
};

/* A port that is carried. */
struct forward_port {
	uint8_t protocol;
	struct address host;
	uint16_t host_port;
	struct address target;
	uint16_t target_port;
	int listener; /* -1: the host has not the protocol */
};

/* A socket's address. */
union forward_address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

/* Fills @ret with an address and a port; returns its size. */
socklen_t forward_address_make(const struct address *address, uint16_t port,
			       union forward_address *ret);

/* Tells whether @address is one of the loopback. */
bool forward_is_loopback(const union forward_address *address);

/* Something that epoll watches: a descriptor of ours and what is done when it is ready. */
struct forward_watch {
	void (*ready)(struct forward_watch *watch, uint32_t events);
	int fd;
};

/* The one epoll of the process. */
extern int forward_epoll;

/* Begins to watch. 0 or -errno. */
[[nodiscard]] int forward_watch(struct forward_watch *watch, uint32_t events);

/* Watches for something else. */
void forward_rewatch(struct forward_watch *watch, uint32_t events);

/* Takes a connection from the listener of @port, whose protocol is one of streams. */
void forward_stream_accept(const struct forward_port *port);

/* Takes what has come to @port, whose protocol is UDP. */
void forward_datagram_receive(const struct forward_port *port);

/* Ends exchanges that have been silent for long; returns after how many milliseconds to do so
 * again, or -1 when there are none. */
int forward_datagram_expire(void);
