/* SPDX-License-Identifier: MIT */
/* A name server for several networks. Datagrams are received and answered by the dozen; each takes
 * one walk over its question and one look into the zone. */

#include "net/dns/dns_part.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH      64
#define ROUNDS_MAX 4 /* batches of one socket before others have their turn */
#define EVENTS_MAX 64

/* The sockets of a network in the lower half of an event: the network, and which of them. */
#define PLACE_OF(network_, i_) ((uint32_t)((network_)*DNS_LISTENERS_MAX + (i_)))

struct dns_batch {
	struct mmsghdr in[BATCH];
	struct mmsghdr out[BATCH];
	struct iovec in_vectors[BATCH];
	struct iovec out_vectors[BATCH];
	union dns_address addresses[BATCH];
	uint8_t queries[BATCH][DNS_QUERY_MAX];
	uint8_t answers[BATCH][DNS_UDP_MAX];
};

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct dns_batch *batch_create(void)
{
	struct dns_batch *batch = xnew(struct dns_batch);

	for (size_t i = 0; i < BATCH; i++) {
		batch->in_vectors[i] = (struct iovec){ batch->queries[i], DNS_QUERY_MAX };
		batch->in[i].msg_hdr.msg_iov = &batch->in_vectors[i];
		batch->in[i].msg_hdr.msg_iovlen = 1;
		batch->in[i].msg_hdr.msg_name = &batch->addresses[i];
		batch->out[i].msg_hdr.msg_iov = &batch->out_vectors[i];
		batch->out[i].msg_hdr.msg_iovlen = 1;
	}
	return batch;
}

/* A resolver has answered, or none has. */
static void deliver(void *userdata, const struct dns_asker *asker, const struct dns_query *query,
		    const struct dns_told *told)
{
	struct dns_server *server = userdata;
	const struct dns_network *network = &server->networks[asker->place / DNS_LISTENERS_MAX];
	uint8_t answer[DNS_UDP_MAX];

	if (asker->is_tcp) {
		dns_tcp_deliver(server, asker, query, told);
		return;
	}
	if (network->generation != asker->generation)
		return;

	size_t size = dns_server_pass(asker, query, told,
				      &(struct dns_room){ answer, dns_udp_limit(query) });

	/* A datagram that cannot be sent is one that was lost on its way. */
	(void)sendto(network->fds[asker->place % DNS_LISTENERS_MAX], answer, size,
		     MSG_DONTWAIT | MSG_NOSIGNAL, &asker->address.any,
		     dns_address_size(&asker->address));
}

int dns_server_create(struct dns_counters *counters, struct dns_server **ret_server,
		      struct lxcri_error *err)
{
	autoptr(dns_server) server = xnew(struct dns_server);

	server->counters = counters;
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll_fd < 0)
		return fail_errno(err, errno, "make a name server");
	server->forward =
		dns_forward_create(server->epoll_fd, DNS_EVENT_FORWARD, counters, deliver, server);
	server->batch = batch_create();
	server->tcp = dns_tcp_create();
	server->now_ms = now_ms();
	*ret_server = steal(server);
	return 0;
}

/* Closes what a network has. Its place can be taken by another one. */
static void network_finish(struct dns_server *server, uint32_t place)
{
	struct dns_network *network = &server->networks[place];

	dns_tcp_drop_network(server, place);
	for (size_t i = 0; i < network->n_fds; i++)
		closep(&network->fds[i]);
	dns_zone_free(network->zone);
	dns_guests_free(network->guests);
	*network = (struct dns_network){ .generation = network->generation + 1 };
}

void dns_server_free(struct dns_server *server)
{
	if (!server)
		return;
	for (uint32_t i = 0; server->tcp && i < DNS_NETWORKS_MAX; i++)
		network_finish(server, i);
	dns_tcp_free(server->tcp);
	dns_forward_free(server->forward);
	free(server->batch);
	closep(&server->epoll_fd);
	free(server);
}

int dns_server_fd(const struct dns_server *server)
{
	return server->epoll_fd;
}

