/* SPDX-License-Identifier: MIT */
/* A small init, the first process of a container that asked for one: lxcri-init [--] COMMAND...
 *
 * The kernel treats process 1 of a PID namespace specially: signals that it has no handler for do
 * nothing to it, and every orphan becomes its child. Programs that were not written for this ignore
 * SIGTERM and gather zombies. This one starts the program as process 2, passes every signal on to
 * it, reaps whatever ends, and ends as the program ended. It is static, allocates nothing and opens
 * nothing. */

#include "base/version.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* As a shell reports a program that is not there, or that cannot be run. */
#define EXIT_NOT_FOUND      127
#define EXIT_NOT_EXECUTABLE 126

/* Becomes the program. Does not return. */
[[gnu::noreturn]] static void run(char **argv, const sigset_t *original)
{
	/* A process group of its own, in front on the terminal if there is one: what is typed there
	 * then signals the program directly, and not once more through us. Taking the front from
	 * behind raises SIGTTOU, which is still blocked. */
	(void)setpgid(0, 0);
	(void)tcsetpgrp(STDIN_FILENO, getpgrp());
	(void)sigprocmask(SIG_SETMASK, original, NULL);
	(void)execvp(argv[0], argv);

	int problem = errno;

	(void)fprintf(stderr, "lxcri-init: %s: %s\n", argv[0], strerror(problem));
	_exit(problem == ENOENT || problem == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* Reaps all that have ended. Once the program is among them, returns what to exit with; else -1. */
static int reap(pid_t program)
{
	int status;
	int code = -1;

	for (;;) {
		pid_t ended = waitpid(-1, &status, WNOHANG);

		/* Zero: children are left, none has ended. ECHILD: none is left. */
		if (ended <= 0)
			return code;
		if (ended == program)
			code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

int main(int argc, char **argv)
{
	sigset_t all, original;

	if (version_is_asked(argc, argv))
		return puts(VERSION_LINE("lxcri-init")) < 0;
	argv++;
	if (*argv && strcmp(*argv, "--") == 0)
		argv++;
	if (!*argv) {
		(void)fputs("lxcri-init: no command given\n", stderr);
		return EXIT_NOT_FOUND;
	}

	/* Everything is blocked and fetched one by one: no handler, nothing that could be lost
	 * between two lines. What our own faults raise cannot be blocked usefully. */
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGSEGV);
	(void)sigdelset(&all, SIGBUS);
	(void)sigdelset(&all, SIGFPE);
	(void)sigdelset(&all, SIGILL);
	if (sigprocmask(SIG_BLOCK, &all, &original) < 0)
		return EXIT_NOT_EXECUTABLE;

	/* An ignored SIGCHLD, which we may have been given, would let the kernel reap in our place
	 * and keep the exit status from us. */
	(void)signal(SIGCHLD, SIG_DFL);

	pid_t program = fork();

	if (program < 0) {
		perror("lxcri-init: fork");
		return EXIT_NOT_EXECUTABLE;
	}
	if (program == 0)
		run(argv, &original);

	/* The program may close its end of a pipe or its terminal and expect who reads to notice:
	 * we must not hold it open. Standard error stays for the shell's kind of message. */
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);

	for (;;) {
		int number = sigwaitinfo(&all, NULL);

		if (number == SIGCHLD) {
			int code = reap(program);

			if (code >= 0)
				return code;
		} else if (number > 0) {
			/* It may have ended in this moment; SIGCHLD is then the next to come. */
			(void)kill(program, number);
		}
	}
}
