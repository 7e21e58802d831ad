/* SPDX-License-Identifier: MIT */
/* lxcri-monitor: the process that stands between a container and the commands.
 *
 * It makes one container on one backend and stays as the parent of its processes. It carries their
 * standard streams into the log and to whoever is attached, answers commands on a socket in the run
 * directory, and records how the container ended. It is started by monitor_launch() with the
 * creator's connection as descriptor 3; until the creator commits, the end of that connection
 * undoes everything.
 *
 * One thread, one loop. What a backend needs to do in a process of its own happens in short-lived
 * children. */

#include "monitor/supervisor.h"

#include "base/version.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define CREATOR_FD 3

/* In static memory: untouched pages of its buffers cost nothing. */
static struct supervisor the_supervisor = {
	.run_dirfd = -1,
	.exit_dirfd = -1,
	.lock = -1,
	.state_lock = -1,
	.signals = -1,
};

static int adopt_creator(struct supervisor *supervisor)
{
	int flags = fcntl(CREATOR_FD, F_GETFL);

	if (flags < 0 || fcntl(CREATOR_FD, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(CREATOR_FD, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	clients_add_consume(&supervisor->clients, CREATOR_FD)->creator = true;
	return 0;
}

static int run(struct supervisor *supervisor, int argc, char **argv, struct lxcri_error *err)
{
	if (arguments_parse(&supervisor->arguments, argc, argv, err) < 0 ||
	    supervisor_setup(supervisor, err) < 0)
		return fail_as(err, LXCRI_E_CONTAINER_CREATE_FAILED, "create container %s",
			       supervisor->arguments.id ? supervisor->arguments.id : "");

	struct wire_created created = { .pid = (int32_t)supervisor->record.pid };

	client_send(&supervisor->clients.slots[0], WIRE_CREATED, &created, sizeof(created));
	supervisor_run(supervisor);
	return 0;
}

/* The last act: becomes the command that was given for the time after the end. Who was attached has
 * been told and does the same by himself. What fails here is left to the next command. */
static void run_exit_command(char **argv)
{
	static char *const no_env[] = { NULL };
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(argv[0], argv, no_env);
}

int main(int argc, char **argv)
{
	struct supervisor *supervisor = &the_supervisor;
	struct lxcri_error err = {};
	bool is_seen;
	int r;

	if (version_is_asked(argc, argv)) {
		(void)puts(VERSION_LINE("lxcri-monitor") "\nlibcrun " LIBCRUN_VERSION);
		return 0;
	}
	streams_init(&supervisor->streams);
	clients_init(&supervisor->clients);
	if (adopt_creator(supervisor) < 0)
		return 2; /* started by hand: there is nobody to tell */
	r = run(supervisor, argc, argv, &err);
	supervisor_finish(supervisor);
	/* Only here: who reads it finds nothing left. */
	if (r < 0)
		client_send_error(&supervisor->clients.slots[0], &err);
	is_seen = clients_have_attached(&supervisor->clients);
	clients_finish(&supervisor->clients);
	if (supervisor->concluded && !is_seen && supervisor->arguments.exit_command.count > 0)
		run_exit_command(supervisor->arguments.exit_command.items);
	return r < 0 ? 1 : 0;
}
