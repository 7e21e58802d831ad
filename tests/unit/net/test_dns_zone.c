/* SPDX-License-Identifier: MIT */
#include "net/dns/dns_zone.h"

#include "dns.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

static const char zone_text[] = "ttl 7\n"
				"origin cluster.local\n"
				"subnet 10.213.1.0/24\n"
				"subnet fd00:1:2:3::/64\n"
				"address web 10.213.1.2\n"
				"address web fd00:1:2:3::2\n"
				"address db-0.db.default.svc.cluster.local 10.213.1.3\n"
				"address db-1.db.default.svc.cluster.local 10.213.1.4\n"
				"address db.default.svc.cluster.local 10.213.1.3\n"
				"address db.default.svc.cluster.local 10.213.1.4\n"
				"address db.default.svc.cluster.local 10.213.1.4\n"
				"service _sql._tcp.db.default.svc.cluster.local 5432 "
				"db-0.db.default.svc.cluster.local\n"
				"service _sql._tcp.db.default.svc.cluster.local 5432 "
				"db-1.db.default.svc.cluster.local\n"
				"alias near.default.svc.cluster.local web\n"
				"alias far.default.svc.cluster.local db.example.org\n"
				"alias lost.default.svc.cluster.local none.cluster.local\n"
				"pointer 10.213.1.3 db-0.db.default.svc.cluster.local\n"
				"pointer fd00:1:2:3::2 web\n";

static struct dns_zone *make_zone(void)
{
	struct dns_zone *zone = NULL;
	struct lxcri_error err = {};

	if (dns_zone_parse(zone_text, strlen(zone_text), &zone, &err) < 0)
		fail_msg("%s", err.text);
	return zone;
}

/* Asks; the packet is what ldns reads of the answer, NULL when others are to be asked. */
static ldns_pkt *ask(const struct dns_zone *zone, const char *name, ldns_rr_type type)
{
	uint8_t bytes[DNS_QUERY_MAX];
	static uint8_t to[DNS_MESSAGE_MAX];
	struct dns_query query;
	struct dns_answer answer;
	size_t size = make_query(name, type, 0, bytes);
	int rcode;

	assert_int_equal(dns_query_parse(bytes, size, &query), 0);
	dns_answer_begin(&answer, &query, to, sizeof(to));
	rcode = dns_zone_ask(zone, &query, &answer);
	if (rcode == -ENOENT)
		return NULL;
	return read_answer(to, dns_answer_end(&answer, (enum dns_rcode)rcode));
}

