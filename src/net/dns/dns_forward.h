/* SPDX-License-Identifier: MIT */
#pragma once

/* Asking resolvers for what no zone of ours knows. Each question gets a socket, and so a port, and
 * an id of its own, both by chance; who asks the same meanwhile waits along. Of what comes back
 * only that is believed which follows from the question. */

#include "base/scope.h"
#include "net/dns/dns_asker.h"
#include "net/dns/dns_cache.h"
#include "net/dns/dns_counters.h"

#define DNS_RESOLVERS_MAX 3

struct dns_forward;

/* What a resolver has said. */
struct dns_told {
	const uint8_t *bytes;
	const struct dns_response *response;
	uint32_t age; /* in seconds */
};

/* Gets what was said to @query; @told is NULL when nothing was. */
typedef void (*dns_forward_fn)(void *userdata, const struct dns_asker *asker,
			       const struct dns_query *query, const struct dns_told *told);

/* Makes one whose sockets are watched by the epoll descriptor @epoll_fd, as events that carry
 * @event_kind in their upper half. The caller owns it. */
[[nodiscard]] struct dns_forward *dns_forward_create(int epoll_fd, uint32_t event_kind,
						     struct dns_counters *counters,
						     dns_forward_fn deliver, void *userdata);

/* Ends all questions without an answer; NULL is fine. */
void dns_forward_free(struct dns_forward *forward);
DEFINE_AUTOPTR(dns_forward)

/* Sets whom to ask, and forgets what others have said. @count is at most DNS_RESOLVERS_MAX. */
void dns_forward_set_resolvers(struct dns_forward *forward, const union dns_address *resolvers,
			       size_t count);

/* Answers from what is known, or asks; @deliver hears of it once, maybe before this returns. */
void dns_forward_ask(struct dns_forward *forward, const struct dns_query *query,
		     const struct dns_asker *asker, int64_t now_ms);

/* Handles an event of a socket; @place is the lower half of what the event carries. */
void dns_forward_event(struct dns_forward *forward, uint32_t place, int64_t now_ms);

/* Ends what has waited too long. Returns when to be called again, INT64_MAX: not before there is
 * another question. */
[[nodiscard]] int64_t dns_forward_expire(struct dns_forward *forward, int64_t now_ms);
