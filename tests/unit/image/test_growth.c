/* SPDX-License-Identifier: MIT */

#include "base/mem.h"
#include "image/source/growth.h"
#include "image/worker/feed.h"
#include "os/socket.h"
#include "test.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define HEX(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
static const char one[] = HEX("11");
static const char two[] = HEX("22");

struct scene {
	int ours;
	int theirs;
	struct growth *growth;
};

static int begin(void **state)
{
	static struct scene scene;
	struct lxcri_error err;
	int ends[2];

	assert_int_equal(socket_pair(ends), 0);
	scene = (struct scene){ .ours = ends[0], .theirs = ends[1] };
	assert_int_equal(growth_create(scene.ours, &scene.growth, &err), 0);
	*state = &scene;
	return 0;
}

static int end(void **state)
{
	struct scene *scene = *state;

	growth_free(scene->growth);
	closep(&scene->ours);
	closep(&scene->theirs);
	return 0;
}

static void announce(struct scene *scene, uint64_t number)
{
	autofree char *digest = NULL;
	autofree char *type = NULL;

	assert_int_equal(feed_send(scene->theirs, FEED_IMAGE, one, number, "a/type"), 0);
	assert_int_equal(growth_next(scene->growth, &digest, &type), 1);
	assert_string_equal(digest + strlen("sha256:"), one);
	assert_string_equal(type, "a/type");
}

static void what_was_told_is_there(void **state)
{
	struct scene *scene = *state;

	announce(scene, 1);
	assert_int_equal(feed_send(scene->theirs, FEED_BYTES, one, 10, NULL), 0);
	assert_int_equal(feed_send(scene->theirs, FEED_BYTES, one, 30, NULL), 0);
	assert_int_equal(growth_wait(scene->growth, one, 20), 30);
}

static void nothing_more_comes_of_an_end(void **state)
{
	struct scene *scene = *state;
	char *ignored;

	announce(scene, 1);
	assert_int_equal(feed_send(scene->theirs, FEED_BYTES, one, 10, NULL), 0);
	closep(&scene->theirs);
	assert_int_equal(growth_wait(scene->growth, one, 20), -ECANCELED);
	assert_int_equal(growth_wait(scene->growth, one, 10), 10);
	assert_int_equal(growth_next(scene->growth, &ignored, &ignored), 0);
}

static void the_blob_that_came_farthest_is_chosen(void **state)
{
	struct scene *scene = *state;
	const char *const hexes[] = { one, two };
	bool is_taken[2] = {};

	announce(scene, 1);
	assert_int_equal(feed_send(scene->theirs, FEED_BYTES, one, 10, NULL), 0);
	assert_int_equal(feed_send(scene->theirs, FEED_BYTES, two, 20, NULL), 0);
	assert_int_equal(growth_wait(scene->growth, two, 20), 20);
	assert_int_equal(growth_choose(scene->growth, hexes, is_taken, 2), 1);
	assert_int_equal(growth_choose(scene->growth, hexes, is_taken, 2), 0);
	assert_true(is_taken[0] && is_taken[1]);
}

static void a_wrong_blob_ends_the_image_until_the_next(void **state)
{
	struct scene *scene = *state;
	struct feed_message message;

	announce(scene, 7);
	growth_judge(scene->growth, two, GROWTH_RIGHT);
	growth_judge(scene->growth, one, GROWTH_WRONG);
	growth_judge(scene->growth, two, GROWTH_WRONG);
	assert_int_equal(growth_wait(scene->growth, two, 1), -ECANCELED);
	assert_true(growth_is_rejected(scene->growth));
	assert_int_equal(feed_receive(scene->theirs, FEED_WAIT, &message), 1);
	assert_int_equal(message.kind, FEED_RIGHT);
	assert_int_equal(message.number, 7);
	assert_int_equal(feed_receive(scene->theirs, FEED_WAIT, &message), 1);
	assert_int_equal(message.kind, FEED_WRONG);
	assert_string_equal(message.hex, one);
	assert_int_equal(feed_receive(scene->theirs, FEED_TRY, &message), -EAGAIN);
	announce(scene, 8);
	assert_false(growth_is_rejected(scene->growth));
}

/* Whoever speaks to registries may have been made to say anything. */
static void what_is_no_message_is_the_end(void **state)
{
	struct scene *scene = *state;
	struct feed_message message = { .kind = FEED_BYTES, .number = 10 };

	announce(scene, 1);
	memset(message.hex, '/', sizeof(message.hex));
	assert_int_equal(socket_send(scene->theirs, &message, sizeof(message), NULL, 0), 0);
	assert_int_equal(growth_wait(scene->growth, one, 1), -ECANCELED);
}

static void a_verdict_is_not_for_us_to_hear(void **state)
{
	struct scene *scene = *state;

	announce(scene, 1);
	assert_int_equal(feed_send(scene->theirs, FEED_RIGHT, one, 1, NULL), 0);
	assert_int_equal(growth_wait(scene->growth, one, 1), -ECANCELED);
}

static void no_more_blobs_are_remembered_than_an_image_has(void **state)
{
	struct scene *scene = *state;
	char hex[] = HEX("00");

	announce(scene, 1);
	for (unsigned int i = 0; i < 600; i++) {
		hex[0] = "0123456789"[i / 100];
		hex[1] = "0123456789"[i / 10 % 10];
		hex[2] = "0123456789"[i % 10];
		if (feed_send(scene->theirs, FEED_BYTES, hex, 1, NULL) < 0)
			break;
	}
	assert_int_equal(growth_wait(scene->growth, one, 1), -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_told_is_there, begin, end),
		cmocka_unit_test_setup_teardown(nothing_more_comes_of_an_end, begin, end),
		cmocka_unit_test_setup_teardown(the_blob_that_came_farthest_is_chosen, begin, end),
		cmocka_unit_test_setup_teardown(a_wrong_blob_ends_the_image_until_the_next, begin,
						end),
		cmocka_unit_test_setup_teardown(what_is_no_message_is_the_end, begin, end),
		cmocka_unit_test_setup_teardown(a_verdict_is_not_for_us_to_hear, begin, end),
		cmocka_unit_test_setup_teardown(no_more_blobs_are_remembered_than_an_image_has,
						begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
