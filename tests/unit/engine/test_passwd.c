/* SPDX-License-Identifier: MIT */
#include "engine/bundle/passwd.h"
#include "tree.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "broken\n"
			     "big:x:4294967296:1::/big:\n"
			     "app:x:1000:1001:App:/srv/app:/bin/sh\n"
			     "1000:x:7:7::/trap:/bin/sh\n"
			     "nohome:x:1002:1002:::\n"
			     ":x:1003:1003::/nameless:\n"
			     "bell:x:1004:1004::/a\a:\n";
static const char group[] = "root:x:0:\n"
			    "wheel:x:10:root,app\n"
			    "media:x:44:app\n"
			    "apple:x:45:apple,appl\n"
			    "app:x:1001:\n"
			    "bad:x:-1:app\n";

static const struct passwd_files files = {
	.passwd = passwd,
	.passwd_size = sizeof(passwd) - 1,
	.group = group,
	.group_size = sizeof(group) - 1,
};

static void assert_user(const char *spec, uint32_t uid, uint32_t gid, const char *home)
{
	autorun(passwd_user_finish) struct passwd_user user = {};
	struct lxcri_error err = {};

	assert_int_equal(passwd_resolve(&files, spec, &user, &err), 0);
	assert_int_equal(user.uid, uid);
	assert_int_equal(user.gid, gid);
	assert_true(user.n_gids >= 1 && user.gids[0] == gid);
	if (home)
		assert_string_equal(user.home, home);
	else
		assert_null(user.home);
}

static void users_are_names_or_numbers_with_or_without_a_group(void **state)
{
	assert_user("", 0, 0, "/root");
	assert_user("app", 1000, 1001, "/srv/app");
	assert_user("1000", 1000, 1001, "/srv/app");
	assert_user("app:media", 1000, 44, "/srv/app");
	assert_user("app:0", 1000, 0, "/srv/app");
	assert_user("5:6", 5, 6, NULL);
	assert_user("4294967294", UINT32_MAX - 1, 0, NULL);
	assert_user("nohome", 1002, 1002, NULL);
	assert_user(":media", 0, 44, "/root");
	assert_user("1003", 1003, 0, NULL);
	assert_user("1004", 1004, 0, NULL);
}

static void the_groups_that_list_a_user_come_along_unless_one_is_given(void **state)
{
	autorun(passwd_user_finish) struct passwd_user all = {};
	autorun(passwd_user_finish) struct passwd_user one = {};
	struct lxcri_error err = {};

	assert_int_equal(passwd_resolve(&files, "app", &all, &err), 0);
	assert_int_equal(all.n_gids, 3);
	assert_true(all.gids[1] == 10 && all.gids[2] == 44);
	assert_int_equal(passwd_add_group(&files, "44", &all, &err), 0);
	assert_int_equal(passwd_add_group(&files, "apple", &all, &err), 0);
	assert_int_equal(passwd_add_group(&files, "77", &all, &err), 0);
	assert_int_equal(all.n_gids, 5);
	assert_true(all.gids[3] == 45 && all.gids[4] == 77);

	assert_int_equal(passwd_resolve(&files, "app:media", &one, &err), 0);
	assert_int_equal(one.n_gids, 1);
}

static void what_is_no_user_is_refused_by_name(void **state)
{
	static const char *const bad[] = {
		"nobody-here", "4294967295",  "4294967296",  "99999999999999999999",
		"-1",          "0x0",         "+5",          " 5",
		"app:",        "app:nogroup", "app:-1",      "app:4294967296",
		"broken",      "big",         "app:media:x", "a\nb",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct passwd_user user = { .uid = 7 };
		struct lxcri_error err = {};

		assert_true(passwd_resolve(&files, bad[i], &user, &err) < 0);
		assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
		assert_true(user.uid == 7 && !user.gids);
	}
}

static int resolve(const struct strings *layers, const char *spec, struct passwd_user *user,
		   struct lxcri_error *err)
{
	return passwd_resolve_in_layers(layers, spec, NULL, user, err);
}

