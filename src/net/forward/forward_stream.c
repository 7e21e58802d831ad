/* SPDX-License-Identifier: MIT */
/* Connections: what one side sends the other one gets, in both directions, until both have ended.
 *
 * An end of a connection is watched for input while the buffer that leads away from it is empty,
 * and for output while the one that leads to it is not. So a slow reader slows its writer, and
 * nothing grows. An object that is freed may still be named by an event of the same turn: it is
 * kept until the next connection is taken. */

#include "net/forward/forward.h"

#include "base/mem.h"
#include "base/scope.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 512
#define BUFFER_BYTES    16384

struct connection;

/* One end, and what is on the way to the other one. */
struct side {
	struct forward_watch watch;
	struct connection *connection;
	struct side *other;
	size_t start; /* of what was read here and is not written there yet */
	size_t end;
	bool has_ended;  /* nothing more is to be read */
	bool was_closed; /* and the other end knows */
	char buffer[BUFFER_BYTES];
};

struct connection {
	struct side client;
	struct side target;
	bool connecting;
	struct connection *next_dead;
};

static size_t n_connections;
static struct connection *dead;

static void bury_dead(void)
{
	while (dead) {
		struct connection *next = dead->next_dead;

		free(dead);
		dead = next;
	}
}

static void end_connection(struct connection *connection)
{
	if (connection->client.watch.fd < 0)
		return;
	closep(&connection->client.watch.fd);
	closep(&connection->target.watch.fd);
	connection->next_dead = dead;
	dead = connection;
	n_connections--;
}

/* Reads into the empty buffer of @side. Returns < 0 when the connection is broken. */
static int fill(struct side *side)
{
	ssize_t got;

	if (side->start < side->end || side->has_ended)
		return 0;
	got = recv(side->watch.fd, side->buffer, sizeof(side->buffer), 0);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	side->has_ended = got == 0;
	side->start = 0;
	side->end = (size_t)got;
	return 0;
}

/* Writes what @side has read to the other end, and tells it of the end. */
static int drain(struct side *side)
{
	while (side->start < side->end) {
		ssize_t sent = send(side->other->watch.fd, side->buffer + side->start,
				    side->end - side->start, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		side->start += (size_t)sent;
	}
	if (side->has_ended && !side->was_closed) {
		side->was_closed = true;
		if (shutdown(side->other->watch.fd, SHUT_WR) < 0)
			return -1;
	}
	return 0;
}

static uint32_t wanted(const struct side *side)
{
	uint32_t events = 0;

	if (side->connection->connecting)
		return side == &side->connection->target ? EPOLLOUT : 0;
	if (side->start == side->end && !side->has_ended)
		events |= EPOLLIN;
	if (side->other->start < side->other->end)
		events |= EPOLLOUT;
	return events;
}

static int finish_connecting(struct connection *connection)
{
	int problem = 0;
	socklen_t size = sizeof(problem);

	if (getsockopt(connection->target.watch.fd, SOL_SOCKET, SO_ERROR, &problem, &size) < 0 ||
	    problem != 0)
		return -1;
	connection->connecting = false;
	return 0;
}

static void side_ready(struct forward_watch *watch, uint32_t events)
{
	struct side *side = (struct side *)watch;
	struct connection *connection = side->connection;
	bool is_over;

	if (watch->fd < 0)
		return; /* ended earlier in this turn */
	/* While it connects nothing else is waited for, but an error. */
	if (connection->connecting &&
	    (side == &connection->client || finish_connecting(connection) < 0)) {
		end_connection(connection);
		return;
	}
	if (fill(&connection->client) < 0 || drain(&connection->client) < 0 ||
	    fill(&connection->target) < 0 || drain(&connection->target) < 0) {
		end_connection(connection);
		return;
	}
	is_over = connection->client.was_closed && connection->target.was_closed;
	/* Both ends of a connection that was reset tell of nothing else any more. */
	if (is_over || ((events & EPOLLERR) != 0)) {
		end_connection(connection);
		return;
	}
	forward_rewatch(&connection->client.watch, wanted(&connection->client));
	forward_rewatch(&connection->target.watch, wanted(&connection->target));
}

static void begin(const struct forward_port *port, int client, int target)
{
	struct connection *connection = xnew(struct connection);

	connection->client = (struct side){ .watch = { side_ready, client } };
	connection->target = (struct side){ .watch = { side_ready, target } };
	connection->client.connection = connection->target.connection = connection;
	connection->client.other = &connection->target;
	connection->target.other = &connection->client;
	connection->connecting = true;
	n_connections++;
	if (forward_watch(&connection->client.watch, wanted(&connection->client)) < 0 ||
	    forward_watch(&connection->target.watch, wanted(&connection->target)) < 0)
		end_connection(connection);
}

void forward_stream_accept(const struct forward_port *port)
{
	union forward_address from = {};
	union forward_address to;
	socklen_t size = sizeof(from);
	autoclose int client =
		accept4(port->listener, &from.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	autoclose int target = -1;

	bury_dead();
	if (client < 0 || !forward_is_loopback(&from) || n_connections >= CONNECTIONS_MAX)
		return;
	target = socket(port->target.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			port->protocol);
	size = forward_address_make(&port->target, port->target_port, &to);
	if (target < 0 || (connect(target, &to.any, size) < 0 && errno != EINPROGRESS))
		return;
	begin(port, steal_fd(&client), steal_fd(&target));
}
