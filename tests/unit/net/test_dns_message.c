/* SPDX-License-Identifier: MIT */
#include "dns.h"

#include <errno.h>

static void a_name_is_labels_of_hosts(void **state)
{
	uint8_t wire[DNS_NAME_MAX];
	char longest[300];

	assert_int_equal(dns_name_parse("Web.Example", wire), 13);
	assert_memory_equal(wire, "\3web\7example", 13);
	assert_int_equal(dns_name_parse("web.example.", wire), 13);
	assert_int_equal(dns_name_parse("_http._tcp.web", wire), 16);
	static const char *const bad[] = {
		"", ".", "a..b", "a b", "a\nb", "\xc3\xa4", "a/b", ".a"
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(dns_name_parse(bad[i], wire), -EINVAL);
	memset(longest, 'a', sizeof(longest));
	longest[63] = '\0';
	assert_int_equal(dns_name_parse(longest, wire), 65);
	longest[63] = 'a';
	longest[64] = '\0';
	assert_int_equal(dns_name_parse(longest, wire), -EINVAL);
	for (size_t i = 1; i < 256; i += 2)
		longest[i] = '.', longest[i - 1] = 'a', longest[i + 1] = '\0';
	longest[254] = '\0'; /* 127 labels of one letter are 255 bytes with their lengths */
	assert_int_equal(dns_name_parse(longest, wire), 255);
	longest[254] = 'a';
	longest[255] = '\0';
	assert_int_equal(dns_name_parse(longest, wire), -EINVAL);
}

static void pointers_lead_back_and_never_round(void **state)
{
	uint8_t wire[DNS_NAME_MAX];
	size_t size;
	static const uint8_t good[] = "\3web\0\3api\xc0\0";
	static const uint8_t self[] = "\xc0\0";
	static const uint8_t forward[] = "\xc0\2\3web";
	static const uint8_t round[] = "\1a\xc0\4\1b\xc0\0";
	static const uint8_t onto_own_start[] = "\1a\1b\xc0\0";

	assert_int_equal(dns_name_read(good, sizeof(good), 5, wire, &size), 11);
	assert_int_equal(size, 9);
	assert_memory_equal(wire, "\3api\3web", 9);
	assert_int_equal(dns_name_read(self, sizeof(self), 0, wire, &size), -EBADMSG);
	assert_int_equal(dns_name_read(forward, sizeof(forward), 0, wire, &size), -EBADMSG);
	assert_int_equal(dns_name_read(round, sizeof(round), 0, wire, &size), -EBADMSG);
	assert_int_equal(dns_name_read(round, sizeof(round), 4, wire, &size), -EBADMSG);
	assert_int_equal(dns_name_read(onto_own_start, sizeof(onto_own_start), 0, wire, &size),
			 -EBADMSG);
}

static void a_query_is_what_ldns_asked(void **state)
{
	uint8_t bytes[DNS_QUERY_MAX];
	struct dns_query query;
	size_t size = make_query("WeB.example.", LDNS_RR_TYPE_AAAA, 4096, bytes);

	assert_int_equal(dns_query_parse(bytes, size, &query), 0);
	assert_int_equal(query.fault, DNS_NOERROR);
	assert_int_equal(query.id, 0x1234);
	assert_int_equal(query.type, DNS_AAAA);
	assert_memory_equal(query.name, "\3web\7example", 13);
	assert_memory_equal(query.asked, "\3WeB\7example", 13);
	assert_true(query.has_edns && query.recursion_desired);
	assert_int_equal(query.udp_size, DNS_UDP_MAX);
	size = make_query("web.example.", LDNS_RR_TYPE_A, 0, bytes);
	assert_int_equal(dns_query_parse(bytes, size, &query), 0);
	assert_false(query.has_edns);
	assert_int_equal(query.udp_size, 512);
}

/* Each is a query from outside with one thing wrong; the code is what it is answered with, -1: it
 * gets no answer. */
static void every_bad_query_has_its_answer(void **state)
{
	static const struct {
		const char *what;
		const char *bytes;
		size_t size;
		int fault;
	} cases[] = {
#define QUERY(what_, bytes_, fault_) { what_, bytes_, sizeof(bytes_) - 1, fault_ }
		QUERY("nothing", "", -1),
		QUERY("half a header", "\0\1\1\0\0\1", -1),
		QUERY("an answer", "\0\1\x81\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", -1),
		QUERY("no question", "\0\1\1\0\0\0\0\0\0\0\0\0", DNS_FORMERR),
		QUERY("two questions", "\0\1\1\0\0\2\0\0\0\0\0\0\1a\0\0\1\0\1\1b\0\0\1\0\1",
		      DNS_FORMERR),
		QUERY("a question that ends early", "\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0",
		      DNS_FORMERR),
		QUERY("a label that ends early", "\0\1\1\0\0\1\0\0\0\0\0\0\77a", DNS_FORMERR),
		QUERY("a name without end", "\0\1\1\0\0\1\0\0\0\0\0\0\1a\1b", DNS_FORMERR),
		QUERY("a pointer to itself", "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1",
		      DNS_FORMERR),
		QUERY("a pointer into the header", "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\0\0\1\0\1",
		      DNS_FORMERR),
		QUERY("a reserved kind of label", "\0\1\1\0\0\1\0\0\0\0\0\0\x41z\0\0\1\0\1",
		      DNS_FORMERR),
		QUERY("an update", "\0\1\x28\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", DNS_NOTIMP),
		QUERY("a status", "\0\1\x10\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", DNS_NOTIMP),
		QUERY("records that are not there", "\0\1\1\0\0\1\0\0\0\0\xff\xff\1a\0\0\1\0\1",
		      DNS_FORMERR),
		QUERY("a record longer than the message",
		      "\0\1\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1\0\0\x29\4\xd0\0\0\0\0\0\x10",
		      DNS_FORMERR),
		QUERY("another version of EDNS",
		      "\0\1\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1\0\0\x29\4\xd0\0\1\0\0\0\0",
		      DNS_BADVERS),
		QUERY("EDNS twice",
		      "\0\1\1\0\0\1\0\0\0\0\0\2\1a\0\0\1\0\1\0\0\x29\4\xd0\0\0\0\0\0\0"
		      "\0\0\x29\4\xd0\0\0\0\0\0\0",
		      DNS_FORMERR),
		QUERY("EDNS of a name",
		      "\0\1\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1\1b\0\0\x29\4\xd0\0\0\0\0\0\0",
		      DNS_FORMERR),
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_query query;
		struct dns_answer answer;
		uint8_t bytes[DNS_UDP_MAX];
		const uint8_t *wire = (const uint8_t *)cases[i].bytes;
		int r = dns_query_parse(wire, cases[i].size, &query);

		if (r < 0 ? cases[i].fault >= 0 : (int)query.fault != cases[i].fault)
			fail_msg("%s: got %d", cases[i].what, r < 0 ? r : (int)query.fault);
		if (r < 0)
			continue;
		dns_answer_begin(&answer, &query, bytes, dns_udp_limit(&query));

		autorun(ldns_pkt_freep) ldns_pkt *packet =
			read_answer(bytes, dns_answer_end(&answer, query.fault));

		assert_true(ldns_pkt_qr(packet));
		assert_int_equal(ldns_pkt_id(packet), 1);
		assert_int_equal(ldns_pkt_get_rcode(packet), cases[i].fault & 0xf);
	}
}

static void an_answer_that_does_not_fit_says_so(void **state)
{
	static const uint8_t address[4] = { 10, 0, 0, 1 };
	const struct dns_record record = {
		.type = DNS_A, .ttl = 5, .data = address, .data_size = sizeof(address)
	};
	uint8_t bytes[DNS_QUERY_MAX];
	uint8_t to[DNS_UDP_MAX];
	struct dns_query query;
	struct dns_answer answer;
	size_t size = make_query("web.", LDNS_RR_TYPE_A, 0, bytes);

	assert_int_equal(dns_query_parse(bytes, size, &query), 0);
	dns_answer_begin(&answer, &query, to, dns_udp_limit(&query));
	for (size_t i = 0; i < 40; i++)
		dns_answer_add(&answer, DNS_ANSWER, &record);
	size = dns_answer_end(&answer, DNS_NOERROR);
	assert_true(size <= 512);

	autorun(ldns_pkt_freep) ldns_pkt *packet = read_answer(to, size);

	assert_true(ldns_pkt_tc(packet));
	assert_int_equal(ldns_pkt_ancount(packet), 30);
}

/* A resolver's answer, of the lines that ldns reads. */
static size_t make_response(const char *question, ldns_rr_type type, const char *const *answers,
			    const char *authority, ldns_pkt_rcode rcode, uint8_t *bytes)
{
	ldns_pkt *packet = NULL;
	autofree uint8_t *wire = NULL;
	size_t size = 0;

	assert_int_equal(
		ldns_pkt_query_new_frm_str(&packet, question, type, LDNS_RR_CLASS_IN, LDNS_RD),
		LDNS_STATUS_OK);
	ldns_pkt_set_qr(packet, true);
	ldns_pkt_set_id(packet, 77);
	ldns_pkt_set_rcode(packet, (uint8_t)rcode);
	for (; *answers; answers++) {
		ldns_rr *rr = NULL;

		assert_int_equal(ldns_rr_new_frm_str(&rr, *answers, 0, NULL, NULL), LDNS_STATUS_OK);
		ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, rr);
	}
	if (authority) {
		ldns_rr *rr = NULL;

		assert_int_equal(ldns_rr_new_frm_str(&rr, authority, 0, NULL, NULL),
				 LDNS_STATUS_OK);
		ldns_pkt_push_rr(packet, LDNS_SECTION_AUTHORITY, rr);
	}
	assert_int_equal(ldns_pkt2wire(&wire, packet, &size), LDNS_STATUS_OK);
	memcpy(bytes, wire, size);
	ldns_pkt_free(packet);
	return size;
}