static void the_files_are_those_of_the_merged_layers(void **state)
{
	autorun(passwd_user_finish) struct passwd_user user = {};
	autorun(strings_finish) struct strings layers = {};
	autorun(tree_finish) struct tree tree;
	static const char *const more[] = { "extra", NULL };
	struct lxcri_error err = {};

	tree_init(&tree);
	tree_layer(&tree, "top", &layers);
	tree_layer(&tree, "base", &layers);
	tree_file(&tree, "base/etc/passwd", "app:x:1:1::/:\n");
	tree_file(&tree, "base/etc/group", "app:x:1:\nextra:x:9:\n");
	tree_file(&tree, "top/etc/passwd", "app:x:2:2::/:\n");
	assert_int_equal(passwd_resolve_in_layers(&layers, "app", more, &user, &err), 0);
	assert_true(user.uid == 2 && user.n_gids == 2 && user.gids[1] == 9);

	tree_whiteout(&tree, "top/etc/group");
	assert_true(resolve(&layers, "app:extra", &user, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_ARGUMENT);
}

static void a_symlink_to_the_hosts_files_shows_nothing_of_them(void **state)
{
	autorun(passwd_user_finish) struct passwd_user user = {};
	autorun(strings_finish) struct strings layers = {};
	autorun(tree_finish) struct tree tree;
	struct lxcri_error err = {};

	tree_init(&tree);
	tree_layer(&tree, "top", &layers);
	tree_dir(&tree, "top/etc");
	tree_file(&tree, "hostpasswd", "mallory:x:0:0::/:\n");
	tree_link(&tree, "top/etc/passwd", "../../hostpasswd");
	tree_link(&tree, "top/etc/group", "/etc/shadow");
	assert_true(resolve(&layers, "mallory", &user, &err) < 0);
	assert_true(resolve(&layers, "0:root", &user, &err) < 0);
	assert_int_equal(resolve(&layers, "0", &user, &err), 0);
	assert_null(user.name);
}

static void hostile_files_are_bounded(void **state)
{
	autorun(passwd_user_finish) struct passwd_user user = {};
	autorun(strings_finish) struct strings layers = {};
	autorun(tree_finish) struct tree tree;
	autofree char *giant = xcalloc(2, PASSWD_BYTES_MAX);
	static const char nul[] = "evil:x:0\0:0::/:\nfine:x:5:5::/:\n";
	struct lxcri_error err = {};

	tree_init(&tree);
	tree_layer(&tree, "top", &layers);
	memset(giant, 'a', 2 * PASSWD_BYTES_MAX);
	tree_bytes(&tree, "top/etc/passwd", giant, 2 * PASSWD_BYTES_MAX);
	assert_true(resolve(&layers, "app", &user, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_LIMIT_EXCEEDED);

	/* One line of almost the whole size is skipped. */
	memcpy(giant + PASSWD_BYTES_MAX - 32, "\nok:x:3:3::/:\n", 14);
	tree_bytes(&tree, "top/etc/passwd", giant, PASSWD_BYTES_MAX - 18);
	assert_int_equal(resolve(&layers, "ok", &user, &err), 0);
	assert_int_equal(user.uid, 3);
	passwd_user_finish(&user);

	tree_bytes(&tree, "top/etc/passwd", nul, sizeof(nul) - 1);
	assert_true(resolve(&layers, "evil", &user, &err) < 0);
	assert_int_equal(resolve(&layers, "fine", &user, &err), 0);
	passwd_user_finish(&user);

	assert_int_equal(unlinkat(tree.fd, "top/etc/passwd", 0), 0);
	assert_int_equal(mkfifoat(tree.fd, "top/etc/passwd", 0644), 0);
	assert_true(resolve(&layers, "0", &user, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_INVALID_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_names_or_numbers_with_or_without_a_group),
		cmocka_unit_test(the_groups_that_list_a_user_come_along_unless_one_is_given),
		cmocka_unit_test(what_is_no_user_is_refused_by_name),
		cmocka_unit_test(the_files_are_those_of_the_merged_layers),
		cmocka_unit_test(a_symlink_to_the_hosts_files_shows_nothing_of_them),
		cmocka_unit_test(hostile_files_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