/* Checks that the answer is @rcode with the records @expected, and with a SOA where none. */
static void expect(const struct dns_zone *zone, const char *name, ldns_rr_type type,
		   ldns_pkt_rcode rcode, const char *const *expected)
{
	autorun(ldns_pkt_freep) ldns_pkt *packet = ask(zone, name, type);
	size_t count = 0;

	if (!packet)
		fail_msg("%s is not ours", name);
	assert_true(ldns_pkt_aa(packet));
	assert_int_equal(ldns_pkt_get_rcode(packet), rcode);
	for (; expected[count]; count++)
		if (!has_rr(ldns_pkt_answer(packet), expected[count]))
			fail_msg("%s: no %s", name, expected[count]);
	assert_int_equal(ldns_pkt_ancount(packet), count);
	if (count > 0)
		return;
	assert_int_equal(ldns_pkt_nscount(packet), 1);

	const ldns_rr *soa = ldns_rr_list_rr(ldns_pkt_authority(packet), 0);

	assert_int_equal(ldns_rr_get_type(soa), LDNS_RR_TYPE_SOA);
	assert_int_equal(ldns_rr_ttl(soa), 7);
	assert_int_equal(ldns_rdf2native_int32(ldns_rr_rdf(soa, 6)), 7);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NOTHING   ((const char *const[]){ NULL })

static void names_lead_to_addresses(void **state)
{
	autoptr(dns_zone) zone = make_zone();

	expect(zone, "web.", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, LIST("web. 7 IN A 10.213.1.2"));
	expect(zone, "web.", LDNS_RR_TYPE_AAAA, LDNS_RCODE_NOERROR,
	       LIST("web. 7 IN AAAA fd00:1:2:3::2"));
	expect(zone, "WEB.", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, LIST("WEB. 7 IN A 10.213.1.2"));
	expect(zone, "db.default.svc.cluster.local.", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR,
	       LIST("db.default.svc.cluster.local. 7 IN A 10.213.1.3",
		    "db.default.svc.cluster.local. 7 IN A 10.213.1.4"));
}

static void services_lead_to_ports_with_their_addresses(void **state)
{
	autoptr(dns_zone) zone = make_zone();
	static const char name[] = "_sql._tcp.db.default.svc.cluster.local.";

	expect(zone, name, LDNS_RR_TYPE_SRV, LDNS_RCODE_NOERROR,
	       LIST("_sql._tcp.db.default.svc.cluster.local. 7 IN SRV 0 100 5432 "
		    "db-0.db.default.svc.cluster.local.",
		    "_sql._tcp.db.default.svc.cluster.local. 7 IN SRV 0 100 5432 "
		    "db-1.db.default.svc.cluster.local."));

	autorun(ldns_pkt_freep) ldns_pkt *packet = ask(zone, name, LDNS_RR_TYPE_SRV);

	assert_true(has_rr(ldns_pkt_additional(packet),
			   "db-1.db.default.svc.cluster.local. 7 IN A 10.213.1.4"));
}

static void addresses_lead_to_names(void **state)
{
	autoptr(dns_zone) zone = make_zone();

	expect(zone, "3.1.213.10.in-addr.arpa.", LDNS_RR_TYPE_PTR, LDNS_RCODE_NOERROR,
	       LIST("3.1.213.10.in-addr.arpa. 7 IN PTR db-0.db.default.svc.cluster.local."));
	expect(zone, "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa.",
	       LDNS_RR_TYPE_PTR, LDNS_RCODE_NOERROR,
	       LIST("2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa. "
		    "7 IN PTR web."));
	expect(zone, "9.1.213.10.in-addr.arpa.", LDNS_RR_TYPE_PTR, LDNS_RCODE_NXDOMAIN, NOTHING);
	assert_null(ask(zone, "9.2.213.10.in-addr.arpa.", LDNS_RR_TYPE_PTR));
}

static void what_is_not_there_is_told_from_what_has_no_such_record(void **state)
{
	autoptr(dns_zone) zone = make_zone();

	expect(zone, "web.", LDNS_RR_TYPE_MX, LDNS_RCODE_NOERROR, NOTHING);
	expect(zone, "db.default.svc.cluster.local.", LDNS_RR_TYPE_AAAA, LDNS_RCODE_NOERROR,
	       NOTHING);
	/* There is something below it. */
	expect(zone, "svc.cluster.local.", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, NOTHING);
	expect(zone, "cluster.local.", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, NOTHING);
	expect(zone, "gone.default.svc.cluster.local.", LDNS_RR_TYPE_A, LDNS_RCODE_NXDOMAIN,
	       NOTHING);
	expect(zone, "gone.", LDNS_RR_TYPE_A, LDNS_RCODE_NXDOMAIN, NOTHING);
	expect(zone, "local.", LDNS_RR_TYPE_A, LDNS_RCODE_NXDOMAIN, NOTHING);
}

static void other_names_are_for_others(void **state)
{
	autoptr(dns_zone) zone = make_zone();

	assert_null(ask(zone, "www.example.", LDNS_RR_TYPE_A));
	assert_null(ask(zone, "web.example.", LDNS_RR_TYPE_A));
	assert_null(ask(zone, "xcluster.local.", LDNS_RR_TYPE_A));
	assert_null(ask(zone, "com.", LDNS_RR_TYPE_NS));
	assert_null(ask(zone, ".", LDNS_RR_TYPE_NS));
}

static void subnets_may_end_within_a_byte(void **state)
{
	static const char text[] = "ttl 7\nsubnet 10.8.16.0/22\nsubnet 10.9.0.0/29\n";
	autoptr(dns_zone) zone = NULL;
	struct lxcri_error err = {};

	assert_int_equal(dns_zone_parse(text, strlen(text), &zone, &err), 0);
	expect(zone, "1.16.8.10.in-addr.arpa.", LDNS_RR_TYPE_PTR, LDNS_RCODE_NXDOMAIN, NOTHING);
	expect(zone, "1.19.8.10.in-addr.arpa.", LDNS_RR_TYPE_PTR, LDNS_RCODE_NXDOMAIN, NOTHING);
	assert_null(ask(zone, "1.20.8.10.in-addr.arpa.", LDNS_RR_TYPE_PTR));
	assert_null(ask(zone, "1.15.8.10.in-addr.arpa.", LDNS_RR_TYPE_PTR));
	expect(zone, "1.0.9.10.in-addr.arpa.", LDNS_RR_TYPE_PTR, LDNS_RCODE_NXDOMAIN, NOTHING);
}

static void a_bad_line_is_named(void **state)
{
	static const char *const bad[] = {
		"address web",
		"address web 10.0.0",
		"address we/b 10.0.0.1",
		"subnet 10.0.0.0",
		"subnet 10.0.0.0/33",
		"subnet 10.0.0.0/0",
		"pointer 10.0.0.1 a..b",
		"service a 65536 b",
		"origin",
		"whatever 1",
		"ttl 4000",
		"service a 80 b c d e f",
		"pointer fd00::g name",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct dns_zone *zone = NULL;
		struct lxcri_error err = {};

		if (dns_zone_parse(bad[i], strlen(bad[i]), &zone, &err) == 0)
			fail_msg("%s was taken", bad[i]);
		assert_non_null(strstr(err.text, "line 1"));
		assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
		assert_null(zone);
	}
}

static double seconds_of(const struct dns_zone *zone, size_t n_names)
{
	struct timespec start, end;
	uint8_t to[DNS_UDP_MAX];
	uint8_t bytes[DNS_QUERY_MAX];
	struct dns_query query;
	struct dns_answer answer;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (size_t i = 0; i < 20000; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "host-%zu.a.default.svc.cluster.local.",
			       i * 7919 % n_names);
		if (i % 100 == 0) {
			size_t size = make_query(name, LDNS_RR_TYPE_A, 0, bytes);

			assert_int_equal(dns_query_parse(bytes, size, &query), 0);
		}
		dns_answer_begin(&answer, &query, to, sizeof(to));
		assert_int_equal(dns_zone_ask(zone, &query, &answer), DNS_NOERROR);
		assert_int_equal(answer.counts[DNS_ANSWER], 1);
	}
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	return (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
}

static struct dns_zone *make_large_zone(size_t n_names)
{
	struct dns_zone *zone = dns_zone_create(5);
	struct lxcri_error err = {};

	assert_int_equal(dns_zone_add_origin(zone, "cluster.local", &err), 0);
	for (size_t i = 0; i < n_names; i++) {
		const uint8_t address[4] = { 10, 1, (uint8_t)(i >> 8), (uint8_t)i };
		char name[64];

		(void)snprintf(name, sizeof(name), "host-%zu.a.default.svc.cluster.local", i);
		assert_int_equal(dns_zone_add_address(zone, name, AF_INET, address, &err), 0);
	}
	return zone;
}

static void many_names_are_found_as_quickly_as_few(void **state)
{
	autoptr(dns_zone) few = make_large_zone(100);
	autoptr(dns_zone) many = make_large_zone(10000);
	double least_few = 1e9, least_many = 1e9;

	for (size_t i = 0; i < 7; i++) {
		double s = seconds_of(few, 100);
		double m = seconds_of(many, 10000);

		least_few = s < least_few ? s : least_few;
		least_many = m < least_many ? m : least_many;
	}
	assert_true(least_many < 2.5 * least_few);
}

static void an_alias_leads_to_another_name(void **state)
{
	static const char *const near[] = { "near.default.svc.cluster.local. 7 IN CNAME web.",
					    "web. 7 IN A 10.213.1.2", NULL };
	static const char *const gone[] = {
		"lost.default.svc.cluster.local. 7 IN CNAME none.cluster.local.", NULL
	};
	static const char *const far[] = {
		"far.default.svc.cluster.local. 7 IN CNAME db.example.org.", NULL
	};
	autoptr(dns_zone) zone = make_zone();
	uint8_t bytes[DNS_QUERY_MAX], to[DNS_UDP_MAX], target[DNS_NAME_MAX], wire[DNS_NAME_MAX];
	struct dns_query query, restored;
	struct dns_answer answer;
	size_t size = make_query("far.default.svc.cluster.local", LDNS_RR_TYPE_A, 0, bytes);

	expect(zone, "near.default.svc.cluster.local", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, near);
	expect(zone, "lost.default.svc.cluster.local", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, gone);
	expect(zone, "far.default.svc.cluster.local", LDNS_RR_TYPE_MX, LDNS_RCODE_NOERROR, far);
	/* Somebody else's addresses are asked for by the name that it leads to. */
	assert_int_equal(dns_query_parse(bytes, size, &query), 0);
	dns_answer_begin(&answer, &query, to, sizeof(to));
	assert_int_equal(dns_zone_ask(zone, &query, &answer), -EREMOTE);
	size = dns_zone_find_alias(zone, query.name, query.name_size, target);
	assert_int_equal(size, dns_name_parse("db.example.org", wire));
	assert_memory_equal(target, wire, size);
	dns_query_lead(&query, target, size);
	assert_memory_equal(query.name, wire, size);
	dns_query_restore(&query, &restored);
	assert_int_equal(restored.name_size, dns_name_parse("far.default.svc.cluster.local", wire));
	assert_memory_equal(restored.name, wire, restored.name_size);
	assert_int_equal(dns_zone_find_alias(zone, target, size, wire), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lead_to_addresses),
		cmocka_unit_test(services_lead_to_ports_with_their_addresses),
		cmocka_unit_test(addresses_lead_to_names),
		cmocka_unit_test(what_is_not_there_is_told_from_what_has_no_such_record),
		cmocka_unit_test(other_names_are_for_others),
		cmocka_unit_test(subnets_may_end_within_a_byte),
		cmocka_unit_test(a_bad_line_is_named),
		cmocka_unit_test(many_names_are_found_as_quickly_as_few),
		cmocka_unit_test(an_alias_leads_to_another_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
