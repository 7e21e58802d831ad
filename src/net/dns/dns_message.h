/* SPDX-License-Identifier: MIT */
#pragma once

/* Messages of the DNS (RFC 1035, RFC 6891): reading queries, writing answers, and reading what
 * another server has answered. Nothing here allocates, and every loop ends with the message. */

#include "net/dns/dns_name.h"

#define DNS_PORT          53
#define DNS_HEADER_SIZE   12
#define DNS_MESSAGE_MAX   65535
#define DNS_UDP_PLAIN_MAX 512  /* without EDNS */
#define DNS_UDP_MAX       1232 /* is never fragmented on any network that carries IPv6 */
#define DNS_QUERY_MAX     1024 /* more is no query of a resolver */
#define DNS_OPT_SIZE      11

enum dns_type {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_DNAME = 39,
	DNS_OPT = 41,
	DNS_RRSIG = 46,
	DNS_IXFR = 251,
	DNS_AXFR = 252,
	DNS_ANY = 255,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16,
};

#define DNS_CLASS_IN  1
#define DNS_CLASS_ANY 255

/* What somebody asks. */
struct dns_query {
	uint16_t id;
	uint16_t type;
	uint16_t class;
	uint16_t udp_size; /* the longest answer that it takes over UDP */
	bool recursion_desired;
	bool checking_disabled;
	bool has_edns;
	bool wants_dnssec;
	enum dns_rcode fault;        /* what is to be answered instead, or DNS_NOERROR */
	size_t name_size;            /* 0: there is no question that could be repeated */
	uint8_t name[DNS_NAME_MAX];  /* in lower case */
	uint8_t asked[DNS_NAME_MAX]; /* as it came: who asks may compare the case of letters */

	/* Where one of our names leads to another one, `name` and `asked` are that, and this is
	 * what was asked for as it came. Size 0: it leads nowhere else. */
	size_t alias_size;
	uint8_t alias[DNS_NAME_MAX];
};

/* How long an alias of ours holds that leads to somebody else's name, in seconds. */
#define DNS_ALIAS_TTL 5

/* Reads a query. Returns 0, where @ret_query may have a `fault`; or -EBADMSG for what gets no
 * answer at all: too short, or an answer itself. */
[[nodiscard]] int dns_query_parse(const uint8_t *bytes, size_t size, struct dns_query *ret_query);

/* Has @query ask for @name, which is what its own name leads to. */
void dns_query_lead(struct dns_query *query, const uint8_t *name, size_t size);

/* Copies @query as it was before that. */
void dns_query_restore(const struct dns_query *query, struct dns_query *ret_query);

/* Writes the query that asks a resolver for the same as @query, under @id. @bytes has room for
 * DNS_UDP_PLAIN_MAX. Returns its size. */
size_t dns_query_format(const struct dns_query *query, uint16_t id, uint8_t *bytes);

/* Where a record of an answer goes; sections follow each other in this order. */
enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

/* An answer that is being written. */
struct dns_answer {
	const struct dns_query *query;
	uint8_t *bytes;
	size_t size;
	size_t limit;       /* OPT has room behind it */
	uint16_t counts[3]; /* of the sections */
	bool authoritative;
	bool truncated;
};

/* One record to be added. */
struct dns_record {
	const uint8_t *name; /* NULL: the one that was asked for */
	size_t name_size;
	uint16_t type;
	uint32_t ttl;
	const uint8_t *data;
	size_t data_size;
};

/* Where an answer is written. */
struct dns_room {
	uint8_t *bytes;
	size_t limit;
};

/* Returns how long the answer to @query may be when it came over UDP. */
size_t dns_udp_limit(const struct dns_query *query);

/* Begins the answer to @query, of @limit bytes at most, which are at least DNS_UDP_PLAIN_MAX. */
void dns_answer_begin(struct dns_answer *answer, const struct dns_query *query, uint8_t *bytes,
		      size_t limit);

/* Adds a record. What does not fit is left out; in the first two sections that sets `truncated`. */
void dns_answer_add(struct dns_answer *answer, enum dns_section section,
		    const struct dns_record *record);

/* Ends it with @rcode. Returns its size. */
size_t dns_answer_end(struct dns_answer *answer, enum dns_rcode rcode);

/* What a resolver answered, as far as it may be passed on. */
struct dns_response {
	enum dns_rcode rcode;
	bool truncated;
	size_t size; /* of the part that may be passed on: a SOA at most behind the answers */
	uint16_t n_answers;
	uint16_t n_authority;
	uint32_t ttl; /* for how long it holds, in seconds; 0: it does not keep */
};

/* Reads the answer of a resolver to what was asked as @query under @id. -EBADMSG for one that is
 * to something else, that is damaged, or whose answers do not follow from the question, by way of
 * aliases: nothing of it may be believed. */
[[nodiscard]] int dns_response_parse(const uint8_t *bytes, size_t size,
				     const struct dns_query *query, uint16_t id,
				     struct dns_response *ret_response);

/* Writes what is passed on of @bytes to who asked @query, @age seconds after it came, in @limit
 * bytes at most. Behind an alias of ours come only addresses. Returns the size. */
size_t dns_response_pass(const uint8_t *bytes, const struct dns_response *response,
			 const struct dns_query *query, uint32_t age, uint8_t *to, size_t limit);