int dns_server_watch(const struct dns_server *server, int fd, enum dns_event_kind kind,
		     uint32_t place)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = (uint64_t)kind << 32 | place };

	return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static uint32_t find_network(const struct dns_server *server, const char *name)
{
	for (uint32_t i = 0; i < DNS_NETWORKS_MAX; i++)
		if (strcmp(server->networks[i].name, name) == 0)
			return i;
	return DNS_NETWORKS_MAX;
}

static int watch_listener(const struct dns_server *server, int fd, uint32_t place)
{
	int type = 0;
	socklen_t size = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
		return -errno;
	return dns_server_watch(server, fd, type == SOCK_STREAM ? DNS_EVENT_ACCEPT : DNS_EVENT_UDP,
				place);
}

static void close_all(const struct dns_network_options *options)
{
	for (size_t i = 0; i < options->n_fds; i++)
		(void)close(options->fds[i]);
}

int dns_server_put_network_consume(struct dns_server *server,
				   const struct dns_network_options *options,
				   struct lxcri_error *err)
{
	uint32_t place = find_network(server, options->name);
	struct dns_guests *guests;
	struct dns_zone *zone;

	if (!*options->name || strlen(options->name) >= DNS_NETWORK_NAME_MAX ||
	    options->n_subnets > DNS_SUBNETS_MAX || options->n_fds > DNS_LISTENERS_MAX) {
		close_all(options);
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "\"%.80s\" is no network with names",
			    options->name);
	}
	if (place == DNS_NETWORKS_MAX)
		place = find_network(server, "");
	if (place == DNS_NETWORKS_MAX) {
		close_all(options);
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "more than %d networks with names",
			    DNS_NETWORKS_MAX);
	}

	struct dns_network *network = &server->networks[place];

	zone = steal(network->zone);
	guests = steal(network->guests);
	network_finish(server, place);
	network->zone = zone;
	network->guests = guests;
	(void)strcpy(network->name, options->name);
	network->n_subnets = options->n_subnets;
	if (options->n_subnets > 0)
		memcpy(network->subnets, options->subnets,
		       options->n_subnets * sizeof(*options->subnets));
	network->n_fds = options->n_fds;
	if (options->n_fds > 0)
		memcpy(network->fds, options->fds, options->n_fds * sizeof(*options->fds));
	for (size_t i = 0; i < network->n_fds; i++) {
		int r = watch_listener(server, network->fds[i], PLACE_OF(place, i));

		if (r < 0)
			return fail_errno(err, r, "listen for names of %s", network->name);
	}
	return 0;
}

int dns_server_set_zone_consume(struct dns_server *server, const char *name, struct dns_zone *zone,
				struct lxcri_error *err)
{
	uint32_t place = *name ? find_network(server, name) : DNS_NETWORKS_MAX;

	if (place == DNS_NETWORKS_MAX) {
		dns_zone_free(zone);
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "no network is called \"%.80s\"", name);
	}
	dns_zone_free(server->networks[place].zone);
	server->networks[place].zone = zone;
	return 0;
}

int dns_server_set_guests_consume(struct dns_server *server, const char *name,
				  struct dns_guests *guests, struct lxcri_error *err)
{
	uint32_t place = *name ? find_network(server, name) : DNS_NETWORKS_MAX;

	if (place == DNS_NETWORKS_MAX) {
		dns_guests_free(guests);
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "no network is called \"%.80s\"", name);
	}
	dns_guests_free(server->networks[place].guests);
	server->networks[place].guests = guests;
	return 0;
}

void dns_server_drop_network(struct dns_server *server, const char *name)
{
	uint32_t place = *name ? find_network(server, name) : DNS_NETWORKS_MAX;

	if (place < DNS_NETWORKS_MAX)
		network_finish(server, place);
}

void dns_server_set_resolvers(struct dns_server *server, const union dns_address *resolvers,
			      size_t count)
{
	dns_forward_set_resolvers(server->forward, resolvers, count);
}

