/* SPDX-License-Identifier: MIT */
/* The connections of commands. */

#include "monitor/clients.h"

#include "base/scope.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

void clients_init(struct clients *clients)
{
	clients->listener = -1;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		clients->slots[i] = (struct client){ .fd = -1 };
}

struct client *clients_add_consume(struct clients *clients, int fd)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &clients->slots[i];

		if (client->fd < 0) {
			*client = (struct client){ .fd = fd, .serial = ++clients->last_serial };
			return client;
		}
	}
	closep(&fd);
	return NULL;
}

bool clients_have_room(const struct clients *clients)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (clients->slots[i].fd < 0)
			return true;
	return false;
}

bool clients_let_stay(const struct clients *clients, struct client *client)
{
	size_t staying = 0;

	for (size_t i = 0; i < CLIENTS_MAX; i++)
		staying += clients->slots[i].stays;
	if (!client->stays && !client->kills && staying >= CLIENTS_STAYING_MAX)
		return false;
	client->stays = true;
	return true;
}

bool clients_have_creator(const struct clients *clients)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (clients->slots[i].creator)
			return true;
	return false;
}

bool clients_have_attached(const struct clients *clients)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (clients->slots[i].attached)
			return true;
	return false;
}

bool clients_owe_chunk(const struct clients *clients)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (clients->slots[i].owed_chunk)
			return true;
	return false;
}

/* Returns 1 when the message was taken, 0 when it may be later; a client that is gone is closed,
 * and counts as having taken it. */
static int try_send(struct client *client, const void *message, size_t size)
{
	ssize_t sent;

	do
		sent = send(client->fd, message, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return 0;
	if (sent < 0)
		client_close(client);
	return 1;
}

static int send_chunk(struct client *client, const struct chunk *chunk)
{
	return try_send(client, chunk, sizeof(chunk->header) + chunk->header.size);
}

void clients_send_chunk(struct clients *clients, const struct chunk *chunk)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &clients->slots[i];

		if (client->fd >= 0 && client->attached)
			client->owed_chunk = !send_chunk(client, chunk);
	}
}

static int try_send_message(struct client *client, enum wire_type type, const void *body,
			    size_t size)
{
	struct {
		struct wire_header header;
		char body[sizeof(struct lxcri_error)]; /* the largest one */
	} message;

	message.header = wire_header(type, size);
	if (size > 0)
		memcpy(message.body, body, size);
	return try_send(client, &message, sizeof(message.header) + size);
}

void client_send(struct client *client, enum wire_type type, const void *body, size_t size)
{
	if (client->fd >= 0 && !try_send_message(client, type, body, size))
		client_close(client);
}

void client_send_error(struct client *client, const struct lxcri_error *err)
{
	client_send(client, WIRE_ERROR, err, sizeof(*err));
}

void client_pay(struct client *client, const struct chunk *chunk, const struct wire_exited *exited)
{
	/* In this order: the end comes after the last output. */
	if (client->owed_chunk && !send_chunk(client, chunk))
		return;
	client->owed_chunk = false;
	if (client->owed_taken && !try_send_message(client, WIRE_STDIN_TAKEN, NULL, 0))
		return;
	client->owed_taken = false;
	if (client->owed_exited && !try_send_message(client, WIRE_EXITED, exited, sizeof(*exited)))
		return;
	client->owed_exited = false;
}

bool client_is_owed(const struct client *client)
{
	return client->owed_chunk || client->owed_taken || client->owed_exited;
}

void client_close(struct client *client)
{
	closep(&client->fd);
	*client = (struct client){ .fd = -1 };
}

void clients_finish(struct clients *clients)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		client_close(&clients->slots[i]);
	closep(&clients->listener);
}
