/* SPDX-License-Identifier: MIT */
/* Datagrams: each sender has a socket of its own towards the container, so that answers find their
 * way back. One that has been silent for a minute is forgotten, as conntrack does it. */

#include "net/forward/forward.h"

#include "base/scope.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define EXCHANGES_MAX 256
#define SILENCE_MS    60000
#define BYTES_MAX     65536
#define PIECES_MAX    64 /* in one turn, so that others have theirs */

/* One sender and its socket. */
struct exchange {
	struct forward_watch watch; /* fd -1: free */
	const struct forward_port *port;
	union forward_address from;
	int64_t last_ms;
};

static struct exchange exchanges[EXCHANGES_MAX];
static size_t n_used; /* none beyond has ever been used */
static char bytes[BYTES_MAX];

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_same(const union forward_address *one, const union forward_address *other)
{
	if (one->any.sa_family != other->any.sa_family)
		return false;
	if (one->any.sa_family == AF_INET)
		return one->four.sin_port == other->four.sin_port &&
		       one->four.sin_addr.s_addr == other->four.sin_addr.s_addr;
	return one->six.sin6_port == other->six.sin6_port &&
	       memcmp(&one->six.sin6_addr, &other->six.sin6_addr, sizeof(one->six.sin6_addr)) == 0;
}

static void exchange_ready(struct forward_watch *watch, uint32_t events)
{
	struct exchange *exchange = (struct exchange *)watch;

	for (int i = 0; watch->fd >= 0 && i < PIECES_MAX; i++) {
		ssize_t got = recv(watch->fd, bytes, sizeof(bytes), 0);

		if (got < 0)
			return; /* nothing there, or nobody: the sender finds out by silence */
		exchange->last_ms = now_ms();
		(void)sendto(exchange->port->listener, bytes, (size_t)got, MSG_NOSIGNAL,
			     &exchange->from.any,
			     exchange->from.any.sa_family == AF_INET ? sizeof(exchange->from.four)
								     : sizeof(exchange->from.six));
	}
}

/* Finds the exchange of @from, or a free place for it. */
static struct exchange *find(const struct forward_port *port, const union forward_address *from)
{
	struct exchange *free_one = NULL;

	for (size_t i = 0; i < n_used; i++) {
		struct exchange *exchange = &exchanges[i];

		if (exchange->watch.fd < 0)
			free_one = exchange;
		else if (exchange->port == port && is_same(&exchange->from, from))
			return exchange;
	}
	if (!free_one && n_used < EXCHANGES_MAX) {
		free_one = &exchanges[n_used++];
		free_one->watch.fd = -1;
	}
	return free_one;
}

/* Opens the socket of a new exchange. */
static bool open_socket(struct exchange *exchange, const struct forward_port *port,
			const union forward_address *from)
{
	union forward_address to;
	socklen_t size = forward_address_make(&port->target, port->target_port, &to);
	autoclose int fd =
		socket(port->target.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);

	if (fd < 0 || connect(fd, &to.any, size) < 0)
		return false;
	*exchange = (struct exchange){ { exchange_ready, fd }, port, *from, now_ms() };
	if (forward_watch(&exchange->watch, EPOLLIN) < 0) {
		exchange->watch.fd = -1;
		return false;
	}
	(void)steal_fd(&fd);
	return true;
}

void forward_datagram_receive(const struct forward_port *port)
{
	for (int i = 0; i < PIECES_MAX; i++) {
		union forward_address from = {};
		socklen_t size = sizeof(from);
		ssize_t got = recvfrom(port->listener, bytes, sizeof(bytes), 0, &from.any, &size);
		struct exchange *exchange;

		if (got < 0)
			return;
		if (!forward_is_loopback(&from))
			continue;
		exchange = find(port, &from);
		if (!exchange || (exchange->watch.fd < 0 && !open_socket(exchange, port, &from)))
			continue;
		exchange->last_ms = now_ms();
		(void)send(exchange->watch.fd, bytes, (size_t)got, MSG_NOSIGNAL);
	}
}

int forward_datagram_expire(void)
{
	int64_t now = now_ms();
	int wait = -1;

	for (size_t i = 0; i < n_used; i++) {
		struct exchange *exchange = &exchanges[i];
		int64_t left = exchange->last_ms + SILENCE_MS - now;

		if (exchange->watch.fd < 0)
			continue;
		if (left <= 0)
			closep(&exchange->watch.fd);
		else if (wait < 0 || left < wait)
			wait = (int)left;
	}
	return wait;
}