bool dns_network_serves(const struct dns_network *network, const union dns_address *address)
{
	if (network->guests)
		return dns_guests_find(network->guests, address) != NULL;
	for (size_t i = 0; i < network->n_subnets; i++)
		if (dns_subnet_has(&network->subnets[i], address))
			return true;
	return false;
}

/* Ends an answer that says no more than @rcode. */
static int refuse(struct dns_answer *answer, enum dns_rcode rcode, struct dns_counters *counters)
{
	counters->refused++;
	return (int)dns_answer_end(answer, rcode);
}

/* Finds the zone that @asker sees, which may be NULL. Returns the code that he gets instead: that
 * of a stranger, or of one whose network we do not know of yet. */
static enum dns_rcode find_zone(const struct dns_server *server, const struct dns_network *network,
				const struct dns_asker *asker, const struct dns_zone **ret)
{
	const char *name;
	uint32_t place;

	*ret = network->zone;
	if (!network->guests)
		return DNS_NOERROR;
	name = dns_guests_find(network->guests, &asker->address);
	if (!name)
		return DNS_REFUSED;
	place = find_network(server, name);
	*ret = place < DNS_NETWORKS_MAX ? server->networks[place].zone : NULL;
	return *ret ? DNS_NOERROR : DNS_SERVFAIL;
}

int dns_server_answer(struct dns_server *server, const struct dns_network *network,
		      const struct dns_asker *asker, const uint8_t *bytes, size_t size,
		      const struct dns_room *room)
{
	struct dns_counters *counters = server->counters;
	struct dns_query query;
	struct dns_answer answer;
	const struct dns_zone *zone;
	enum dns_rcode refusal;
	int rcode = -ENOENT;

	counters->queries++;
	if (dns_query_parse(bytes, size, &query) < 0) {
		counters->refused++;
		return 0;
	}
	dns_answer_begin(&answer, &query, room->bytes,
			 asker->is_tcp ? room->limit : dns_udp_limit(&query));
	refusal = find_zone(server, network, asker, &zone);
	if (refusal == DNS_NOERROR)
		refusal = query.fault;
	if (refusal != DNS_NOERROR)
		return refuse(&answer, refusal, counters);
	if (query.type == DNS_AXFR || query.type == DNS_IXFR ||
	    (query.class != DNS_CLASS_IN && query.class != DNS_CLASS_ANY))
		return refuse(&answer, DNS_REFUSED, counters);
	if (zone)
		rcode = dns_zone_ask(zone, &query, &answer);
	if (rcode == -EREMOTE && query.recursion_desired) {
		uint8_t target[DNS_NAME_MAX];
		size_t target_size = dns_zone_find_alias(zone, query.name, query.name_size, target);

		dns_query_lead(&query, target, target_size);
		dns_forward_ask(server->forward, &query, asker, server->now_ms);
		return -EINPROGRESS;
	}
	if (rcode == -EREMOTE)
		rcode = DNS_NOERROR; /* who asks may follow it himself */
	if (rcode >= 0) {
		counters->answered++;
		counters->absent += rcode == DNS_NXDOMAIN;
		return (int)dns_answer_end(&answer, (enum dns_rcode)rcode);
	}
	if (!query.recursion_desired)
		return refuse(&answer, DNS_REFUSED, counters);
	dns_forward_ask(server->forward, &query, asker, server->now_ms);
	return -EINPROGRESS;
}

size_t dns_server_pass(const struct dns_asker *asker, const struct dns_query *query,
		       const struct dns_told *told, const struct dns_room *room)
{
	struct dns_query asked;
	struct dns_answer answer;

	/* Over a connection nothing is too long, so who is told so would ask for ever. */
	if (told && !(asker->is_tcp && told->response->truncated))
		return dns_response_pass(told->bytes, told->response, query, told->age, room->bytes,
					 room->limit);
	dns_query_restore(query, &asked);
	dns_answer_begin(&answer, &asked, room->bytes, room->limit);
	return dns_answer_end(&answer, DNS_SERVFAIL);
}

