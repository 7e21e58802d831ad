/* SPDX-License-Identifier: MIT */

#include "base/scope.h"
#include "image/registry/blob/gaps.h"
#include "test.h"

#include <errno.h>
#include <string.h>

#define SIZE 1000

static void pieces_are_taken_in_their_order(void **state)
{
	struct gaps gaps;

	gaps_init(&gaps, 100, SIZE);
	assert_int_equal(gaps_missing(&gaps), 900);
	assert_int_equal(gaps_prefix(&gaps, SIZE), 100);

	const struct gap *gap = gaps_take(&gaps, 300);

	assert_int_equal(gap->at, 100);
	assert_int_equal(gap->end, 400);
	gap = gaps_take(&gaps, 300);
	assert_int_equal(gap->at, 400);
	gap = gaps_take(&gaps, 300);
	assert_int_equal(gap->at, 700);
	assert_int_equal(gap->end, SIZE);
	assert_false(gaps_has_free(&gaps));
	assert_null(gaps_take(&gaps, 300));
	gaps_give_all(&gaps);
	assert_int_equal(gaps_take(&gaps, UINT64_MAX)->at, 100);
}

static void what_comes_closes_its_gap(void **state)
{
	struct gaps gaps;
	uint64_t at = 0;

	gaps_init(&gaps, 0, SIZE);
	(void)gaps_take(&gaps, 400);
	(void)gaps_take(&gaps, 400);
	assert_int_equal(gaps_find(&gaps, 400, 50, &at), 50);
	gaps_fill(&gaps, at, 50);
	assert_int_equal(gaps_prefix(&gaps, SIZE), 0);
	gaps_fill(&gaps, 0, 400);
	assert_int_equal(gaps_prefix(&gaps, SIZE), 450);
	gaps_fill(&gaps, 450, 350);
	assert_int_equal(gaps_prefix(&gaps, SIZE), 800);
	gaps_fill(&gaps, 800, 200);
	assert_int_equal(gaps_prefix(&gaps, SIZE), SIZE);
	assert_int_equal(gaps_missing(&gaps), 0);
}

/* As where a registry sends all though a piece was asked for. */
static void a_stream_fills_only_what_is_missing(void **state)
{
	struct gaps gaps;
	uint64_t at = 0;

	gaps_init(&gaps, 0, SIZE);
	(void)gaps_take(&gaps, 100);
	(void)gaps_take(&gaps, 100);
	(void)gaps_take(&gaps, 100);
	gaps_fill(&gaps, 0, 100);
	gaps_fill(&gaps, 200, 100);
	assert_int_equal(gaps_find(&gaps, 0, 100, &at), 0);
	assert_int_equal(gaps_find(&gaps, 0, 250, &at), 100);
	assert_int_equal(at, 100);
	gaps_fill(&gaps, 100, 100);
	assert_int_equal(gaps_find(&gaps, 250, 100, &at), 50);
	assert_int_equal(at, 300);
}

static void no_more_is_taken_than_a_table_holds(void **state)
{
	struct gaps gaps;
	size_t taken = 0;

	gaps_init(&gaps, 0, SIZE);
	while (gaps_take(&gaps, 1))
		taken++;
	assert_int_equal(taken, GAPS_TAKEN_MAX);
	assert_true(gaps.count <= GAPS_MAX);
	assert_int_equal(gaps_missing(&gaps), SIZE);
}

static void a_table_tells_what_was_missing(void **state)
{
	struct gaps gaps;
	struct gaps read;
	struct gaps_table table;

	gaps_init(&gaps, 0, SIZE);
	(void)gaps_take(&gaps, 100);
	(void)gaps_take(&gaps, 100);
	gaps_fill(&gaps, 100, 20);
	gaps_format(&gaps, SIZE, &table);
	assert_int_equal(gaps_parse(&table, SIZE, &read), 0);
	assert_int_equal(read.count, 3);
	assert_int_equal(read.items[1].at, 120);
	assert_int_equal(read.items[1].end, 200);
	assert_false(read.items[1].is_taken);
	assert_int_equal(gaps_parse(&table, SIZE + 1, &read), -EINVAL);
}

static void a_table_of_anything_else_is_none(void **state)
{
	static const uint64_t bounds[][4] = {
		{ 10, 10, 20, 30 },       /* empty */
		{ 10, 5, 20, 30 },        /* backwards */
		{ 10, 20, 15, 30 },       /* on top of each other */
		{ 20, 30, 5, 10 },        /* out of order */
		{ 10, 20, 30, SIZE + 1 }, /* too long */
		{ UINT64_MAX, 0, 30, SIZE + 1 },
	};
	struct gaps gaps = {};
	struct gaps read;
	struct gaps_table table;

	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		gaps_format(&gaps, SIZE, &table);
		table.count = 2;
		memcpy(table.bounds, bounds[i], sizeof(bounds[i]));
		assert_int_equal(gaps_parse(&table, SIZE, &read), -EINVAL);
	}
	gaps_format(&gaps, SIZE, &table);
	table.count = GAPS_MAX + 1;
	assert_int_equal(gaps_parse(&table, SIZE, &read), -EINVAL);
	table.count = 0;
	assert_int_equal(gaps_parse(&table, SIZE, &read), 0);
	table.magic[0] ^= 1;
	assert_int_equal(gaps_parse(&table, SIZE, &read), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_taken_in_their_order),
		cmocka_unit_test(what_comes_closes_its_gap),
		cmocka_unit_test(a_stream_fills_only_what_is_missing),
		cmocka_unit_test(no_more_is_taken_than_a_table_holds),
		cmocka_unit_test(a_table_tells_what_was_missing),
		cmocka_unit_test(a_table_of_anything_else_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