static struct dns_query ask(const char *name, ldns_rr_type type)
{
	uint8_t bytes[DNS_QUERY_MAX];
	struct dns_query query;
	size_t size = make_query(name, type, 1232, bytes);

	assert_int_equal(dns_query_parse(bytes, size, &query), 0);
	return query;
}

static void an_answer_is_believed_as_far_as_it_follows(void **state)
{
	static const struct {
		const char *answers[4];
		bool believed;
	} cases[] = {
		{ { "www.example. 60 IN A 192.0.2.1" }, true },
		{ { "www.example. 60 IN CNAME web.example.", "web.example. 30 IN A 192.0.2.1" },
		  true },
		{ { "bank.example. 60 IN A 192.0.2.66" }, false },
		{ { "www.example. 60 IN A 192.0.2.1", "bank.example. 60 IN A 192.0.2.66" }, false },
		{ { "www.example. 60 IN CNAME web.example.", "www.example. 60 IN A 192.0.2.1" },
		  false },
		{ { "www.example. 60 IN CNAME www.example." }, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_query query = ask("www.example.", LDNS_RR_TYPE_A);
		struct dns_response response;
		uint8_t bytes[2048];
		size_t size = make_response("www.example.", LDNS_RR_TYPE_A, cases[i].answers, NULL,
					    LDNS_RCODE_NOERROR, bytes);
		int r = dns_response_parse(bytes, size, &query, 77, &response);

		assert_int_equal(r == 0, cases[i].believed);
		assert_int_equal(dns_response_parse(bytes, size, &query, 78, &response), -EBADMSG);
		query = ask("other.example.", LDNS_RR_TYPE_A);
		assert_int_equal(dns_response_parse(bytes, size, &query, 77, &response), -EBADMSG);
	}
}

static void what_stands_behind_the_answers_is_not_passed_on(void **state)
{
	static const char *const answers[] = { "www.example. 60 IN A 192.0.2.1", NULL };
	struct dns_query query = ask("wWw.example.", LDNS_RR_TYPE_A);
	struct dns_response response;
	uint8_t bytes[2048];
	uint8_t to[DNS_UDP_MAX];
	size_t size =
		make_response("www.example.", LDNS_RR_TYPE_A, answers,
			      "bank.example. 60 IN NS evil.example.", LDNS_RCODE_NOERROR, bytes);

	assert_int_equal(dns_response_parse(bytes, size, &query, 77, &response), 0);
	assert_int_equal(response.ttl, 60);
	size = dns_response_pass(bytes, &response, &query, 20, to, sizeof(to));

	autorun(ldns_pkt_freep) ldns_pkt *packet = read_answer(to, size);

	assert_int_equal(ldns_pkt_id(packet), 0x1234);
	assert_int_equal(ldns_pkt_nscount(packet), 0);
	assert_true(has_rr(ldns_pkt_answer(packet), "wWw.example. 40 IN A 192.0.2.1"));
	assert_int_equal(size, dns_response_pass(bytes, &response, &query, 0, to, size));
	/* One byte less, and it is told that there is more. */
	size = dns_response_pass(bytes, &response, &query, 0, to, size - 1);

	autorun(ldns_pkt_freep) ldns_pkt *cut = read_answer(to, size);

	assert_true(ldns_pkt_tc(cut));
	assert_int_equal(ldns_pkt_ancount(cut), 0);
}

static void an_absence_holds_as_long_as_its_zone_says(void **state)
{
	static const char *const none[] = { NULL };
	struct dns_query query = ask("gone.example.", LDNS_RR_TYPE_A);
	struct dns_response response;
	uint8_t bytes[2048];
	size_t size = make_response("gone.example.", LDNS_RR_TYPE_A, none,
				    "example. 900 IN SOA ns.example. me.example. 1 2 3 4 30",
				    LDNS_RCODE_NXDOMAIN, bytes);

	assert_int_equal(dns_response_parse(bytes, size, &query, 77, &response), 0);
	assert_int_equal(response.rcode, DNS_NXDOMAIN);
	assert_int_equal(response.ttl, 30);
	assert_int_equal(response.n_authority, 1);
	/* Of another zone it says nothing about this name, and nothing is kept. */
	size = make_response("gone.example.", LDNS_RR_TYPE_A, none,
			     "bank. 900 IN SOA ns.example. me.example. 1 2 3 4 30",
			     LDNS_RCODE_NXDOMAIN, bytes);
	assert_int_equal(dns_response_parse(bytes, size, &query, 77, &response), 0);
	assert_int_equal(response.ttl, 0);
	assert_int_equal(response.n_authority, 0);
}

static void a_query_that_is_passed_on_is_whole(void **state)
{
	struct dns_query query = ask("www.example.", LDNS_RR_TYPE_MX);
	uint8_t bytes[DNS_UDP_PLAIN_MAX];

	autorun(ldns_pkt_freep) ldns_pkt *packet =
		read_answer(bytes, dns_query_format(&query, 4711, bytes));

	assert_int_equal(ldns_pkt_id(packet), 4711);
	assert_true(ldns_pkt_rd(packet) && ldns_pkt_edns(packet));
	assert_int_equal(ldns_pkt_edns_udp_size(packet), DNS_UDP_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_labels_of_hosts),
		cmocka_unit_test(pointers_lead_back_and_never_round),
		cmocka_unit_test(a_query_is_what_ldns_asked),
		cmocka_unit_test(every_bad_query_has_its_answer),
		cmocka_unit_test(an_answer_that_does_not_fit_says_so),
		cmocka_unit_test(an_answer_is_believed_as_far_as_it_follows),
		cmocka_unit_test(what_stands_behind_the_answers_is_not_passed_on),
		cmocka_unit_test(an_absence_holds_as_long_as_its_zone_says),
		cmocka_unit_test(a_query_that_is_passed_on_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
