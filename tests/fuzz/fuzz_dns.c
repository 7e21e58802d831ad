/* SPDX-License-Identifier: MIT */
#include "base/scope.h"
#include "net/dns/dns_zone.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char zone_text[] =
	"origin cluster.local\nsubnet 10.213.1.0/24\naddress web 10.213.1.2\n"
	"address web fd00::2\naddress a.web.default.svc.cluster.local 10.213.1.2\n"
	"service _http._tcp.web.default.svc.cluster.local 80 a.web.default.svc.cluster.local\n"
	"pointer 10.213.1.2 web\n";

/* An answer keeps to its limit, and can be read again. */
static void answer_query(const struct dns_zone *zone, const uint8_t *data, size_t size)
{
	static uint8_t to[DNS_UDP_MAX];
	struct dns_query query;
	struct dns_query again;
	struct dns_answer answer;

	if (dns_query_parse(data, size, &query) < 0)
		return;

	size_t limit = dns_udp_limit(&query);
	int rcode = query.fault;

	assert(limit >= DNS_UDP_PLAIN_MAX && limit <= DNS_UDP_MAX);
	dns_answer_begin(&answer, &query, to, limit);
	if (query.fault == DNS_NOERROR)
		rcode = dns_zone_ask(zone, &query, &answer);
	if (rcode == -ENOENT) {
		size = dns_query_format(&query, 1, to);
		assert(size <= DNS_UDP_PLAIN_MAX);
		assert(dns_query_parse(to, size, &again) == 0 && again.fault == DNS_NOERROR);
		assert(again.name_size == query.name_size && again.type == query.type);
		return;
	}
	assert(rcode >= 0);
	assert(dns_answer_end(&answer, (enum dns_rcode)rcode) <= limit);
}

/* What is believed follows from the question, and what is passed on is believed again. */
static void pass_response(const uint8_t *data, size_t size)
{
	static uint8_t to[DNS_UDP_MAX];
	struct dns_query query = { .type = DNS_A, .class = DNS_CLASS_IN, .udp_size = DNS_UDP_MAX };
	struct dns_query asked;
	struct dns_response response;
	struct dns_response again;

	query.name_size = (size_t)dns_name_parse("www.example", query.name);
	memcpy(query.asked, query.name, query.name_size);
	if (dns_response_parse(data, size, &query, 0, &response) < 0)
		return;
	assert(response.size <= size);
	query.has_edns = true;
	size = dns_response_pass(data, &response, &query, 7, to, sizeof(to));
	assert(size <= sizeof(to));
	assert(dns_response_parse(to, size, &query, 0, &again) == 0);
	assert(again.n_answers <= response.n_answers && again.ttl <= response.ttl);

	/* The same behind an alias of ours. */
	query.alias_size = (size_t)dns_name_parse("db.cluster.local", query.alias);
	size = dns_response_pass(data, &response, &query, 7, to, sizeof(to));
	assert(size <= sizeof(to));
	dns_query_restore(&query, &asked);
	assert(dns_response_parse(to, size, &asked, 0, &again) == 0);
	assert(again.n_answers <= response.n_answers + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dns_zone *zone;
	autoptr(dns_zone) other = NULL;
	struct lxcri_error err = {};

	if (!zone && dns_zone_parse(zone_text, strlen(zone_text), &zone, &err) < 0)
		abort(); /* it is good */
	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'q':
		answer_query(zone, data + 1, size - 1);
		break;
	case 'r':
		pass_response(data + 1, size - 1);
		break;
	case 'z':
		(void)dns_zone_parse((const char *)data + 1, size - 1, &other, &err);
		break;
	default:
		break;
	}
	return 0;
}
