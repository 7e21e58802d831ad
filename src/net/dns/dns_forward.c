/* SPDX-License-Identifier: MIT */
/* Asking resolvers.
 *
 * A question is in one of three states: free, asked over UDP, or asked over TCP once an answer was
 * too long. It goes to one resolver after the other, each for a while, until one has said something
 * of use or all attempts are spent. */

#include "net/dns/dns_forward.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#define QUESTIONS_MAX   256  /* at once, to all resolvers */
#define CLIENTS_MAX     1024 /* that wait for them */
#define CLIENTS_OF_HOST 128  /* of these, of one address */
#define STREAMS_MAX     8    /* questions asked over TCP */
#define ATTEMPTS_MAX    3
#define ATTEMPT_MS      1500
#define BAD_MAX         16 /* answers to something else before the attempt counts as failed */
#define RANDOM_IDS      128
#define NOBODY          UINT32_MAX
#define STREAM_BYTES    (2 + DNS_MESSAGE_MAX)

enum question_state { QUESTION_FREE, QUESTION_UDP, QUESTION_TCP };

struct client {
	uint32_t next;
	struct dns_asker asker;
	struct dns_query query;
};

struct question {
	enum question_state state;
	int fd;
	uint16_t id;
	unsigned int attempts;
	unsigned int n_bad;
	int64_t deadline_ms;
	uint32_t first; /* client */
	uint32_t stream;
	struct dns_query query;
};

/* The bytes of a question over TCP; first those that are sent, then those that come. */
struct stream {
	bool taken;
	bool sending;
	size_t size; /* of what is to be sent */
	size_t done;
	uint8_t bytes[STREAM_BYTES];
};

struct dns_forward {
	int epoll_fd;
	uint32_t event_kind;
	struct dns_counters *counters;
	dns_forward_fn deliver;
	void *userdata;
	struct dns_cache *cache;
	union dns_address resolvers[DNS_RESOLVERS_MAX];
	size_t n_resolvers;
	unsigned int first_resolver; /* the one that answered last */
	size_t n_questions;
	uint32_t free_client;
	uint32_t n_clients; /* that were ever used: what was not takes no memory */
	uint16_t ids[RANDOM_IDS];
	size_t n_ids;
	struct question questions[QUESTIONS_MAX];
	struct client clients[CLIENTS_MAX];
	struct stream streams[STREAMS_MAX];
	uint8_t buffer[DNS_MESSAGE_MAX];
};

struct dns_forward *dns_forward_create(int epoll_fd, uint32_t event_kind,
				       struct dns_counters *counters, dns_forward_fn deliver,
				       void *userdata)
{
	struct dns_forward *forward = xnew(struct dns_forward);

	forward->epoll_fd = epoll_fd;
	forward->event_kind = event_kind;
	forward->counters = counters;
	forward->deliver = deliver;
	forward->userdata = userdata;
	forward->cache = dns_cache_create();
	forward->free_client = NOBODY;
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		forward->questions[i].fd = -1;
	return forward;
}

void dns_forward_free(struct dns_forward *forward)
{
	if (!forward)
		return;
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		closep(&forward->questions[i].fd);
	dns_cache_free(forward->cache);
	free(forward);
}

void dns_forward_set_resolvers(struct dns_forward *forward, const union dns_address *resolvers,
			       size_t count)
{
	forward->n_resolvers = count < DNS_RESOLVERS_MAX ? count : DNS_RESOLVERS_MAX;
	memcpy(forward->resolvers, resolvers, forward->n_resolvers * sizeof(*resolvers));
	forward->first_resolver = 0;
	dns_cache_clear(forward->cache);
}

/* Returns a number that nobody can guess. */
static uint16_t random_id(struct dns_forward *forward)
{
	if (forward->n_ids == 0) {
		/* Of so few bytes it never gives less, and once the machine is up it never waits.
		 */
		if (getrandom(forward->ids, sizeof(forward->ids), 0) != sizeof(forward->ids))
			abort();
		forward->n_ids = RANDOM_IDS;
	}
	return forward->ids[--forward->n_ids];
}

static void hang_up(struct dns_forward *forward, struct question *question)
{
	closep(&question->fd); /* which takes it out of the epoll set */
	if (question->state == QUESTION_TCP)
		forward->streams[question->stream].taken = false;
}

/* Tells all who wait; afterwards the question is free. */
static void settle(struct dns_forward *forward, struct question *question,
		   const struct dns_told *told)
{
	uint32_t place = question->first;

	hang_up(forward, question);
	question->state = QUESTION_FREE;
	forward->n_questions--;
	if (!told)
		forward->counters->failed++;
	while (place != NOBODY) {
		struct client *client = &forward->clients[place];
		uint32_t next = client->next;

		forward->deliver(forward->userdata, &client->asker, &client->query, told);
		client->next = forward->free_client;
		forward->free_client = place;
		place = next;
	}
}

