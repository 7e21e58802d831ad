/* SPDX-License-Identifier: MIT */
#include "config/pattern.h"
#include "test.h"

#include <string.h>
#include <time.h>

static int matches(const char *pattern, const char *name)
{
	struct lxcri_error err = {};

	return pattern_match(pattern, name, &err);
}

/* What a glob of letters, * and ? means, said in the plainest way. */
static int oracle(const char *pattern, const char *name)
{
	if (!*pattern)
		return !*name;
	if (*pattern == '*')
		return oracle(pattern + 1, name) || (*name && oracle(pattern, name + 1));
	return *name && (*pattern == '?' || *pattern == *name) && oracle(pattern + 1, name + 1);
}

/* Writes the text number @n over @alphabet: every text up to a length has its number. */
static void spell(unsigned int n, const char *alphabet, char *ret)
{
	unsigned int base = (unsigned int)strlen(alphabet);

	for (; n > 0; n = (n - 1) / base)
		*ret++ = alphabet[(n - 1) % base];
	*ret = '\0';
}

static void every_short_glob_agrees_with_the_plain_definition(void **state)
{
	char pattern[16], name[16];
	unsigned int matched = 0;

	for (unsigned int p = 1; p < 4 * 1365 /* all up to six long */; p++) {
		spell(p, "ab*?", pattern);
		for (unsigned int n = 0; n < 127 /* all up to six long */; n++) {
			spell(n, "ab", name);
			int expected = oracle(pattern, name);

			matched += (unsigned int)expected;
			if (matches(pattern, name) != expected)
				fail_msg("\"%s\" on \"%s\": expected %d", pattern, name, expected);
		}
	}
	assert_true(matched > 10000);
}

static void a_star_may_have_to_take_more_than_once(void **state)
{
	assert_int_equal(matches("*-db-*-0", "a-db-b-db-c-0"), 1);
	assert_int_equal(matches("kube-ovn-*", "kube-ovn-controller"), 1);
	assert_int_equal(matches("kube-ovn-*", "my-kube-ovn-controller"), 0);
	assert_int_equal(matches("*", ""), 1);
	assert_int_equal(matches("web", "web1"), 0);
}

static void sets_have_ranges_and_can_be_negated(void **state)
{
	assert_int_equal(matches("db-[0-9]", "db-7"), 1);
	assert_int_equal(matches("db-[0-9]", "db-x"), 0);
	assert_int_equal(matches("db-[!0-9]", "db-x"), 1);
	assert_int_equal(matches("db-[^0-9]", "db-7"), 0);
	assert_int_equal(matches("[]a]", "]"), 1);
	assert_int_equal(matches("[a-]", "-"), 1);
	assert_int_equal(matches("*[ab]c", "abac"), 1);
}

static void an_anchor_makes_a_regular_expression(void **state)
{
	assert_int_equal(matches("^web-[0-9]+$", "web-12"), 1);
	assert_int_equal(matches("^web-[0-9]+$", "web-"), 0);
	assert_int_equal(matches("^(db|cache)", "cache-1"), 1);
	assert_int_equal(matches("-(ro|rw)$", "db-rw"), 1);
	assert_int_equal(matches("-(ro|rw)$", "db-rwx"), 0);
}

static void malformed_patterns_are_errors(void **state)
{
	static const char *const bad[] = { "",         "[a",       "a[",
					   "[!",       "[]",       "[z-a]",
					   "a\\*",     "^(",       "^a{2,1}",
					   "^[b-a]$",  "^(a)\\1$", "^(((a{99}){99}){99})$",
					   "^a{99999}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct lxcri_error err = {};

		if (pattern_check(bad[i], &err) >= 0)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(err.code, LXCRI_E_INVALID_CONFIG);
		assert_true(*err.text != '\0');
		assert_true(matches(bad[i], "a") < 0);
	}
}

static void many_stars_take_no_exponential_time(void **state)
{
	char name[2001];
	struct timespec before, after;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec <= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_short_glob_agrees_with_the_plain_definition),
		cmocka_unit_test(a_star_may_have_to_take_more_than_once),
		cmocka_unit_test(sets_have_ranges_and_can_be_negated),
		cmocka_unit_test(an_anchor_makes_a_regular_expression),
		cmocka_unit_test(malformed_patterns_are_errors),
		cmocka_unit_test(many_stars_take_no_exponential_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
