/* SPDX-License-Identifier: MIT */
#pragma once

/* The two things that lxcri-lxc does, each in a process of its own that the monitor starts. What
 * fails is sent over the sync socket of runtime/lxc/lxc_sync.h. */

#include "base/fail.h"

struct lxc_command {
	const char *id;
	const char *bundle;
	const char *run_dir;
	const char *shim;          /* path of lxcri-shim */
	const char *process_path;  /* exec: the JSON process object */
	const char *seccomp_cache; /* a directory for compiled filters, or NULL */
	const char *cgroups_path;  /* of its processes, in a scope; or NULL */
	int sync;                  /* to the monitor, or to the shim's successor */
	int console;               /* connected socket for the terminal's master; -1 without one */
	unsigned int preserve_fds;
};

/* Starts the container and stays until it has ended. Returns its exit code, 128 + signal. */
[[nodiscard]] int lxc_start(const struct lxc_command *command, struct lxcri_error *err);

/* Starts a further process, tells its pid, and leaves it to the monitor. Returns 0. */
[[nodiscard]] int lxc_exec(const struct lxc_command *command, struct lxcri_error *err);

/* Gives this process a mount namespace whose changes nobody else sees, in which liblxc may write
 * its lock files below /run/lxc and its log at LXC_LOG_PATH. *@ret_lxcpath, owned by the caller, is
 * a directory there that belongs to this container alone: containers of two run directories may
 * have one id, and liblxc's lock files are named by both. Its command socket gets its place too. */
[[nodiscard]] int lxc_go_private(const struct lxc_command *command, char **ret_lxcpath,
				 struct lxcri_error *err);

#define LXC_STATE_DIR "/run/lxc"
#define LXC_LOG_PATH  LXC_STATE_DIR "/log"
