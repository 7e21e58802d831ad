/* SPDX-License-Identifier: MIT */
#pragma once

/* The connections of commands. A client that does not take what it is owed keeps its debt: the
 * chunk of output that all attached ones must have before the next is read, an acknowledgement of
 * input, the news of the end. An answer that it does not take ends its connection. */

#include "monitor/streams.h"
#include "runtime/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Further connections wait in the listener's queue. */
#define CLIENTS_MAX 64

/* What those that stay leave to those that only ask: however many wait, a container can be killed.
 */
#define CLIENTS_STAYING_MAX (CLIENTS_MAX - 8)

struct client {
	int fd;          /* -1: free */
	uint32_t serial; /* tells it from a later one in the same slot */
	bool creator;
	bool attached;
	bool wants_stdin;
	bool waits;
	bool stays; /* its slot is taken for long */
	bool kills; /* it has sent a signal */
	bool owed_chunk;
	bool owed_taken;
	bool owed_exited;
};

struct clients {
	int listener;
	uint32_t last_serial;
	struct client slots[CLIENTS_MAX];
};

/* Makes @clients empty. */
void clients_init(struct clients *clients);

/* Adds the connection @fd, which is owned from here on. NULL, and it is closed, without a free
 * slot. */
struct client *clients_add_consume(struct clients *clients, int fd);

/* Tells whether there is a free slot. */
bool clients_have_room(const struct clients *clients);

/* Notes that @client stays: until the end of the container or of a process. Returns false when
 * there are too many of these. Whoever kills may wait for the end in any case. */
bool clients_let_stay(const struct clients *clients, struct client *client);

/* Tells whether the connection of the container's creator still stands. */
bool clients_have_creator(const struct clients *clients);

/* Tells whether anybody is attached. */
bool clients_have_attached(const struct clients *clients);

/* Tells whether an attached client has not yet taken the chunk. */
bool clients_owe_chunk(const struct clients *clients);

/* Sends @chunk to every attached client, or notes it as owed. */
void clients_send_chunk(struct clients *clients, const struct chunk *chunk);

/* Sends one message of @size bytes after the header. A client that does not take it is closed. */
void client_send(struct client *client, enum wire_type type, const void *body, size_t size);

/* Sends @err. */
void client_send_error(struct client *client, const struct lxcri_error *err);

/* Pays what @client is owed, as far as it takes it. */
void client_pay(struct client *client, const struct chunk *chunk, const struct wire_exited *exited);

/* Tells whether @client is owed anything. */
bool client_is_owed(const struct client *client);

/* Closes the connection and frees the slot. Safe to repeat. */
void client_close(struct client *client);

/* Closes all connections and the listener. Safe to repeat. */
void clients_finish(struct clients *clients);
