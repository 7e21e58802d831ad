/* SPDX-License-Identifier: MIT */
#pragma once

/* One container on one backend, as its monitor sees it. A backend is a table of functions; the
 * monitor owns streams, log, state file, socket and the waiting, so that those are the same
 * everywhere. Calls block, and are made one at a time from the monitor's loop. */

#include "base/fail.h"

#include <stdbool.h>
#include <sys/types.h>

struct runtime_ops;

struct runtime_container {
	const struct runtime_ops *ops;
	const char *id;
	const char *bundle;       /* absolute; config.json is there, "rootfs" is mounted */
	const char *run_dir;      /* absolute; the backend may keep files in <run_dir>/runtime/ */
	const char *runtime_path; /* the program of a command-line runtime, or NULL */
	const char *helper_dir;   /* where our own executables lie */
	const char
		*console_socket; /* where the backend sends the master of the terminal; or NULL */
	int stdio[3];            /* what the container's process gets; unused with a terminal */
	unsigned int preserve_fds;
	bool terminal;
	bool systemd_cgroup;      /* the program asks systemd for cgroups itself */
	const char *cgroups_path; /* wins over linux.cgroupsPath; or NULL */

	pid_t init; /* its first process; set by create; a child of the monitor, or see `keeper` */
	pid_t keeper;  /* the child whose end is the container's end, and that ends as the user's
			  process did; = init unless a backend needs a process in between (liblxc) */
	void *backend; /* whatever the backend keeps between calls */
};

/* A process object may have as many bytes; a specification of ours has a few thousand. */
#define PROCESS_BYTES_MAX (4u << 20)

/* To enter a container takes milliseconds, unless somebody has frozen it, or stops whoever comes.
 * The monitor does nothing else meanwhile. */
#define RUNTIME_EXEC_TIMEOUT_MS 10000

struct runtime_exec {
	const char *process_path;   /* absolute path of the JSON process object */
	const char *console_socket; /* NULL without a terminal */
	bool detach;
	int stdio[3];
};

struct runtime_ops {
	const char *name;

	/* Creates the container; returns with `init` and `keeper` set and the user's process not
	 * yet running. On failure it has undone what it did. */
	int (*create)(struct runtime_container *container, struct lxcri_error *err);

	/* Lets the user's process run. LXCRI_E_COMMAND_NOT_FOUND or
	 * LXCRI_E_COMMAND_NOT_EXECUTABLE where the backend can tell. */
	int (*start)(struct runtime_container *container, struct lxcri_error *err);

	/* Signals every process of the container. (One process is signalled by the monitor.) */
	int (*kill_all)(struct runtime_container *container, int signal, struct lxcri_error *err);

	int (*pause)(struct runtime_container *container, struct lxcri_error *err);
	int (*resume)(struct runtime_container *container, struct lxcri_error *err);

	/* Starts a child of the monitor whose exit status is that of the further process (126 and
	 * 127 as in a shell). Returns its pid. */
	pid_t (*exec)(struct runtime_container *container, const struct runtime_exec *exec,
		      struct lxcri_error *err);

	/* Gives back everything that create made, once no process is left. Idempotent, and right
	 * for a half-made container. */
	int (*remove)(struct runtime_container *container, struct lxcri_error *err);
};

extern const struct runtime_ops runtime_crun;    /* libcrun, in short-lived children */
extern const struct runtime_ops runtime_oci_cli; /* runc's command line */
extern const struct runtime_ops runtime_lxc;     /* liblxc, in a process of its own */
