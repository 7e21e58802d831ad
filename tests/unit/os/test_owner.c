/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/scope.h"
#include "os/id_map.h"
#include "os/owner.h"
#include "os/path.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define START 1000000

static const struct id_map map = {
	.uids = { { { 0, START, 1000 }, { 1000, 1000, 1 }, { 1001, START + 1001, 64535 } }, 3 },
	.gids = { { { 0, START, 65536 } }, 1 },
};

/* A capability of a file as the kernel stores it: version 2, CAP_NET_RAW permitted. */
static const unsigned char capability[20] = { 0, 0, 0, 2, 0, 0x20 };

static char directory[] = "/tmp/test-owner-XXXXXX";

static int make_tree(void **state)
{
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	if (!mkdtemp(directory))
		return -1;

	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int program = openat(fd, "program", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	*state = (void *)(intptr_t)fd;
	return program < 0 ||
			       fsetxattr(program, "security.capability", capability,
					 sizeof(capability), 0) < 0 ||
			       mknodat(fd, "suid", S_IFREG | 0755, 0) < 0 ||
			       fchownat(fd, "suid", 33, 33, 0) < 0 ||
			       fchmodat(fd, "suid", 04755, 0) < 0 ||
			       linkat(fd, "suid", fd, "again", 0) < 0 ||
			       mkdirat(fd, "kept", 0700) < 0 ||
			       fchownat(fd, "kept", 1000, 1000, 0) < 0 ||
			       mknodat(fd, "kept/far", S_IFREG | 0600, 0) < 0 ||
			       fchownat(fd, "kept/far", 70000, 70000, 0) < 0 ||
			       symlinkat("/etc/passwd", fd, "kept/link") < 0
		       ? -1
		       : 0;
}

static int remove_tree(void **state)
{
	(void)close((int)(intptr_t)*state);
	return path_remove_tree(AT_FDCWD, directory);
}

static void assert_owner(int dir, const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	struct stat status;

	assert_int_equal(fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(status.st_uid, uid);
	assert_int_equal(status.st_gid, gid);
	assert_int_equal(status.st_mode & 07777, mode);
}

static void a_mapped_tree_keeps_what_its_files_may_do(void **state)
{
	int fd = (int)(intptr_t)*state;
	const struct owner_change change = { .map = &map };
	autofree char *program = xformat("%s/program", directory);
	unsigned char kept[sizeof(capability)] = {};
	struct stat passwd;

	assert_int_equal(owner_change_tree(fd, &change), 0);
	assert_owner(fd, ".", START, START, 0700);
	assert_owner(fd, "suid", START + 33, START + 33, 04755);
	assert_owner(fd, "kept", 1000, START + 1000, 0700);
	assert_owner(fd, "kept/far", START + 65534, START + 65534, 0600);
	assert_owner(fd, "kept/link", START, START, 0777);
	assert_int_equal(getxattr(program, "security.capability", kept, sizeof(kept)),
			 sizeof(kept));
	assert_memory_equal(kept, capability, sizeof(kept));
	assert_int_equal(stat("/etc/passwd", &passwd), 0);
	assert_int_equal(passwd.st_uid, 0);

	/* Again, as a name of the same file that comes later would: nothing moves on. */
	assert_int_equal(owner_change_tree(fd, &change), 0);
	assert_owner(fd, "again", START + 33, START + 33, 04755);
}

static void what_is_given_away_loses_its_privileges(void **state)
{
	int fd = (int)(intptr_t)*state;
	const struct owner_change change = { .uid = 5, .gid = 6 };
	autofree char *program = xformat("%s/program", directory);

	assert_int_equal(owner_change_tree(fd, &change), 0);
	assert_owner(fd, ".", 5, 6, 0700);
	assert_owner(fd, "suid", 5, 6, 0755);
	assert_owner(fd, "kept/far", 5, 6, 0600);
	assert_int_equal(getxattr(program, "security.capability", NULL, 0), -1);
}

static void a_group_may_do_what_the_owner_may(void **state)
{
	int fd = (int)(intptr_t)*state;
	const struct owner_change change = { .gid = 6, .to_group = true };
	struct stat status;

	assert_int_equal(owner_change_tree(fd, &change), 0);
	assert_int_equal(fstat(fd, &status), 0);
	assert_true(owner_is_group_of(&status, 6) && !owner_is_group_of(&status, 7));
	assert_int_equal(status.st_gid, 6);
	assert_int_equal(status.st_mode & 07777, 02770);
	assert_int_equal(fstatat(fd, "suid", &status, 0), 0);
	assert_int_equal(status.st_uid, 33);
	assert_int_equal(status.st_mode & 07777, 04775);
	assert_int_equal(fstatat(fd, "kept/far", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
	assert_int_equal(fstatat(fd, "kept/link", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(status.st_gid, 6);
	assert_int_equal(stat("/etc/passwd", &status), 0);
	assert_int_equal(status.st_gid, 0);
}

static void an_id_beyond_the_map_has_none_on_the_host(void **state)
{
	uint32_t host = 7;

	assert_int_equal(id_extents_to_host(&map.uids, 999, &host), 0);
	assert_int_equal(host, START + 999);
	assert_int_equal(id_extents_to_host(&map.uids, 1000, &host), 0);
	assert_int_equal(host, 1000);
	assert_int_equal(id_extents_to_host(&map.uids, 65536, &host), -ERANGE);
	assert_int_equal(id_extents_to_host(&(struct id_extents){}, 65536, &host), 0);
	assert_int_equal(host, 65536);
}

static void a_map_is_read_as_three_numbers(void **state)
{
	static const char *const bad[] = { "", "1:2", "1:2:3:4", "1:2:0", "a:2:3", "1:2:3 " };
	struct id_extents extents = {};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(id_extents_parse(&extents, bad[i]), -EINVAL);
	assert_int_equal(extents.count, 0);
	assert_int_equal(id_extents_parse(&extents, "0:1000000:65536"), 0);
	assert_int_equal(extents.items[0].outside, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_mapped_tree_keeps_what_its_files_may_do,
						make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(what_is_given_away_loses_its_privileges, make_tree,
						remove_tree),
		cmocka_unit_test_setup_teardown(a_group_may_do_what_the_owner_may, make_tree,
						remove_tree),
		cmocka_unit_test(an_id_beyond_the_map_has_none_on_the_host),
		cmocka_unit_test(a_map_is_read_as_three_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
