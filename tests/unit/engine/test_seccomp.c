/* SPDX-License-Identifier: MIT */
#include "engine/bundle/seccomp_annotation.h"
#include "engine/bundle/seccomp_profile.h"
#include "runtime/seccomp_cache.h"
#include "runtime/seccomp_compile.h"
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Returns the index of the first rule that names @call, or -1. */
static int find_rule(struct json_object *profile, const char *call)
{
	struct json_object *rules = json_get(profile, "syscalls");

	for (size_t i = 0; i < json_object_array_length(rules); i++) {
		struct json_object *names = json_get(json_object_array_get_idx(rules, i), "names");

		for (size_t j = 0; j < json_object_array_length(names); j++)
			if (strcmp(json_object_get_string(json_object_array_get_idx(names, j)),
				   call) == 0)
				return (int)i;
	}
	return -1;
}

static const char *action_of(struct json_object *profile, const char *call)
{
	int rule = find_rule(profile, call);

	if (rule < 0)
		return "default";
	return json_get_text(json_object_array_get_idx(json_get(profile, "syscalls"), (size_t)rule),
			     "action");
}

static capability_set only(const char *name)
{
	return UINT64_C(1) << capability_parse(name);
}

static void a_call_is_allowed_to_those_who_hold_its_capability(void **state)
{
	static const char *const pairs[][2] = {
		{ "mount", "SYS_ADMIN" },
		{ "bpf", "BPF" },
		{ "bpf", "SYS_ADMIN" },
		{ "chroot", "SYS_CHROOT" },
		{ "reboot", "SYS_BOOT" },
		{ "acct", "SYS_PACCT" },
		{ "settimeofday", "SYS_TIME" },
		{ "init_module", "SYS_MODULE" },
		{ "open_by_handle_at", "DAC_READ_SEARCH" },
	};
	autojson none = seccomp_profile_default(0);

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		autojson with = seccomp_profile_default(only(pairs[i][1]));

		assert_string_equal(action_of(none, pairs[i][0]), "SCMP_ACT_ERRNO");
		assert_string_equal(action_of(with, pairs[i][0]), "SCMP_ACT_ALLOW");
	}
	assert_string_equal(action_of(none, "read"), "SCMP_ACT_ALLOW");
	assert_string_equal(action_of(none, "keyctl"), "SCMP_ACT_ERRNO");
	assert_string_equal(action_of(none, "socketcall"), "SCMP_ACT_ERRNO");
	assert_string_equal(action_of(none, "call_of_tomorrow"), "default");
}

static void no_call_is_named_by_two_rules_that_disagree(void **state)
{
	autojson profile = seccomp_profile_default(only("SYS_ADMIN"));
	struct json_object *rules = json_get(profile, "syscalls");
	struct json_object *allow = json_get(json_object_array_get_idx(rules, 0), "names");

	for (size_t i = 0; i < json_object_array_length(allow); i++) {
		autofree char *name =
			xstrdup(json_object_get_string(json_object_array_get_idx(allow, i)));

		json_object_array_put_idx(allow, i, json_object_new_string("-"));
		if (find_rule(profile, name) >= 0)
			fail_msg("%s is listed twice", name);
	}
}

/* What the child found out under the filter; the number of the first surprise, or 0. */
static int try_calls(void)
{
	if (syscall(SYS_getpid) <= 0)
		return 1;
	if (syscall(SYS_unshare, CLONE_NEWUSER) != -1 || errno != EPERM)
		return 2;
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		return 3;
	if (syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) != -1 || errno != EPERM)
		return 4;
	if (syscall(SYS_socket, AF_VSOCK, SOCK_STREAM, 0) != -1 || errno != EPERM)
		return 5;
	if (syscall(SYS_socket, AF_ALG, SOCK_SEQPACKET, 0) != -1 || errno != EPERM)
		return 11;
	if (syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) < 0)
		return 6;
	if (syscall(SYS_personality, ADDR_NO_RANDOMIZE) != -1)
		return 7;
	if (syscall(SYS_personality, UINT32_MAX) < 0)
		return 8;
	if (syscall(SYS_keyctl, 0, 0, 0, 0, 0) != -1 || errno != EPERM)
		return 9;
	if (syscall(1000) != -1 || errno != ENOSYS)
		return 10;
	return 0;
}

