/* SPDX-License-Identifier: MIT */
/* Connections of a name server.
 *
 * A connection reads one query, answers it, and only then reads the next: so it needs room for one
 * query and one answer. Its time is counted from its last answer, whatever trickles in meanwhile.
 * When all places are taken the one that has been silent longest makes room; a host that has many
 * takes from itself. */

#include "net/dns/dns_part.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX     64
#define CONNECTIONS_OF_HOST 8
#define SILENCE_MS          5000
#define ANSWER_MS           10000 /* while a resolver is asked */
#define ACCEPTS_MAX         16    /* before others have their turn */
#define IN_BYTES            (2 + DNS_QUERY_MAX)
#define OUT_BYTES           (2 + DNS_MESSAGE_MAX)

struct connection {
	int fd;
	uint32_t network;
	uint32_t generation;
	union dns_address address;
	int64_t deadline_ms;
	bool waits; /* for a resolver */
	size_t in_size;
	size_t out_size;
	size_t out_done;
	uint8_t *in; /* of IN_BYTES, and of OUT_BYTES */
	uint8_t *out;
};

/* Bytes take memory once they are used. */
struct dns_tcp {
	size_t count;
	struct connection connections[CONNECTIONS_MAX];
	uint8_t in[CONNECTIONS_MAX][IN_BYTES];
	uint8_t out[CONNECTIONS_MAX][OUT_BYTES];
};

struct dns_tcp *dns_tcp_create(void)
{
	struct dns_tcp *tcp = xnew(struct dns_tcp);

	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		tcp->connections[i] =
			(struct connection){ .fd = -1, .in = tcp->in[i], .out = tcp->out[i] };
	return tcp;
}

static void hang_up(struct dns_tcp *tcp, struct connection *connection)
{
	closep(&connection->fd);
	connection->generation++;
	tcp->count--;
}

void dns_tcp_free(struct dns_tcp *tcp)
{
	for (size_t i = 0; tcp && i < CONNECTIONS_MAX; i++)
		closep(&tcp->connections[i].fd);
	free(tcp);
}

void dns_tcp_drop_network(struct dns_server *server, uint32_t place)
{
	struct dns_tcp *tcp = server->tcp;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (tcp->connections[i].fd >= 0 && tcp->connections[i].network == place)
			hang_up(tcp, &tcp->connections[i]);
}

/* Returns a free place, having made one where needed. */
static struct connection *make_room(struct dns_tcp *tcp, const union dns_address *address)
{
	struct connection *free = NULL;
	struct connection *oldest = &tcp->connections[0];
	struct connection *own = NULL; /* the oldest of the host */
	unsigned int n_own = 0;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &tcp->connections[i];

		if (connection->fd < 0) {
			free = connection;
			continue;
		}
		if (connection->deadline_ms < oldest->deadline_ms || oldest->fd < 0)
			oldest = connection;
		if (!dns_address_is_same_host(&connection->address, address))
			continue;
		n_own++;
		if (!own || connection->deadline_ms < own->deadline_ms)
			own = connection;
	}
	if (n_own >= CONNECTIONS_OF_HOST)
		free = own;
	else if (!free)
		free = oldest;
	if (free->fd >= 0)
		hang_up(tcp, free);
	return free;
}

static void welcome(struct dns_server *server, uint32_t place, int fd_consume,
		    const union dns_address *address)
{
	struct dns_tcp *tcp = server->tcp;
	autoclose int fd = fd_consume;

	if (!dns_network_serves(&server->networks[place], address)) {
		server->counters->foreign++;
		return;
	}

	struct connection *connection = make_room(tcp, address);

	if (dns_server_watch(server, fd, DNS_EVENT_CONNECTION,
			     (uint32_t)(connection - tcp->connections)) < 0)
		return;
	connection->fd = steal_fd(&fd);
	connection->network = place;
	connection->address = *address;
	connection->deadline_ms = server->now_ms + SILENCE_MS;
	connection->waits = false;
	connection->in_size = connection->out_size = connection->out_done = 0;
	tcp->count++;
	server->counters->connections++;
}

