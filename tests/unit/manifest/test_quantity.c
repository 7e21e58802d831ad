/* SPDX-License-Identifier: MIT */
#include "manifest/quantity.h"

#include "base/scope.h"
#include "test.h"

#include <errno.h>

static void quantities_are_read_in_thousandths(void **state)
{
	static const struct {
		const char *text;
		int64_t thousandths;
	} good[] = {
		{ "0", 0 },
		{ "1", 1000 },
		{ "500m", 500 },
		{ "1.5", 1500 },
		{ ".5", 500 },
		{ "1k", 1000000 },
		{ "64Ki", 65536000 },
		{ "1.5Ki", 1536000 },
		{ "2e3", 2000000 },
		{ "5E-1", 500 },
		{ "1n", 1 },
		{ "1u", 1 },
		{ "64Gi", 68719476736000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		int64_t value = -1;

		if (quantity_parse(good[i].text, &value) < 0 || value != good[i].thousandths)
			fail_msg("%s became %jd", good[i].text, (intmax_t)value);
	}
}

static void what_is_no_quantity_leaves_the_result_alone(void **state)
{
	static const struct {
		const char *text;
		int error;
	} bad[] = {
		{ "", -EINVAL },      { "m", -EINVAL },
		{ "1.2.3", -EINVAL }, { "1 ", -EINVAL },
		{ "1KiB", -EINVAL },  { "1e", -EINVAL },
		{ "-1", -ERANGE },    { "9Ei", -ERANGE },
		{ "1e31", -ERANGE },  { "1234567890123456789", -ERANGE },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int64_t value = 7;
		int r = quantity_parse(bad[i].text, &value);

		if (r != bad[i].error || value != 7)
			fail_msg("\"%s\": %d", bad[i].text, r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantities_are_read_in_thousandths),
		cmocka_unit_test(what_is_no_quantity_leaves_the_result_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
