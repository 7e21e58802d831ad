/* SPDX-License-Identifier: MIT */
/* Calls of lxcri-lxc about a container of Proxmox VE. */

#include "engine/ct/ct_node.h"

#include "base/mem.h"
#include "config/config.h"
#include "os/helper.h"
#include "os/process.h"
#include "os/socket.h"
#include "runtime/lxc/lxc_sync.h"

#include <string.h>

enum descriptor { FD_SYNC = 3, FD_PROCESS, FD_CONSOLE, FD_COUNT };

static pid_t spawn_helper(const struct lxcri_engine *engine, const struct ct_place *place,
			  const struct ct_helper *helper, int sync)
{
	autofree char *path = helper_path("lxcri-lxc");
	autofree char *name = xformat("%u", place->vmid);
	char *argv[16] = {
		"lxcri-lxc", (char *)helper->verb,
		"--name",    name,
		"--lxcpath", (char *)config_text(engine->config, CONFIG_PROXMOX_LXC_DIRECTORY),
		"--sync-fd", "3",
	};
	int n = 8;
	const int fds[FD_COUNT] = {
		helper->streams[0],
		helper->streams[1],
		helper->streams[2],
		[FD_SYNC] = sync,
		[FD_PROCESS] = helper->process,
		[FD_CONSOLE] = helper->console,
	};
	const struct spawn spawn = {
		.path = path,
		.argv = argv,
		.env = environ,
		.fds = fds,
		.n_fds = FD_COUNT,
		.dies_with_us = !helper->detach,
	};

	if (helper->process >= 0) {
		argv[n++] = "--process-fd";
		argv[n++] = "4";
	}
	if (helper->console >= 0) {
		argv[n++] = "--console-fd";
		argv[n++] = "5";
	}
	if (helper->detach)
		argv[n++] = "--detach";
	return process_spawn(&spawn);
}

pid_t ct_helper_start(const struct lxcri_engine *engine, const struct ct_place *place,
		      const struct ct_helper *helper, pid_t *ret_pid, struct lxcri_error *err)
{
	struct lxc_sync message;
	int ends[2];
	int r = socket_pair(ends);
	pid_t child;
	ssize_t got;

	if (r < 0)
		return fail_errno(err, r, "make a socket");

	autoclose int ours = ends[0];
	autoclose int theirs = ends[1];

	child = spawn_helper(engine, place, helper, theirs);
	closep(&theirs);
	if (child < 0)
		return fail_code_errno(err, LXCRI_E_RUNTIME_NOT_FOUND, child, "start lxcri-lxc");
	got = socket_receive(ours, &message, sizeof(message), NULL, NULL, 0);
	if (got == sizeof(message) && message.type == LXC_SYNC_PID) {
		*ret_pid = message.pid;
		return child;
	}
	(void)process_wait(child);
	if (got == sizeof(message) && message.error.code != LXCRI_E_NONE) {
		*err = message.error;
		return -1;
	}
	return fail(err, LXCRI_E_SYSTEM, "lxcri-lxc ended without an answer");
}

int ct_helper_run(const struct lxcri_engine *engine, const struct ct_place *place, const char *verb,
		  pid_t *ret_pid, struct lxcri_error *err)
{
	struct ct_helper helper = CT_HELPER_NULL;
	pid_t child;

	helper.verb = verb;
	child = ct_helper_start(engine, place, &helper, ret_pid, err);
	if (child < 0)
		return -1;
	(void)process_wait(child);
	return 0;
}
