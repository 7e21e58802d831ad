/* SPDX-License-Identifier: MIT */
/* What the kernel is asked for, by a kernel that refuses one thing after the other. */
#include "engine/doctor/doctor.h"

#include "base/mem.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* How one check ended, seen by a child that has the filter. */
struct outcome {
	const char *check;
	int health; /* -1 until it is reported */
};

static void note(void *userdata, const struct lxcri_finding *finding)
{
	struct outcome *outcome = userdata;

	if (strcmp(finding->check, outcome->check) == 0)
		outcome->health = (int)finding->health;
}

/* Makes the calls named by @syscall_name fail with @errnum for the rest of the process. */
static void deny(const char *syscall_name, int errnum)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int number = seccomp_syscall_resolve_name(syscall_name);

	(void)seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)errnum), number, 0);
	if (seccomp_load(filter) < 0)
		_exit(99);
	seccomp_release(filter);
}

/* Returns how @check ends where @syscall_name (NULL: nothing) fails with @errnum. */
static int health_without(const char *check, const char *syscall_name, int errnum)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct outcome outcome = { .check = check, .health = -1 };
		struct doctor doctor = { .report = note, .userdata = &outcome };

		if (syscall_name)
			deny(syscall_name, errnum);
		doctor_kernel(&doctor);
		_exit(outcome.health + 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) - 1;
}

static void what_the_kernel_refuses_is_told(void **state)
{
	static const struct {
		const char *check, *syscall_name;
		enum lxcri_health health;
	} cases[] = {
		{ "kernel.overlay", "fsopen", LXCRI_HEALTH_WARNING },
		{ "kernel.user_namespaces", "unshare", LXCRI_HEALTH_WARNING },
		{ "kernel.mount_setattr", "mount_setattr", LXCRI_HEALTH_FAULT },
		{ "kernel.open_tree", "open_tree", LXCRI_HEALTH_FAULT },
		{ "kernel.memfd", "memfd_create", LXCRI_HEALTH_FAULT },
		{ "kernel.openat2", "openat2", LXCRI_HEALTH_FAULT },
		{ "kernel.pidfd", "pidfd_open", LXCRI_HEALTH_FAULT },
		{ "kernel.clone3", "clone3", LXCRI_HEALTH_WARNING },
		{ "kernel.close_range", "close_range", LXCRI_HEALTH_FAULT },
		{ "kernel.landlock", "landlock_create_ruleset", LXCRI_HEALTH_WARNING },
		{ "kernel.seccomp", "seccomp", LXCRI_HEALTH_FAULT },
		{ "kernel.version", "uname", LXCRI_HEALTH_WARNING },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(health_without(cases[i].check, cases[i].syscall_name, ENOSYS),
				 cases[i].health);
		/* As an engine that denies what it does not know answers. */
		assert_int_equal(health_without(cases[i].check, cases[i].syscall_name, EPERM),
				 cases[i].health);
	}
}

static void what_the_kernel_has_is_in_order(void **state)
{
	assert_int_equal(health_without("kernel.openat2", NULL, 0), LXCRI_HEALTH_OK);
	assert_int_equal(health_without("kernel.openat2", "pidfd_open", ENOSYS), LXCRI_HEALTH_OK);
	assert_int_equal(health_without("kernel.clone3", NULL, 0), LXCRI_HEALTH_OK);
	assert_int_equal(health_without("kernel.mount_setattr", NULL, 0), LXCRI_HEALTH_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_kernel_refuses_is_told),
		cmocka_unit_test(what_the_kernel_has_is_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