/* Answers one datagram. Returns the size of the answer; 0: none now. */
static size_t answer_datagram(struct dns_server *server, uint32_t place, size_t i)
{
	struct dns_batch *batch = server->batch;
	const struct dns_network *network = &server->networks[place / DNS_LISTENERS_MAX];
	const struct dns_asker asker = { .address = batch->addresses[i],
					 .place = place,
					 .generation = network->generation };

	/* At the sockets of guests a stranger is told that he is one. */
	if (!network->guests && !dns_network_serves(network, &asker.address)) {
		server->counters->foreign++;
		return 0;
	}

	/* One that was cut is longer than any that is read. */
	const bool was_cut = batch->in[i].msg_hdr.msg_flags & MSG_TRUNC;
	int size = dns_server_answer(server, network, &asker, batch->queries[i],
				     was_cut ? DNS_QUERY_MAX + 1 : batch->in[i].msg_len,
				     &(struct dns_room){ batch->answers[i], DNS_UDP_MAX });

	return size > 0 ? (size_t)size : 0;
}

/* Sends what is to be sent of a batch. What the kernel has no room for is lost, as it might be
 * elsewhere on its way. */
static void send_batch(const struct dns_batch *batch, int fd, unsigned int count)
{
	unsigned int done = 0;

	while (done < count) {
		int r = sendmmsg(fd, (struct mmsghdr *)batch->out + done, count - done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		/* One that cannot be sent must not keep the others. */
		done += r > 0 ? (unsigned int)r : 1;
	}
}

static void serve_udp(struct dns_server *server, uint32_t place)
{
	struct dns_batch *batch = server->batch;
	int fd = server->networks[place / DNS_LISTENERS_MAX].fds[place % DNS_LISTENERS_MAX];

	for (unsigned int round = 0; round < ROUNDS_MAX; round++) {
		unsigned int count = 0;

		for (size_t i = 0; i < BATCH; i++)
			batch->in[i].msg_hdr.msg_namelen = sizeof(batch->addresses[i]);

		int got = recvmmsg(fd, batch->in, BATCH, MSG_DONTWAIT, NULL);

		for (int i = 0; i < got; i++) {
			size_t size = answer_datagram(server, place, (size_t)i);
			struct msghdr *out = &batch->out[count].msg_hdr;

			if (size == 0)
				continue;
			*out->msg_iov = (struct iovec){ batch->answers[i], size };
			out->msg_name = &batch->addresses[i];
			out->msg_namelen = batch->in[i].msg_hdr.msg_namelen;
			count++;
		}
		send_batch(batch, fd, count);
		if (got < BATCH)
			return;
	}
}

static void handle(struct dns_server *server, const struct epoll_event *event)
{
	const uint32_t place = (uint32_t)event->data.u64;
	const uint32_t network = place / DNS_LISTENERS_MAX;

	switch ((enum dns_event_kind)(event->data.u64 >> 32)) {
	case DNS_EVENT_UDP:
		serve_udp(server, place);
		break;
	case DNS_EVENT_ACCEPT:
		dns_tcp_accept(server, network,
			       server->networks[network].fds[place % DNS_LISTENERS_MAX]);
		break;
	case DNS_EVENT_CONNECTION:
		dns_tcp_event(server, place, event->events);
		break;
	case DNS_EVENT_FORWARD:
		dns_forward_event(server->forward, place, server->now_ms);
		break;
	}
}

int dns_server_run(struct dns_server *server)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(server->epoll_fd, events, EVENTS_MAX, 0);

	server->now_ms = now_ms();
	for (int i = 0; i < count; i++)
		handle(server, &events[i]);

	int64_t forward = dns_forward_expire(server->forward, server->now_ms);
	int64_t tcp = dns_tcp_expire(server);
	int64_t next = forward < tcp ? forward : tcp;

	if (next == INT64_MAX)
		return -1;
	return next <= server->now_ms ? 0 : (int)(next - server->now_ms);
}
