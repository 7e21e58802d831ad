/* SPDX-License-Identifier: MIT */
#pragma once

/* All that one monitor process knows: it has one container, so there is one of these. */

#include "base/strings.h"
#include "monitor/clients.h"
#include "monitor/lease.h"
#include "monitor/record.h"
#include "monitor/streams.h"
#include "os/id_map.h"
#include "runtime/ops.h"

#include <stdbool.h>

#define EXECS_MAX 64

/* What the command line said. */
struct arguments {
	const char *id;
	const struct runtime_ops *ops;
	const char *bundle;
	const char *run_dir;
	const char *exit_dir;
	const char *log_path;
	struct log_limits log_limits;
	const char *journal;
	const char *events; /* the directory where they are told, or NULL */
	const char *image;
	const char *helper_dir;
	const char *runtime_path;
	const char *console_socket;
	const char *rootfs; /* where one of the three is mounted; NULL: the bundle's own */
	struct strings lowers;
	const char *dataset;
	const char *directory;
	struct strings parts; /* of directories: one, and a path in it, by turns */
	struct id_map owners; /* of the container's files; empty: the host's */
	struct strings exit_command;
	const char *upper;
	const char *work;
	const char *cgroups_path;
	const char *slice;
	const char *scope;
	struct strings scope_properties;
	unsigned int preserve_fds;
	bool terminal;
	bool open_stdin;
	bool inherit;
	bool systemd_cgroup;
	bool shifted; /* the files belong to the owners' ids on the disk */
};

/* A further process of the container. */
struct exec_slot {
	pid_t pid;             /* 0: free */
	struct client *client; /* who waits for its end; NULL: nobody */
	uint32_t serial;       /* of that client */
};

struct supervisor {
	struct arguments arguments;
	int run_dirfd;
	int exit_dirfd;
	int lock;
	int state_lock; /* of what the record was written to; -1: nothing yet */
	int signals;    /* a signalfd */
	struct runtime_container container;
	char *console_path; /* of the socket on which the backend sends us the terminal */
	struct streams streams;
	struct clients clients;
	struct record record;
	struct leases leases;
	struct exec_slot execs[EXECS_MAX];
	bool rootfs_mounted;
	bool created;   /* the backend holds a container */
	bool committed; /* it may outlive the creator's connection */
	bool abandoned; /* the creator went away before */
	bool ended;     /* the keeper has ended */
	bool concluded; /* that is recorded, of a container that was committed */
};

/* Reads the command line. */
[[nodiscard]] int arguments_parse(struct arguments *arguments, int argc, char **argv,
				  struct lxcri_error *err);

/* Does all that leads to a created container; an error names the step. What was done is undone by
 * supervisor_finish(). */
[[nodiscard]] int supervisor_setup(struct supervisor *supervisor, struct lxcri_error *err);

/* Serves until the container has ended and everyone who waits for that knows it. */
void supervisor_run(struct supervisor *supervisor);

/* Ends the container if it still is, and gives everything back but the clients. Safe to repeat, and
 * right for a half-made supervisor. Unless the creation was committed no file is left. */
void supervisor_finish(struct supervisor *supervisor);

/* Handles one message of @client. */
void request_handle(struct supervisor *supervisor, struct client *client,
		    const struct wire_header *header, const char *body, const int *fds,
		    size_t n_fds);

/* Frees the slot of the further process @pid and tells its client. */
void request_exec_ended(struct supervisor *supervisor, pid_t pid, int wait_status);