void dns_tcp_accept(struct dns_server *server, uint32_t place, int fd)
{
	for (unsigned int i = 0; i < ACCEPTS_MAX; i++) {
		union dns_address address = {};
		socklen_t size = sizeof(address);
		int accepted = accept4(fd, &address.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (accepted < 0)
			return;
		welcome(server, place, accepted, &address);
	}
}

static void set_events(const struct dns_server *server, const struct connection *connection)
{
	const bool is_writing = connection->out_size > 0;
	struct epoll_event event = {
		.events = is_writing          ? EPOLLOUT
			  : connection->waits ? 0
					      : EPOLLIN,
		.data.u64 = (uint64_t)DNS_EVENT_CONNECTION << 32 |
			    (uint32_t)(connection - server->tcp->connections),
	};

	(void)epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

/* Sends what there is of an answer. Returns 1 when all is sent, 0 when it must wait, -errno. */
static int send_answer(struct dns_server *server, struct connection *connection)
{
	while (connection->out_done < connection->out_size) {
		ssize_t size = send(connection->fd, connection->out + connection->out_done,
				    connection->out_size - connection->out_done, MSG_NOSIGNAL);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno == EAGAIN ? 0 : -errno;
		connection->out_done += (size_t)size;
	}
	connection->out_size = connection->out_done = 0;
	connection->deadline_ms = server->now_ms + SILENCE_MS;
	return 1;
}

static void put_answer(struct connection *connection, size_t size)
{
	connection->out[0] = (uint8_t)(size >> 8);
	connection->out[1] = (uint8_t)size;
	connection->out_size = size + 2;
	connection->out_done = 0;
}

/* Answers the query that has come whole, if one has. Returns 1 when the next may be read, 0 when
 * something is waited for, -errno when this is over. */
static int answer_one(struct dns_server *server, struct connection *connection)
{
	const size_t size = (size_t)connection->in[0] << 8 | connection->in[1];
	const struct dns_asker asker = {
		.address = connection->address,
		.place = (uint32_t)(connection - server->tcp->connections),
		.generation = connection->generation,
		.is_tcp = true,
	};
	uint8_t query[DNS_QUERY_MAX];

	if (connection->in_size >= 2 && size > DNS_QUERY_MAX)
		return -EMSGSIZE;
	if (connection->in_size < 2 || connection->in_size < size + 2)
		return 0;
	memcpy(query, connection->in + 2, size);
	connection->in_size -= size + 2;
	memmove(connection->in, connection->in + size + 2, connection->in_size);
	connection->waits = true;
	connection->deadline_ms = server->now_ms + ANSWER_MS;

	int answer_size =
		dns_server_answer(server, &server->networks[connection->network], &asker, query,
				  size, &(struct dns_room){ connection->out + 2, DNS_MESSAGE_MAX });

	/* One that came from the cache is there already. */
	if (answer_size < 0)
		return connection->out_size > 0 ? send_answer(server, connection) : 0;
	connection->waits = false;
	if (answer_size == 0)
		return -EBADMSG;
	put_answer(connection, (size_t)answer_size);
	return send_answer(server, connection);
}

/* Reads what there is room for. Returns 1, 0 when nothing is there, -errno. */
static int read_some(struct connection *connection)
{
	ssize_t size = recv(connection->fd, connection->in + connection->in_size,
			    IN_BYTES - connection->in_size, 0);

	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	connection->in_size += (size_t)size;
	return size == 0 ? -ECONNRESET : 1;
}

/* Answers what has been read, as far as the peer takes the answers. */
static int answer_all(struct dns_server *server, struct connection *connection)
{
	int r = 1;

	while (r > 0)
		r = answer_one(server, connection);
	return r;
}

void dns_tcp_event(struct dns_server *server, uint32_t place, uint32_t events)
{
	struct connection *connection = &server->tcp->connections[place];
	int r = 1;

	if (connection->fd < 0)
		return; /* ended by another event of the same round */
	if (connection->out_size > 0)
		r = send_answer(server, connection);
	else if (!connection->waits)
		r = read_some(connection);
	else if (events & (EPOLLHUP | EPOLLERR))
		r = -ECONNRESET;
	if (r > 0)
		r = answer_all(server, connection);
	if (r < 0)
		hang_up(server->tcp, connection);
	else
		set_events(server, connection);
}

void dns_tcp_deliver(struct dns_server *server, const struct dns_asker *asker,
		     const struct dns_query *query, const struct dns_told *told)
{
	struct connection *connection = &server->tcp->connections[asker->place];

	if (connection->fd < 0 || connection->generation != asker->generation)
		return;
	connection->waits = false;
	put_answer(connection,
		   dns_server_pass(asker, query, told,
				   &(struct dns_room){ connection->out + 2, DNS_MESSAGE_MAX }));
	/* Sent when the socket is ready for it, which it mostly is: the next queries are answered
	 * there as well. */
	set_events(server, connection);
}

int64_t dns_tcp_expire(struct dns_server *server)
{
	struct dns_tcp *tcp = server->tcp;
	int64_t next = INT64_MAX;

	for (size_t i = 0; tcp->count > 0 && i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &tcp->connections[i];

		if (connection->fd < 0)
			continue;
		if (connection->deadline_ms <= server->now_ms)
			hang_up(tcp, connection);
		else if (connection->deadline_ms < next)
			next = connection->deadline_ms;
	}
	return next;
}
