/* SPDX-License-Identifier: MIT */
#pragma once

/* What the tests of the name server share: queries and answers as ldns sees them. */

#include "base/scope.h"
#include "net/dns/dns_message.h"
#include "test.h"

#include <ldns/ldns.h>
#include <string.h>

static inline void ldns_pkt_freep(ldns_pkt **packet)
{
	ldns_pkt_free(*packet);
}

/* Writes the query that ldns makes of @name and @type. Returns its size. */
static inline size_t make_query(const char *name, ldns_rr_type type, size_t udp_size,
				uint8_t bytes[DNS_QUERY_MAX])
{
	ldns_pkt *packet = NULL;
	autofree uint8_t *wire = NULL;
	size_t size = 0;

	assert_int_equal(ldns_pkt_query_new_frm_str(&packet, name, type, LDNS_RR_CLASS_IN, LDNS_RD),
			 LDNS_STATUS_OK);
	ldns_pkt_set_id(packet, 0x1234);
	if (udp_size > 0)
		ldns_pkt_set_edns_udp_size(packet, (uint16_t)udp_size);
	assert_int_equal(ldns_pkt2wire(&wire, packet, &size), LDNS_STATUS_OK);
	assert_true(size <= DNS_QUERY_MAX);
	memcpy(bytes, wire, size);
	ldns_pkt_free(packet);
	return size;
}

/* Reads an answer as ldns does; it must be one. */
static inline ldns_pkt *read_answer(const uint8_t *bytes, size_t size)
{
	ldns_pkt *packet = NULL;

	assert_int_equal(ldns_wire2pkt(&packet, bytes, size), LDNS_STATUS_OK);
	return packet;
}

/* Tells whether @list has a record that ldns prints as @text ("web. 5 IN A 10.0.0.2"). */
static inline bool has_rr(const ldns_rr_list *list, const char *text)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
		autofree char *line = ldns_rr2str(ldns_rr_list_rr(list, i));

		for (char *c = line; *c; c++)
			*c = *c == '\t' ? ' ' : *c == '\n' ? '\0' : *c;
		if (strcmp(line, text) == 0)
			return true;
	}
	return false;
}
