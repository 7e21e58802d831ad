/* SPDX-License-Identifier: MIT */
#include "os/process_list.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starts a process in a pid namespace of its own, with a child; returns its pid. */
static pid_t start_namespace(void)
{
	int own = open("/proc/self/ns/pid_for_children", O_RDONLY | O_CLOEXEC);
	pid_t outer = -1;
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(unshare(CLONE_NEWPID), 0);
	outer = fork();
	if (outer == 0) {
		/* A test that fails must not leave it holding the runner's pipe. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fork() >= 0 && write(ready[1], "", 1) == 1)
			for (;;)
				(void)pause();
		_exit(1);
	}
	assert_true(outer > 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	/* Later children shall be born here again: the leak checker's is one. */
	assert_int_equal(setns(own, CLONE_NEWPID), 0);
	close(own);
	close(ready[0]);
	close(ready[1]);
	return outer;
}

static void the_processes_of_a_namespace_are_listed_and_no_others(void **state)
{
	struct process_entry *entries = NULL;
	pid_t pid = start_namespace();
	ssize_t count = process_list(pid, &entries);

	assert_int_equal(count, 2);
	assert_int_equal(entries[0].pid, pid);
	assert_true(entries[1].pid > 0 && entries[1].pid != pid);
	assert_int_equal(entries[0].uid, geteuid());
	/* A long path is cut where the entry ends. */
	assert_true(entries[0].command[0] != '\0');
	assert_memory_equal(entries[0].command, program_invocation_name,
			    strlen(entries[0].command));
	free(entries);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(process_list(pid, &entries), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_processes_of_a_namespace_are_listed_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
