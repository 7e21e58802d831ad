/* SPDX-License-Identifier: MIT */
#include "net/address.h"

#include "test.h"

#include <errno.h>

static struct subnet subnet(const char *text)
{
	struct subnet ret = {};

	assert_int_equal(subnet_parse(text, &ret), 0);
	return ret;
}

static struct address address(const char *text)
{
	struct address ret = {};

	assert_int_equal(address_parse(text, AF_UNSPEC, &ret), 0);
	return ret;
}

static void assert_address(struct address found, const char *text)
{
	char buffer[ADDRESS_TEXT_MAX];

	assert_string_equal(address_format(&found, buffer), text);
}

static void a_subnet_is_written_as_it_was_read(void **state)
{
	static const char *const texts[] = { "10.213.0.0/24", "0.0.0.0/1", "10.0.0.252/30",
					     "fd00:1::/64", "fd00::/126" };
	char buffer[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct subnet read = subnet(texts[i]);

		assert_string_equal(subnet_format(&read, buffer), texts[i]);
	}
}

static void what_is_no_subnet_is_refused_and_changes_nothing(void **state)
{
	static const char *const texts[] = { "",
					     "10.0.0.0",
					     "10.0.0.0/",
					     "10.0.0.0/31",
					     "10.0.0.0/0",
					     "10.0.0.1/24",
					     "10.0.0.0/024",
					     "10.0.0.0/-1",
					     "10.0.0/24",
					     "fd00::/127",
					     "fd00::1/64",
					     "10.0.0.0/24 ",
					     "010.0.0.0/24",
					     "10.0.0.0/24/1",
					     "x/24" };
	struct subnet read = { .prefix = 77 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(subnet_parse(texts[i], &read), -EINVAL);
		assert_int_equal(read.prefix, 77);
	}
}

static void subnets_overlap_when_one_holds_the_other(void **state)
{
	struct subnet wide = subnet("10.213.0.0/16");
	struct subnet inner = subnet("10.213.255.0/24");
	struct subnet beside = subnet("10.214.0.0/24");
	struct subnet six = subnet("fd00::/64");

	assert_true(subnet_overlaps(&wide, &inner));
	assert_true(subnet_overlaps(&inner, &wide));
	assert_false(subnet_overlaps(&wide, &beside));
	assert_false(subnet_overlaps(&wide, &six));
}

static void a_pool_is_cut_into_subnets(void **state)
{
	struct subnet pool = subnet("10.213.0.0/16");
	struct subnet six = subnet("fd12:3456:789a::/48");
	char buffer[ADDRESS_TEXT_MAX];
	struct subnet found;

	assert_int_equal(subnet_count(&pool, 24), 256);
	assert_int_equal(subnet_count(&pool, 8), 0);
	found = subnet_nth(&pool, 24, 200);
	assert_string_equal(subnet_format(&found, buffer), "10.213.200.0/24");
	found = subnet_nth(&six, 64, 0xabcd);
	assert_string_equal(subnet_format(&found, buffer), "fd12:3456:789a:abcd::/64");
}

static void hosts_are_numbered_from_one(void **state)
{
	struct subnet four = subnet("10.0.0.0/30");
	struct subnet six = subnet("fd00::/64");
	struct address inside = address("10.0.0.2");
	struct address broadcast = address("10.0.0.3");
	struct address outside = address("10.0.0.4");
	struct address far = address("fd00::1:0:0:5");

	assert_int_equal(subnet_hosts(&four), 2);
	assert_address(subnet_host(&four, 1), "10.0.0.1");
	assert_address(subnet_host(&six, 258), "fd00::102");
	assert_int_equal(subnet_host_number(&four, &inside), 2);
	assert_int_equal(subnet_host_number(&four, &broadcast), 0);
	assert_int_equal(subnet_host_number(&four, &outside), 0);
	assert_int_equal(subnet_host_number(&six, &far), 0);
}

static int is_in(void *userdata, uint32_t number)
{
	return ((const bool *)userdata)[number];
}

static void an_address_given_back_is_the_last_to_be_given_out_again(void **state)
{
	struct subnet small = subnet("10.0.0.0/29"); /* 2 to 6 */
	bool taken[8] = {};
	uint32_t last = 0;

	for (uint32_t expected = 2; expected <= 6; expected++) {
		assert_int_equal(subnet_find_free(&small, last, is_in, taken, &last), 1);
		assert_int_equal(last, expected);
		taken[last] = true;
	}
	assert_int_equal(subnet_find_free(&small, last, is_in, taken, &last), 0);
	taken[3] = false;
	taken[5] = false;
	assert_int_equal(subnet_find_free(&small, 4, is_in, taken, &last), 1);
	assert_int_equal(last, 5);
	assert_int_equal(subnet_find_free(&small, last, is_in, taken, &last), 1);
	assert_int_equal(last, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_subnet_is_written_as_it_was_read),
		cmocka_unit_test(what_is_no_subnet_is_refused_and_changes_nothing),
		cmocka_unit_test(subnets_overlap_when_one_holds_the_other),
		cmocka_unit_test(a_pool_is_cut_into_subnets),
		cmocka_unit_test(hosts_are_numbered_from_one),
		cmocka_unit_test(an_address_given_back_is_the_last_to_be_given_out_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
