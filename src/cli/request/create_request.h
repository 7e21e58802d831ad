/* SPDX-License-Identifier: MIT */
#pragma once

/* The options of run and create, and what they become. */

#include "base/strings.h"
#include "cli/cli.h"
#include "cli/request/limit_options.h"
#include "cli/request/network_options.h"
#include "cli/request/service_options.h"
#include "lxcri/container.h"

/* As the command line has them; filled by create_options[]. */
struct create_options {
	bool detach;
	bool remove;
	bool terminal;
	bool interactive;
	bool read_only;
	bool init;
	bool no_pivot;
	bool no_new_keyring;
	bool keep;
	const char *bundle;
	const char *image;
	const char *pull;
	const char *name;
	const char *console_socket;
	const char *pid_file;
	const char *entrypoint;
	const char *working_dir;
	const char *user;
	const char *hostname;
	const char *userns;
	const char *node;
	bool privileged;
	const char *log_driver;
	int stop_signal; /* 0: not given */
	int preserve_fds;
	struct strings env;
	struct strings env_files;
	struct strings log_options;
	struct strings volumes;
	struct strings mounts;
	struct strings tmpfs;
	struct strings devices;
	struct strings group_add;
	struct strings add_hosts;
	struct strings ulimits;
	struct strings cap_add;
	struct strings cap_drop;
	struct strings security;
	struct strings labels;
	struct strings annotations;
	const char *cgroup_parent;
	const char *oom_score_adj;
	uint64_t shm_bytes;
	struct network_options network;
	struct limit_options limits;
	struct service_options service;
};

/* The table that fills a struct create_options. */
extern const struct option_entry create_option_table[];

/* The same as the engine wants it. Zeroed is empty. */
struct create_request {
	struct lxcri_create_options options; /* points into what follows */
	struct strings env;
	struct strings texts; /* pieces of values */
	struct strings tmpfs;
	size_t n_volumes;
	char *resources; /* the limits, as JSON; or NULL */
	int oom_score_adj;
	struct service_request service;
	struct strings entrypoint;
	struct lxcri_volume *volumes;
	struct lxcri_device *devices;
	struct lxcri_rlimit *rlimits;
	struct lxcri_port *ports;
};

/* Fills @ret_request from @options, which must outlive it; id, bundle, image, command and stdio are
 * left to the caller. A malformed value is LXCRI_E_INVALID_ARGUMENT naming its option. The caller
 * ends *@ret_request with create_request_finish(), also after a failure. */
[[nodiscard]] int create_request_fill(const struct create_options *options,
				      struct create_request *ret_request, struct lxcri_error *err);

/* Reads the value of --pull, NULL for none. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int create_request_pull(const char *value, enum lxcri_pull_policy *ret,
				      struct lxcri_error *err);

/* Frees what @request holds. Safe to repeat. */
void create_request_finish(struct create_request *request);
