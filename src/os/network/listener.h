/* SPDX-License-Identifier: MIT */
#pragma once

/* Who waits at a port of this host. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LISTENER_SOCKETS_MAX 16
#define LISTENER_NAME_MAX    32

/* The sockets that wait at one place. */
struct listener {
	uint64_t inodes[LISTENER_SOCKETS_MAX];
	unsigned int count;
};

/* Finds those of UDP and TCP at @port of @address, of 4 bytes (AF_INET) or 16 (AF_INET6), or of any
 * address, whatever interface they are bound to. Returns 1, or 0 where there is none. */
int listener_find(int family, const void *address, uint16_t port, struct listener *ret);

/* Tells whether the process @pid has one of them open. */
bool listener_is_of(const struct listener *listener, pid_t pid);

/* Finds a process that has one of them open, and writes its short name. Returns its number, or 0
 * where none is seen, with "another program" as the name. */
pid_t listener_name(const struct listener *listener, char name[static LISTENER_NAME_MAX]);
