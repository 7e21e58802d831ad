/* SPDX-License-Identifier: MIT */
/* Drives one container on LXC through the monitor's own table of functions, without a monitor:
 *
 *   lxc-driver HELPER-DIR BUNDLE RUN-DIR ID [CONSOLE-SOCKET]
 *
 * reads words from standard input, one a line, and answers each on descriptor 3 with one line:
 * "ok [number]" or "error CODE text". The words: create, start, wait, kill SIGNAL, kill-all SIGNAL,
 * pause, resume, exec FILE, wait-pid PID, keeper, remove. The container's streams are descriptors
 * 4, 5 and 6 of the driver. */

#include "base/scope.h"
#include "os/process.h"
#include "runtime/ops.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static void answer(long number, const struct lxcri_error *err)
{
	if (number < 0)
		dprintf(3, "error %s %s\n", lxcri_code_name(err->code), err->text);
	else
		dprintf(3, "ok %ld\n", number);
}

static long run_exec(struct runtime_container *container, const char *path, struct lxcri_error *err)
{
	struct runtime_exec exec = { .process_path = path, .stdio = { 4, 5, 6 } };

	if (container->terminal)
		exec.console_socket = container->console_socket;
	return container->ops->exec(container, &exec, err);
}

static long obey(struct runtime_container *container, const char *word, const char *argument,
		 struct lxcri_error *err)
{
	const struct runtime_ops *ops = container->ops;
	int number = atoi(argument);

	if (strcmp(word, "create") == 0)
		return ops->create(container, err) < 0 ? -1 : container->init;
	if (strcmp(word, "start") == 0)
		return ops->start(container, err);
	if (strcmp(word, "wait") == 0)
		return process_exit_code(process_wait(container->keeper));
	if (strcmp(word, "kill") == 0)
		return kill(container->init, number);
	if (strcmp(word, "kill-all") == 0)
		return ops->kill_all(container, number, err);
	if (strcmp(word, "pause") == 0)
		return ops->pause(container, err);
	if (strcmp(word, "resume") == 0)
		return ops->resume(container, err);
	if (strcmp(word, "exec") == 0)
		return run_exec(container, argument, err);
	if (strcmp(word, "wait-pid") == 0)
		return process_exit_code(process_wait(number));
	if (strcmp(word, "keeper") == 0)
		return container->keeper;
	if (strcmp(word, "remove") == 0)
		return ops->remove(container, err);
	return -1;
}

int main(int argc, char **argv)
{
	char line[4096];

	if (argc < 5)
		return 2;

	struct runtime_container container = {
		.ops = &runtime_lxc,
		.helper_dir = argv[1],
		.bundle = argv[2],
		.run_dir = argv[3],
		.id = argv[4],
		.console_socket = argc > 5 ? argv[5] : NULL,
		.terminal = argc > 5,
		.stdio = { 4, 5, 6 },
	};

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int fd = 3; fd < 7; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	while (fgets(line, sizeof(line), stdin)) {
		struct lxcri_error err = {};

		line[strcspn(line, "\n")] = '\0';

		char *argument = line + strcspn(line, " ");

		if (*argument)
			*argument++ = '\0';
		answer(obey(&container, line, argument, &err), &err);
	}
	return 0;
}