static void the_kernel_enforces_the_compiled_profile(void **state)
{
	autojson profile = seccomp_profile_default(0);
	autofree char *bpf = NULL;
	struct lxcri_error err = {};
	size_t size;
	int status;

	assert_int_equal(seccomp_compile(profile, &bpf, &size, &err), 0);

	struct sock_fprog program = {
		.len = (unsigned short)(size / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)bpf,
	};
	pid_t child = fork();

	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    prctl(PR_SET_SECCOMP, 2, &program) < 0)
			_exit(99);
		_exit(try_calls());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void what_cannot_be_compiled_ahead_is_named(void **state)
{
	static const char text[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{"
				   "\"names\":[\"read\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}";
	autojson profile = NULL;
	struct lxcri_error err = {};
	char *bpf = NULL;
	size_t size;

	assert_int_equal(json_parse(text, strlen(text), &json_limits_spec, &profile, &err), 0);
	assert_true(seccomp_compile(profile, &bpf, &size, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_UNSUPPORTED_OPERATION);
	assert_non_null(strstr(err.text, "SCMP_ACT_NOTIFY"));
}

static void a_profile_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"defaultAction\":\"SCMP_ACT_MAYBE\"}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_ABACUS\"]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		"\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":6,\"op\":\"SCMP_CMP_EQ\"}]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		"\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"op\":\"LIKE\"}]}]}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autojson profile = NULL;
		struct lxcri_error err = {};
		char *bpf = NULL;
		size_t size;

		assert_int_equal(
			json_parse(bad[i], strlen(bad[i]), &json_limits_spec, &profile, &err), 0);
		assert_true(seccomp_compile(profile, &bpf, &size, &err) < 0);
		assert_int_equal(err.code, LXCRI_E_INVALID_SPEC);
		assert_null(bpf);
	}
}

/* Returns the path of the only file in the cache, relative to the tree; owned by the caller. */
static char *cached_file(struct tree *tree)
{
	DIR *dir = fdopendir(openat(tree->fd, "cache/seccomp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	char *name = NULL;

	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		if (*entry->d_name == '.')
			continue;
		assert_null(name);
		name = xformat("cache/seccomp/%s", entry->d_name);
	}
	(void)closedir(dir);
	assert_non_null(name);
	return name;
}

static void the_cache_answers_as_the_compiler_does_and_mends_itself(void **state)
{
	autojson profile = seccomp_profile_default(0);
	autorun(tree_finish) struct tree tree;
	autofree char *first = NULL;
	autofree char *second = NULL;
	autofree char *third = NULL;
	autofree char *file = NULL;
	autofree char *cache = NULL;
	size_t sizes[3] = {};
	struct lxcri_error err = {};
	struct stat before, after, mended;

	tree_init(&tree);
	cache = xformat("%s/cache/seccomp", tree.path);
	assert_int_equal(seccomp_cache_get(cache, profile, &first, &sizes[0], &err), 0);
	file = cached_file(&tree);
	assert_int_equal(fstatat(tree.fd, file, &before, 0), 0);
	assert_int_equal(before.st_mode & 0777, 0600);

	assert_int_equal(seccomp_cache_get(cache, profile, &second, &sizes[1], &err), 0);
	assert_int_equal(sizes[0], sizes[1]);
	assert_memory_equal(first, second, sizes[0]);
	assert_int_equal(fstatat(tree.fd, file, &after, 0), 0);
	assert_true(before.st_ino == after.st_ino);

	/* One flipped bit of the program. */
	autoclose int fd = openat(tree.fd, file, O_RDWR | O_CLOEXEC);
	char byte;

	assert_int_equal(pread(fd, &byte, 1, 100), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 100), 1);
	assert_int_equal(seccomp_cache_get(cache, profile, &third, &sizes[2], &err), 0);
	assert_int_equal(sizes[0], sizes[2]);
	assert_memory_equal(first, third, sizes[0]);
	assert_int_equal(fstatat(tree.fd, file, &mended, 0), 0);
	assert_true(before.st_ino != mended.st_ino);
}

static void without_a_place_to_store_it_is_compiled_each_time(void **state)
{
	autojson profile = seccomp_profile_default(0);
	autofree char *bpf = NULL;
	size_t size = 0;
	struct lxcri_error err = {};

	assert_int_equal(seccomp_cache_get("/proc/version", profile, &bpf, &size, &err), 0);
	assert_true(size > 1000);
}

static void crun_is_given_the_program_instead_of_the_profile(void **state)
{
	autojson spec = json_object_new_object();
	autojson bare = json_object_new_object();
	struct json_object *part = json_object_new_object();
	autorun(tree_finish) struct tree tree;
	struct lxcri_error err = {};

	tree_init(&tree);
	json_object_object_add(spec, "linux", part);
	json_object_object_add(part, "seccomp", seccomp_profile_default(0));
	assert_int_equal(seccomp_annotate(tree.path, spec, &err), 0);
	assert_null(json_get(part, "seccomp"));
	assert_non_null(json_get_text(json_get(spec, "annotations"), "run.oci.seccomp_bpf_data"));

	assert_int_equal(seccomp_annotate(tree.path, bare, &err), 0);
	assert_int_equal(json_object_object_length(bare), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_allowed_to_those_who_hold_its_capability),
		cmocka_unit_test(no_call_is_named_by_two_rules_that_disagree),
		cmocka_unit_test(the_kernel_enforces_the_compiled_profile),
		cmocka_unit_test(what_cannot_be_compiled_ahead_is_named),
		cmocka_unit_test(a_profile_that_is_none_is_refused),
		cmocka_unit_test(the_cache_answers_as_the_compiler_does_and_mends_itself),
		cmocka_unit_test(without_a_place_to_store_it_is_compiled_each_time),
		cmocka_unit_test(crun_is_given_the_program_instead_of_the_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
