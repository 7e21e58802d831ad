/* SPDX-License-Identifier: MIT */
/* Messages of the DNS. */

#include "net/dns/dns_message.h"

#include <errno.h>
#include <string.h>

enum {
	FLAG_QR = 0x8000,
	FLAG_AA = 0x0400,
	FLAG_TC = 0x0200,
	FLAG_RD = 0x0100,
	FLAG_RA = 0x0080,
	FLAG_CD = 0x0010,
	OPCODE_MASK = 0x7800,
	RCODE_MASK = 0x000f,
};

#define RECORD_FIXED 10 /* type, class, TTL and length behind a name */
#define EDNS_DO      0x8000
#define POINTER_NAME 0xc00c /* to the question's name */
#define TTL_MAX      86400
#define NEGATIVE_MAX 300
#define SOA_NUMBERS  20
#define CHAIN_MAX    16

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t get32(const uint8_t *bytes)
{
	return (uint32_t)get16(bytes) << 16 | get16(bytes + 2);
}

static void put16(uint8_t *bytes, unsigned int value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static void put32(uint8_t *bytes, uint32_t value)
{
	put16(bytes, value >> 16);
	put16(bytes + 2, value & 0xffff);
}

/* A record in a message. */
struct place {
	size_t name; /* offset of each */
	size_t fixed;
	size_t data;
	size_t end;
};

/* Finds where the record at @offset lies. Names in it are not followed. */
static int find_record(const uint8_t *bytes, size_t size, size_t offset, struct place *ret)
{
	ret->name = offset;
	while (offset < size && bytes[offset] != 0) {
		size_t label = bytes[offset];

		if (label >= 0xc0) {
			offset++;
			break;
		}
		if (label > DNS_LABEL_MAX)
			return -EBADMSG;
		offset += label + 1;
	}
	ret->fixed = offset + 1;
	ret->data = ret->fixed + RECORD_FIXED;
	if (ret->data > size)
		return -EBADMSG;
	ret->end = ret->data + get16(bytes + ret->fixed + 8);
	return ret->end > size ? -EBADMSG : 0;
}

/* Takes the question of a query. Names in it are not compressed: there is nothing before them. */
static int take_question(const uint8_t *bytes, size_t size, struct dns_query *query)
{
	int end = dns_name_read(bytes, size, DNS_HEADER_SIZE, query->name, &query->name_size);

	if (end < 0 || (size_t)end != DNS_HEADER_SIZE + query->name_size ||
	    (size_t)end + 4 > size) {
		query->name_size = 0;
		return -EBADMSG;
	}
	memcpy(query->asked, bytes + DNS_HEADER_SIZE, query->name_size);
	query->type = get16(bytes + end);
	query->class = get16(bytes + end + 2);
	return end + 4;
}

static void take_edns(const uint8_t *fixed, struct dns_query *query)
{
	const uint16_t asked = get16(fixed + 2);

	query->has_edns = true;
	query->wants_dnssec = get16(fixed + 6) & EDNS_DO;
	query->udp_size = asked < DNS_UDP_PLAIN_MAX ? DNS_UDP_PLAIN_MAX
			  : asked > DNS_UDP_MAX     ? DNS_UDP_MAX
						    : asked;
	if (fixed[5] != 0)
		query->fault = DNS_BADVERS;
}

/* Goes through what stands behind the question, for the EDNS record. */
static enum dns_rcode take_rest(const uint8_t *bytes, size_t size, size_t offset,
				struct dns_query *query)
{
	unsigned int others = get16(bytes + 6) + get16(bytes + 8);
	unsigned int count = others + get16(bytes + 10);

	for (unsigned int i = 0; i < count; i++) {
		struct place place;

		if (find_record(bytes, size, offset, &place) < 0)
			return DNS_FORMERR;
		if (i >= others && get16(bytes + place.fixed) == DNS_OPT) {
			if (query->has_edns || bytes[place.name] != 0)
				return DNS_FORMERR;
			take_edns(bytes + place.fixed, query);
		}
		offset = place.end;
	}
	return query->fault;
}

int dns_query_parse(const uint8_t *bytes, size_t size, struct dns_query *ret_query)
{
	struct dns_query *query = ret_query;

	if (size < DNS_HEADER_SIZE || get16(bytes + 2) & FLAG_QR)
		return -EBADMSG;

	const uint16_t flags = get16(bytes + 2);

	query->id = get16(bytes);
	query->type = query->class = 0;
	query->udp_size = DNS_UDP_PLAIN_MAX;
	query->recursion_desired = flags & FLAG_RD;
	query->checking_disabled = flags & FLAG_CD;
	query->has_edns = query->wants_dnssec = false;
	query->fault = DNS_NOERROR;
	query->name_size = query->alias_size = 0;
	if (flags & OPCODE_MASK) {
		query->fault = DNS_NOTIMP;
		return 0;
	}

	int end = get16(bytes + 4) == 1 && size <= DNS_QUERY_MAX ? take_question(bytes, size, query)
								 : -EBADMSG;

	query->fault = end < 0 ? DNS_FORMERR : take_rest(bytes, size, (size_t)end, query);
	return 0;
}

/* Writes the EDNS record. */
static size_t put_edns(uint8_t *bytes, unsigned int udp_size, unsigned int rcode, bool wants_dnssec)
{
	memset(bytes, 0, DNS_OPT_SIZE);
	put16(bytes + 1, DNS_OPT);
	put16(bytes + 3, udp_size);
	bytes[5] = (uint8_t)(rcode >> 4);
	put16(bytes + 7, wants_dnssec ? EDNS_DO : 0);
	return DNS_OPT_SIZE;
}

/* Writes header and question. */
static size_t put_head(const struct dns_query *query, uint16_t id, unsigned int flags,
		       uint8_t *bytes)
{
	size_t size = DNS_HEADER_SIZE;

	memset(bytes, 0, size);
	put16(bytes, id);
	put16(bytes + 2, flags);
	if (query->name_size == 0)
		return size;
	put16(bytes + 4, 1);
	memcpy(bytes + size, query->asked, query->name_size);
	size += query->name_size;
	put16(bytes + size, query->type);
	put16(bytes + size + 2, query->class);
	return size + 4;
}

size_t dns_query_format(const struct dns_query *query, uint16_t id, uint8_t *bytes)
{
	size_t size =
		put_head(query, id, FLAG_RD | (query->checking_disabled ? FLAG_CD : 0), bytes);

	put16(bytes + 10, 1);
	return size + put_edns(bytes + size, DNS_UDP_MAX, 0, query->wants_dnssec);
}

size_t dns_udp_limit(const struct dns_query *query)
{
	return query->udp_size;
}

static unsigned int answer_flags(const struct dns_query *query)
{
	return FLAG_QR | FLAG_RA | (query->recursion_desired ? FLAG_RD : 0) |
	       (query->checking_disabled ? FLAG_CD : 0);
}

void dns_answer_begin(struct dns_answer *answer, const struct dns_query *query, uint8_t *bytes,
		      size_t limit)
{
	*answer = (struct dns_answer){
		.query = query,
		.bytes = bytes,
		.limit = limit - (query->has_edns ? DNS_OPT_SIZE : 0),
	};
	answer->size = put_head(query, query->id, 0, bytes);
}

void dns_answer_add(struct dns_answer *answer, enum dns_section section,
		    const struct dns_record *record)
{
	const size_t name_size = record->name ? record->name_size : 2;
	uint8_t *to = answer->bytes + answer->size;

	if (answer->truncated ||
	    answer->size + name_size + RECORD_FIXED + record->data_size > answer->limit) {
		answer->truncated = answer->truncated || section != DNS_ADDITIONAL;
		return;
	}
	if (record->name)
		memcpy(to, record->name, name_size);
	else
		put16(to, POINTER_NAME);
	to += name_size;
	put16(to, record->type);
	put16(to + 2, DNS_CLASS_IN);
	put32(to + 4, record->ttl);
	put16(to + 8, (unsigned int)record->data_size);
	memcpy(to + RECORD_FIXED, record->data, record->data_size);
	answer->size += name_size + RECORD_FIXED + record->data_size;
	answer->counts[section]++;
}

size_t dns_answer_end(struct dns_answer *answer, enum dns_rcode rcode)
{
	const struct dns_query *query = answer->query;

	put16(answer->bytes + 2, answer_flags(query) | (answer->authoritative ? FLAG_AA : 0) |
					 (answer->truncated ? FLAG_TC : 0) | (rcode & RCODE_MASK));
	if (query->has_edns) {
		answer->counts[DNS_ADDITIONAL]++;
		answer->size += put_edns(answer->bytes + answer->size, DNS_UDP_MAX, rcode,
					 query->wants_dnssec);
	}
	for (unsigned int i = 0; i < 3; i++)
		put16(answer->bytes + 6 + 2 * i, answer->counts[i]);
	return answer->size;
}

/* Checks that the response has our question, once. Returns the offset behind it. */
static int match_question(const uint8_t *bytes, size_t size, const struct dns_query *query)
{
	uint8_t name[DNS_NAME_MAX];
	size_t name_size;
	int end = get16(bytes + 4) == 1
			  ? dns_name_read(bytes, size, DNS_HEADER_SIZE, name, &name_size)
			  : -EBADMSG;

	if (end < 0 || (size_t)end != DNS_HEADER_SIZE + query->name_size ||
	    (size_t)end + 4 > size || memcmp(name, query->name, query->name_size) != 0 ||
	    get16(bytes + end) != query->type || get16(bytes + end + 2) != query->class)
		return -EBADMSG;
	return end + 4;
}

/* The name whose records may come next: the question's, or where an alias has led to. */
struct chain {
	uint8_t name[DNS_NAME_MAX];
	size_t size;
	uint8_t alias[DNS_NAME_MAX]; /* that led to it: its signature comes behind it */
	size_t alias_size;
	unsigned int length;
};

/* Tells whether the record at @place follows from the question, and goes along an alias. */
static int follow(const uint8_t *bytes, size_t size, const struct place *place, struct chain *chain)
{
	const uint16_t type = get16(bytes + place->fixed);
	uint8_t owner[DNS_NAME_MAX];
	size_t owner_size;

	if (dns_name_read(bytes, size, place->name, owner, &owner_size) < 0)
		return -EBADMSG;
	/* It says of all names below its own where they are. */
	if (type == DNS_DNAME)
		return dns_name_is_below(chain->name, chain->size, owner, owner_size) ? 0
										      : -EBADMSG;
	if (type == DNS_RRSIG && owner_size == chain->alias_size &&
	    memcmp(owner, chain->alias, owner_size) == 0)
		return 0;
	if (owner_size != chain->size || memcmp(owner, chain->name, owner_size) != 0)
		return -EBADMSG;
	if (type != DNS_CNAME)
		return 0;
	if (++chain->length > CHAIN_MAX)
		return -EBADMSG;
	memcpy(chain->alias, owner, owner_size);
	chain->alias_size = owner_size;

	int end = dns_name_read(bytes, size, place->data, chain->name, &chain->size);

	return end >= 0 && (size_t)end == place->end ? 0 : -EBADMSG;
}

static void lower_ttl(struct dns_response *response, uint32_t ttl, uint32_t max)
{
	ttl = ttl > max ? max : ttl;
	if (ttl < response->ttl)
		response->ttl = ttl;
}

/* Takes the SOA record that says how long an absence holds, when it stands first behind the
 * answers and is of a zone that the name is in. */
static void take_absence(const uint8_t *bytes, size_t size, const struct chain *chain,
			 struct dns_response *response)
{
	struct place place;
	uint8_t owner[DNS_NAME_MAX];
	size_t owner_size;

	if (get16(bytes + 8) == 0 || find_record(bytes, size, response->size, &place) < 0 ||
	    get16(bytes + place.fixed) != DNS_SOA || place.end - place.data < SOA_NUMBERS + 2 ||
	    dns_name_read(bytes, size, place.name, owner, &owner_size) < 0 ||
	    !dns_name_is_below(chain->name, chain->size, owner, owner_size)) {
		response->ttl = 0;
		return;
	}
	lower_ttl(response, get32(bytes + place.fixed + 4), NEGATIVE_MAX);
	lower_ttl(response, get32(bytes + place.end - 4), NEGATIVE_MAX);
	response->n_authority = 1;
	response->size = place.end;
}

/* Takes the answers as far as they are of the kind that was asked for, or lead to it. */
static int take_answers(const uint8_t *bytes, size_t size, const struct dns_query *query,
			struct dns_response *response)
{
	struct chain chain = { .size = query->name_size };
	unsigned int found = 0;

	memcpy(chain.name, query->name, query->name_size);
	for (unsigned int i = 0; i < response->n_answers; i++) {
		struct place place;

		if (find_record(bytes, size, response->size, &place) < 0 ||
		    follow(bytes, size, &place, &chain) < 0)
			return -EBADMSG;

		const uint16_t type = get16(bytes + place.fixed);

		found += type == query->type || query->type == DNS_ANY;
		lower_ttl(response, get32(bytes + place.fixed + 4), TTL_MAX);
		response->size = place.end;
	}
	if (found == 0)
		take_absence(bytes, size, &chain, response);
	return 0;
}

int dns_response_parse(const uint8_t *bytes, size_t size, const struct dns_query *query,
		       uint16_t id, struct dns_response *ret_response)
{
	struct dns_response response = { .ttl = TTL_MAX };

	if (size < DNS_HEADER_SIZE || get16(bytes) != id ||
	    (get16(bytes + 2) & (FLAG_QR | OPCODE_MASK)) != FLAG_QR)
		return -EBADMSG;

	int end = match_question(bytes, size, query);

	if (end < 0)
		return -EBADMSG;
	response.rcode = get16(bytes + 2) & RCODE_MASK;
	response.truncated = get16(bytes + 2) & FLAG_TC;
	response.n_answers = get16(bytes + 6);
	response.size = (size_t)end;
	if (response.truncated) {
		response.n_answers = 0;
		response.ttl = 0;
	} else if (response.rcode != DNS_NOERROR && response.rcode != DNS_NXDOMAIN) {
		response.n_answers = 0;
		response.ttl = 0;
	} else if (take_answers(bytes, size, query, &response) < 0) {
		return -EBADMSG;
	}
	*ret_response = response;
	return 0;
}

/* Lets the records that were copied to @to be @age seconds older. */
static void grow_older(uint8_t *to, const struct dns_response *response, size_t offset,
		       uint32_t age)
{
	struct place place;

	while (offset < response->size && find_record(to, response->size, offset, &place) == 0) {
		uint32_t ttl = get32(to + place.fixed + 4);

		put32(to + place.fixed + 4, ttl > age ? ttl - age : 0);
		offset = place.end;
	}
}

void dns_query_lead(struct dns_query *query, const uint8_t *name, size_t size)
{
	memcpy(query->alias, query->asked, query->name_size);
	query->alias_size = query->name_size;
	memcpy(query->name, name, size);
	memcpy(query->asked, name, size);
	query->name_size = size;
}

void dns_query_restore(const struct dns_query *query, struct dns_query *ret_query)
{
	*ret_query = *query;
	if (query->alias_size == 0)
		return;
	memcpy(ret_query->name, query->alias, query->alias_size);
	memcpy(ret_query->asked, query->alias, query->alias_size);
	ret_query->name_size = query->alias_size;
	ret_query->alias_size = 0;
}

/* Whose names a resolver's answer has in between does not matter: the addresses are said to be of
 * the name that ours leads to. */
static size_t pass_alias(const uint8_t *bytes, const struct dns_response *response,
			 const struct dns_query *query, uint32_t age, const struct dns_room *room)
{
	const struct dns_record alias = { .type = DNS_CNAME,
					  .ttl = DNS_ALIAS_TTL,
					  .data = query->name,
					  .data_size = query->name_size };
	size_t offset = DNS_HEADER_SIZE + query->name_size + 4;
	struct dns_query asked;
	struct dns_answer answer;
	struct place place;

	dns_query_restore(query, &asked);
	dns_answer_begin(&answer, &asked, room->bytes, room->limit);
	dns_answer_add(&answer, DNS_ANSWER, &alias);
	for (unsigned int i = 0;
	     i < response->n_answers && find_record(bytes, response->size, offset, &place) == 0;
	     i++, offset = place.end) {
		const uint32_t ttl = get32(bytes + place.fixed + 4);
		const struct dns_record record = { .name = query->name,
						   .name_size = query->name_size,
						   .type = get16(bytes + place.fixed),
						   .ttl = ttl > age ? ttl - age : 0,
						   .data = bytes + place.data,
						   .data_size = place.end - place.data };

		if (record.type == query->type &&
		    record.data_size == (record.type == DNS_A ? 4 : 16))
			dns_answer_add(&answer, DNS_ANSWER, &record);
	}
	answer.truncated |= response->truncated;
	return dns_answer_end(&answer, response->rcode);
}

size_t dns_response_pass(const uint8_t *bytes, const struct dns_response *response,
			 const struct dns_query *query, uint32_t age, uint8_t *to, size_t limit)
{
	const size_t head = DNS_HEADER_SIZE + query->name_size + 4;
	const size_t edns = query->has_edns ? DNS_OPT_SIZE : 0;
	const bool fits = !response->truncated && response->size + edns <= limit;
	size_t size = fits ? response->size : head;

	if (query->alias_size > 0)
		return pass_alias(bytes, response, query, age, &(struct dns_room){ to, limit });
	memcpy(to, bytes, size);
	(void)put_head(query, query->id,
		       answer_flags(query) | (fits ? 0 : FLAG_TC) | response->rcode, to);
	if (fits) {
		put16(to + 6, response->n_answers);
		put16(to + 8, response->n_authority);
		grow_older(to, response, head, age);
	}
	if (!edns)
		return size;
	put16(to + 10, 1);
	return size + put_edns(to + size, DNS_UDP_MAX, response->rcode, query->wants_dnssec);
}
