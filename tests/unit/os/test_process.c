/* SPDX-License-Identifier: MIT */
#include "os/process.h"
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 200

static pid_t start_sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* A test that fails must not leave it holding the runner's pipe. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}
	assert_true(pid > 0);
	return pid;
}

/* From the moment on in which kill() returns, however far the kernel has got since. */
static void a_process_that_was_killed_is_ending(void **state)
{
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = start_sleeper();

		assert_false(process_is_ending(pid));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_true(process_is_ending(pid));
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_true(process_is_ending(pid));
	}
}

static void another_signal_ends_nothing(void **state)
{
	pid_t pid = start_sleeper();

	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_false(process_is_ending(pid));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Its number is still taken, by the group that it led. */
static void who_leaves_a_group_behind_is_gone(void **state)
{
	uint64_t start_time;
	pid_t leader = start_sleeper();
	pid_t member = start_sleeper();

	assert_int_equal(setpgid(leader, leader), 0);
	assert_int_equal(setpgid(member, leader), 0);
	assert_int_equal(process_start_time(leader, &start_time), 0);
	assert_int_equal(kill(leader, SIGKILL), 0);
	assert_int_equal(waitpid(leader, NULL, 0), leader);
	assert_int_equal(kill(-leader, 0), 0);
	assert_int_equal(process_open(leader), -ESRCH);
	assert_int_equal(process_signal(leader, start_time, SIGKILL), -ESRCH);
	assert_int_equal(kill(member, SIGKILL), 0);
	assert_int_equal(waitpid(member, NULL, 0), member);
	assert_int_equal(process_open(leader), -ESRCH);
	assert_int_equal(process_open(0), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_that_was_killed_is_ending),
		cmocka_unit_test(another_signal_ends_nothing),
		cmocka_unit_test(who_leaves_a_group_behind_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
