/* SPDX-License-Identifier: MIT */
#include "net/dns/dns_guests.h"

#include "base/text.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static struct dns_guests *parse(const char *text)
{
	struct dns_guests *guests = NULL;
	struct lxcri_error err = {};

	if (dns_guests_parse(text, strlen(text), &guests, &err) < 0)
		fail_msg("%s", err.text);
	return guests;
}

static const char *find(const struct dns_guests *guests, const char *text)
{
	union dns_address address;

	assert_int_equal(dns_address_parse(text, &address), 0);
	return dns_guests_find(guests, &address);
}

static void each_guest_is_of_his_network(void **state)
{
	autoptr(dns_guests) guests = parse("10.9.8.7 default\n"
					   "fd00::7 other\n"
					   "10.9.8.6 other\n");

	assert_string_equal(find(guests, "10.9.8.7"), "default");
	assert_string_equal(find(guests, "10.9.8.6"), "other");
	assert_string_equal(find(guests, "fd00::7"), "other");
}

static void a_stranger_is_of_none(void **state)
{
	autoptr(dns_guests) guests = parse("10.9.8.7 default\n");
	autoptr(dns_guests) nobody = parse("");
	const union dns_address odd = { .any.sa_family = AF_UNIX };

	assert_null(find(guests, "10.9.8.70"));
	/* The same bytes, of another family. */
	assert_null(find(guests, "a09:807::"));
	assert_null(find(nobody, "10.9.8.7"));
	assert_null(dns_guests_find(guests, &odd));
}

static void of_two_with_one_address_the_first_counts(void **state)
{
	autoptr(dns_guests) guests = parse("10.9.8.7 first\n"
					   "10.9.8.8 other\n"
					   "10.9.8.7 second\n");

	assert_string_equal(find(guests, "10.9.8.7"), "first");
	assert_string_equal(find(guests, "10.9.8.8"), "other");
}

static void what_is_no_guest_is_refused_by_its_line(void **state)
{
	static const char *const bad[] = { "10.9.8.7 a\n10.9.8 b\n",  "10.9.8.7 a\n10.9.8.8\n",
					   "10.9.8.7 a\n10.9.8.8 \n", "10.9.8.7 a\n10.9.8.8 b c\n",
					   "10.9.8.7 a\n\n",          "10.9.8.7 a\n10.9.8.8 b" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct dns_guests *guests = NULL;
		struct lxcri_error err = {};

		assert_true(dns_guests_parse(bad[i], strlen(bad[i]), &guests, &err) < 0);
		assert_null(guests);
		assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
		assert_non_null(strstr(err.text, "line 2"));
	}
}

static void there_is_an_end_to_how_many_there_are(void **state)
{
	autorun(text_finish) struct text text = {};
	struct dns_guests *guests = NULL;
	struct lxcri_error err = {};

	for (unsigned int i = 0; i < DNS_GUESTS_MAX; i++)
		text_addf(&text, "10.1.%u.%u net\n", i >> 8, i & 255);
	assert_int_equal(dns_guests_parse(text.data, text.length, &guests, &err), 0);
	assert_string_equal(find(guests, "10.1.63.255"), "net");
	dns_guests_free(guests);
	text_add(&text, "10.2.0.1 net\n");
	assert_true(dns_guests_parse(text.data, text.length, &guests, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_LIMIT_EXCEEDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_guest_is_of_his_network),
		cmocka_unit_test(a_stranger_is_of_none),
		cmocka_unit_test(of_two_with_one_address_the_first_counts),
		cmocka_unit_test(what_is_no_guest_is_refused_by_its_line),
		cmocka_unit_test(there_is_an_end_to_how_many_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
