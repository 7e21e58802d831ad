/* SPDX-License-Identifier: MIT */
#include "image/layer/inflate.h"

#include "base/mem.h"
#include "base/scope.h"
#include "test.h"

#include <isa-l/igzip_lib.h>
#include <string.h>
#include <zstd.h>

#define CONTENT_SIZE 100000

static char *content(void)
{
	char *bytes = xcalloc(CONTENT_SIZE, 1);

	for (size_t i = 0; i < CONTENT_SIZE; i++)
		bytes[i] = (char)(i * i >> 7);
	return bytes;
}

static size_t pack_gzip(const void *bytes, size_t size, void *out, size_t room)
{
	struct isal_zstream stream;

	isal_deflate_stateless_init(&stream);
	stream.gzip_flag = IGZIP_GZIP;
	stream.end_of_stream = 1;
	stream.next_in = (uint8_t *)bytes;
	stream.avail_in = (uint32_t)size;
	stream.next_out = out;
	stream.avail_out = (uint32_t)room;
	assert_int_equal(isal_deflate_stateless(&stream), COMP_OK);
	return stream.total_out;
}

static size_t pack_zstd(const void *bytes, size_t size, void *out, size_t room)
{
	return ZSTD_compress(out, room, bytes, size, 3);
}

/* Reads @packed in pieces of @step. Returns the size of what it wrote to @out, or -1. */
static ssize_t unpack(enum compression compression, const char *packed, size_t size, size_t step,
		      char *out, bool *ret_complete)
{
	autoptr(inflate) inflate = inflate_create(compression);
	struct lxcri_error err = {};
	ssize_t total = 0;

	for (size_t at = 0; at < size; at += step) {
		struct inflate_input input = { (const uint8_t *)packed + at,
					       size - at < step ? size - at : step };
		ssize_t got;

		do {
			got = inflate_read(inflate, &input, out + total,
					   2 * CONTENT_SIZE - (size_t)total, &err);
			total += got > 0 ? got : 0;
		} while (got > 0);
		if (got < 0) {
			assert_int_equal(err.code, LXCRI_E_EXTRACT_FAILED);
			return -1;
		}
		assert_int_equal(input.size, 0);
	}
	*ret_complete = inflate_is_complete(inflate);
	return total;
}

static const struct {
	enum compression compression;
	size_t (*pack)(const void *bytes, size_t size, void *out, size_t room);
} kinds[] = {
	{ COMPRESSION_GZIP, pack_gzip },
	{ COMPRESSION_ZSTD, pack_zstd },
};

static void streams_are_read_in_pieces_of_any_size(void **state)
{
	static const size_t steps[] = { 1, 7, 511, 4096, 1 << 20 };
	autofree char *plain = content();
	autofree char *packed = xcalloc(2 * CONTENT_SIZE, 1);
	autofree char *out = xcalloc(2 * CONTENT_SIZE, 1);
	bool complete;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t size = kinds[i].pack(plain, CONTENT_SIZE, packed, 2 * CONTENT_SIZE);

		assert_int_equal(compression_detect(packed, size), kinds[i].compression);
		for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
			assert_int_equal(unpack(kinds[i].compression, packed, size, steps[s], out,
						&complete),
					 CONTENT_SIZE);
			assert_memory_equal(out, plain, CONTENT_SIZE);
			assert_true(complete);
		}
	}
}

static void members_follow_each_other_wherever_they_are_cut(void **state)
{
	autofree char *plain = content();
	autofree char *packed = xcalloc(4 * CONTENT_SIZE, 1);
	autofree char *out = xcalloc(2 * CONTENT_SIZE, 1);
	bool complete;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t first = kinds[i].pack(plain, 1000, packed, 2 * CONTENT_SIZE);
		size_t second = kinds[i].pack(plain + 1000, 500, packed + first, CONTENT_SIZE);

		for (size_t step = 1; step < first + second; step++) {
			assert_int_equal(unpack(kinds[i].compression, packed, first + second, step,
						out, &complete),
					 1500);
			assert_memory_equal(out, plain, 1500);
			assert_true(complete);
		}
	}
}

static void a_stream_that_is_cut_off_is_not_complete(void **state)
{
	autofree char *plain = content();
	autofree char *packed = xcalloc(2 * CONTENT_SIZE, 1);
	autofree char *out = xcalloc(2 * CONTENT_SIZE, 1);
	bool complete = true;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t size = kinds[i].pack(plain, 1000, packed, 2 * CONTENT_SIZE);

		for (size_t cut = 1; cut < size; cut++) {
			assert_true(unpack(kinds[i].compression, packed, cut, 64, out, &complete) >=
				    0);
			assert_false(complete);
		}
	}
}

static void a_wrong_checksum_is_a_failure(void **state)
{
	autofree char *plain = content();
	autofree char *packed = xcalloc(2 * CONTENT_SIZE, 1);
	autofree char *out = xcalloc(2 * CONTENT_SIZE, 1);
	size_t size = pack_gzip(plain, 1000, packed, 2 * CONTENT_SIZE);
	bool complete;

	packed[size - 7] ^= 1;
	assert_int_equal(unpack(COMPRESSION_GZIP, packed, size, size, out, &complete), -1);
}

static void a_large_window_is_refused_before_it_is_allocated(void **state)
{
	/* Magic, no content size, a window of 2^40 bytes, an empty last block. */
	static const char frame[] = "\x28\xb5\x2f\xfd\x00\xf0\x01\x00\x00";
	autoptr(inflate) inflate = inflate_create(COMPRESSION_ZSTD);
	struct inflate_input input = { (const uint8_t *)frame, sizeof(frame) - 1 };
	struct lxcri_error err = {};
	char out[16];

	assert_int_equal(inflate_read(inflate, &input, out, sizeof(out), &err), -1);
	assert_int_equal(err.code, LXCRI_E_LIMIT_EXCEEDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_read_in_pieces_of_any_size),
		cmocka_unit_test(members_follow_each_other_wherever_they_are_cut),
		cmocka_unit_test(a_stream_that_is_cut_off_is_not_complete),
		cmocka_unit_test(a_wrong_checksum_is_a_failure),
		cmocka_unit_test(a_large_window_is_refused_before_it_is_allocated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