static int watch(const struct dns_forward *forward, const struct question *question,
		 uint32_t events, int operation)
{
	struct epoll_event event = {
		.events = events,
		.data.u64 = (uint64_t)forward->event_kind << 32 |
			    (uint32_t)(question - forward->questions),
	};

	return epoll_ctl(forward->epoll_fd, operation, question->fd, &event) < 0 ? -errno : 0;
}

/* Opens a socket to the resolver whose turn it is. */
static int call(struct dns_forward *forward, struct question *question, int type)
{
	const size_t turn =
		(forward->first_resolver + question->attempts - 1) % forward->n_resolvers;
	const union dns_address *resolver = &forward->resolvers[turn];

	question->fd = socket(resolver->any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (question->fd < 0)
		return -errno;
	if (connect(question->fd, &resolver->any, dns_address_size(resolver)) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	return watch(forward, question, type == SOCK_DGRAM ? EPOLLIN : EPOLLOUT, EPOLL_CTL_ADD);
}

static int ask_udp(struct dns_forward *forward, struct question *question)
{
	uint8_t bytes[DNS_UDP_PLAIN_MAX];
	int r = call(forward, question, SOCK_DGRAM);

	if (r < 0)
		return r;
	question->id = random_id(forward);

	size_t size = dns_query_format(&question->query, question->id, bytes);

	return send(question->fd, bytes, size, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Asks the next resolver, or gives up. */
static void ask_next(struct dns_forward *forward, struct question *question, int64_t now_ms)
{
	hang_up(forward, question);
	question->state = QUESTION_UDP;
	while (forward->n_resolvers > 0 && question->attempts < ATTEMPTS_MAX) {
		question->attempts++;
		question->n_bad = 0;
		question->deadline_ms = now_ms + ATTEMPT_MS;
		if (ask_udp(forward, question) == 0)
			return;
		closep(&question->fd);
	}
	settle(forward, question, NULL);
}

/* Asks the same resolver once more for what was too long. Returns false when that cannot be. */
static bool ask_tcp(struct dns_forward *forward, struct question *question, int64_t now_ms)
{
	struct stream *stream = NULL;

	for (uint32_t i = 0; i < STREAMS_MAX && !stream; i++) {
		if (forward->streams[i].taken)
			continue;
		stream = &forward->streams[i];
		question->stream = i;
	}
	if (!stream)
		return false;
	hang_up(forward, question);
	question->state = QUESTION_TCP;
	question->deadline_ms = now_ms + ATTEMPT_MS;
	question->id = random_id(forward);
	stream->taken = true;
	stream->sending = true;
	stream->done = 0;
	stream->size = 2 + dns_query_format(&question->query, question->id, stream->bytes + 2);
	stream->bytes[0] = (uint8_t)((stream->size - 2) >> 8);
	stream->bytes[1] = (uint8_t)(stream->size - 2);
	if (call(forward, question, SOCK_STREAM) < 0)
		ask_next(forward, question, now_ms);
	return true;
}

/* Takes what a resolver has said. Returns false when it is to something else. */
static bool take_answer(struct dns_forward *forward, struct question *question,
			const uint8_t *bytes, size_t size, int64_t now_ms)
{
	struct dns_response response;
	const bool was_udp = question->state == QUESTION_UDP;

	if (dns_response_parse(bytes, size, &question->query, question->id, &response) < 0)
		return false;
	if (response.truncated && was_udp && ask_tcp(forward, question, now_ms))
		return true;
	if (response.rcode != DNS_NOERROR && response.rcode != DNS_NXDOMAIN &&
	    question->attempts < ATTEMPTS_MAX && question->attempts < forward->n_resolvers) {
		ask_next(forward, question, now_ms);
		return true;
	}
	forward->first_resolver = (forward->first_resolver + question->attempts - 1) %
				  (unsigned int)forward->n_resolvers;
	dns_cache_keep(forward->cache, &question->query, bytes, &response, now_ms);
	settle(forward, question, &(struct dns_told){ bytes, &response, 0 });
	return true;
}

static void read_udp(struct dns_forward *forward, struct question *question, int64_t now_ms)
{
	while (question->n_bad < BAD_MAX) {
		ssize_t size = recv(question->fd, forward->buffer, sizeof(forward->buffer), 0);

		if (size < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (size < 0)
			break; /* nobody listens there */
		if (take_answer(forward, question, forward->buffer, (size_t)size, now_ms))
			return;
		question->n_bad++;
	}
	ask_next(forward, question, now_ms);
}

/* Returns 1 when there is an answer of *@ret_size bytes behind the length, 0 when there is more to
 * come, -errno. */
static int read_stream(int fd, struct stream *stream, size_t *ret_size)
{
	for (;;) {
		size_t want = 2;

		if (stream->done >= 2)
			want += (size_t)stream->bytes[0] << 8 | stream->bytes[1];
		if (stream->done >= 2 && stream->done == want) {
			*ret_size = want - 2;
			return 1;
		}

		ssize_t size = recv(fd, stream->bytes + stream->done, want - stream->done, 0);

		if (size < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (size <= 0)
			return size < 0 ? -errno : -ECONNRESET;
		stream->done += (size_t)size;
	}
}

static int write_stream(const struct dns_forward *forward, const struct question *question,
			struct stream *stream)
{
	ssize_t size = send(question->fd, stream->bytes + stream->done, stream->size - stream->done,
			    MSG_NOSIGNAL);

	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	stream->done += (size_t)size;
	if (stream->done < stream->size)
		return 0;
	stream->sending = false;
	stream->done = 0;
	return watch(forward, question, EPOLLIN, EPOLL_CTL_MOD);
}

static void serve_tcp(struct dns_forward *forward, struct question *question, int64_t now_ms)
{
	struct stream *stream = &forward->streams[question->stream];
	size_t size = 0;
	int r = stream->sending ? write_stream(forward, question, stream)
				: read_stream(question->fd, stream, &size);

	/* What is answered over a connection is to the one question that was sent. */
	if (r < 0 || (r > 0 && !take_answer(forward, question, stream->bytes + 2, size, now_ms)))
		ask_next(forward, question, now_ms);
}

void dns_forward_event(struct dns_forward *forward, uint32_t place, int64_t now_ms)
{
	struct question *question = place < QUESTIONS_MAX ? &forward->questions[place] : NULL;

	/* The event may be of a question that was settled by another one of the same round. */
	if (question && question->state == QUESTION_UDP)
		read_udp(forward, question, now_ms);
	else if (question && question->state == QUESTION_TCP)
		serve_tcp(forward, question, now_ms);
}

static bool is_same(const struct dns_query *a, const struct dns_query *b)
{
	return a->type == b->type && a->class == b->class && a->wants_dnssec == b->wants_dnssec &&
	       a->checking_disabled == b->checking_disabled && a->name_size == b->name_size &&
	       memcmp(a->name, b->name, a->name_size) == 0;
}

/* Counts who waits, of the host that asks. */
static unsigned int count_of_host(const struct dns_forward *forward, const struct dns_asker *asker)
{
	unsigned int count = 0;

	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		if (forward->questions[i].state == QUESTION_FREE)
			continue;
		for (uint32_t place = forward->questions[i].first; place != NOBODY;
		     place = forward->clients[place].next)
			count += dns_address_is_same_host(&forward->clients[place].asker.address,
							  &asker->address);
	}
	return count;
}

/* Finds the question that is asked already, or a free one. */
static struct question *find_question(struct dns_forward *forward, const struct dns_query *query)
{
	struct question *free = NULL;

	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		struct question *question = &forward->questions[i];

		if (question->state == QUESTION_FREE)
			free = free ? free : question;
		else if (is_same(&question->query, query))
			return question;
	}
	return free;
}

/* Returns the place of a free client, or NOBODY. */
static uint32_t take_client(struct dns_forward *forward)
{
	const uint32_t place = forward->free_client;

	if (place != NOBODY)
		forward->free_client = forward->clients[place].next;
	else if (forward->n_clients < CLIENTS_MAX)
		return forward->n_clients++;
	return place;
}

void dns_forward_ask(struct dns_forward *forward, const struct dns_query *query,
		     const struct dns_asker *asker, int64_t now_ms)
{
	struct dns_cached cached;

	if (dns_cache_find(forward->cache, query, now_ms, &cached)) {
		forward->counters->cached++;
		forward->deliver(forward->userdata, asker, query,
				 &(struct dns_told){ cached.bytes, &cached.response, cached.age });
		return;
	}

	struct question *question = find_question(forward, query);
	const uint32_t place = question && count_of_host(forward, asker) < CLIENTS_OF_HOST
				       ? take_client(forward)
				       : NOBODY;

	if (place == NOBODY) {
		forward->deliver(forward->userdata, asker, query, NULL);
		return;
	}
	forward->counters->forwarded++;

	struct client *client = &forward->clients[place];

	client->asker = *asker;
	client->query = *query;
	if (question->state != QUESTION_FREE) {
		client->next = question->first;
		question->first = place;
		return;
	}
	client->next = NOBODY;
	question->first = place;
	question->attempts = 0;
	question->query = *query;
	/* The letters' case is who asks' own affair. */
	memcpy(question->query.asked, query->name, query->name_size);
	forward->n_questions++;
	ask_next(forward, question, now_ms);
}

int64_t dns_forward_expire(struct dns_forward *forward, int64_t now_ms)
{
	int64_t next = INT64_MAX;

	if (forward->n_questions == 0)
		return INT64_MAX;
	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		struct question *question = &forward->questions[i];

		if (question->state != QUESTION_FREE && question->deadline_ms <= now_ms)
			ask_next(forward, question, now_ms);
		if (question->state != QUESTION_FREE && question->deadline_ms < next)
			next = question->deadline_ms;
	}
	return next;
}
