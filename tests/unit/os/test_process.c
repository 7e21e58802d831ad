/* SPDX-License-Identifier: MIT */
#include "os/process.h"
#include "test.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_that_was_killed_is_ending),
		cmocka_unit_test(another_signal_ends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
