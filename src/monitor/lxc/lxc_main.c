/* SPDX-License-Identifier: MIT */
/* lxcri-lxc: the only program that loads liblxc. The monitor starts it, and a command that has to
 * do with a container of Proxmox VE on its node; it is not for users. */

#include "monitor/lxc/lxc_command.h"

#include "base/scope.h"
#include "base/text.h"
#include "base/version.h"
#include "monitor/lxc/lxc_ct.h"
#include "monitor/lxc/lxc_library.h"
#include "os/socket.h"
#include "runtime/lxc/lxc_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum option_value {
	OPTION_ID = 256,
	OPTION_BUNDLE,
	OPTION_RUN_DIR,
	OPTION_SHIM,
	OPTION_PROCESS,
	OPTION_SECCOMP_CACHE,
	OPTION_CGROUPS_PATH,
	OPTION_SYNC_FD,
	OPTION_CONSOLE_FD,
	OPTION_PRESERVE_FDS,
};

static const struct option long_options[] = {
	{ "id", required_argument, NULL, OPTION_ID },
	{ "bundle", required_argument, NULL, OPTION_BUNDLE },
	{ "run-dir", required_argument, NULL, OPTION_RUN_DIR },
	{ "shim", required_argument, NULL, OPTION_SHIM },
	{ "process", required_argument, NULL, OPTION_PROCESS },
	{ "seccomp-cache", required_argument, NULL, OPTION_SECCOMP_CACHE },
	{ "cgroups-path", required_argument, NULL, OPTION_CGROUPS_PATH },
	{ "sync-fd", required_argument, NULL, OPTION_SYNC_FD },
	{ "console-fd", required_argument, NULL, OPTION_CONSOLE_FD },
	{ "preserve-fds", required_argument, NULL, OPTION_PRESERVE_FDS },
	{},
};

static int take_number(const char *text, int *ret)
{
	uint64_t number;
	int r = text_parse_u64(text, 0, INT32_MAX, &number);

	if (r == 0)
		*ret = (int)number;
	return r;
}

static int take_option(struct lxc_command *command, int option, const char *value)
{
	int number = 0;

	switch (option) {
	case OPTION_ID:
		command->id = value;
		return 0;
	case OPTION_BUNDLE:
		command->bundle = value;
		return 0;
	case OPTION_RUN_DIR:
		command->run_dir = value;
		return 0;
	case OPTION_SHIM:
		command->shim = value;
		return 0;
	case OPTION_PROCESS:
		command->process_path = value;
		return 0;
	case OPTION_SECCOMP_CACHE:
		command->seccomp_cache = value;
		return 0;
	case OPTION_CGROUPS_PATH:
		command->cgroups_path = value;
		return *value == '/' && strchr(value + 1, '/') ? 0 : -EINVAL;
	case OPTION_SYNC_FD:
		return take_number(value, &command->sync);
	case OPTION_CONSOLE_FD:
		return take_number(value, &command->console);
	case OPTION_PRESERVE_FDS:
		if (take_number(value, &number) < 0)
			return -EINVAL;
		command->preserve_fds = (unsigned int)number;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse(struct lxc_command *command, int argc, char **argv)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+", long_options, NULL)) >= 0)
		if (take_option(command, option, optarg) < 0)
			return -EINVAL;
	return command->id && command->run_dir && command->sync >= 3 && optind == argc ? 0
										       : -EINVAL;
}

/* Without liblxc the first line is all there is to say. */
static int print_versions(void)
{
	struct lxcri_error err = {};
	const char *liblxc = lxc_library_version(&err);

	(void)puts(VERSION_LINE("lxcri-lxc"));
	if (liblxc)
		(void)printf("liblxc %s\n", liblxc);
	else
		(void)puts(err.text);
	return 0;
}

int main(int argc, char **argv)
{
	struct lxc_command command = { .sync = -1, .console = -1 };
	struct lxc_sync message = { .type = LXC_SYNC_FAILED };
	bool start = argc > 1 && strcmp(argv[1], "start") == 0;
	int r;

	if (version_is_asked(argc, argv))
		return print_versions();
	if (argc > 1 && strncmp(argv[1], "ct-", 3) == 0)
		return lxc_ct_main(argc - 1, argv + 1);
	if (argc < 2 || (!start && strcmp(argv[1], "exec") != 0) ||
	    parse(&command, argc - 1, argv + 1) < 0)
		return 2;
	/* It is executed through a descriptor, whose number would be its name. */
	(void)prctl(PR_SET_NAME, "lxcri-lxc");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A monitor that died before that sends no signal any more, but its end is closed. */
	if (recv(command.sync, &r, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		return 1;
	(void)fcntl(command.sync, F_SETFD, FD_CLOEXEC);
	if (command.console >= 0)
		(void)fcntl(command.console, F_SETFD, FD_CLOEXEC);
	r = start ? lxc_start(&command, &message.error) : lxc_exec(&command, &message.error);
	if (r >= 0)
		return r;
	(void)socket_send(command.sync, &message, sizeof(message), NULL, 0);
	return 1;
}
