/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_EXEC_H
#define LXCRI_EXEC_H

/* Further processes in a container. */

#include <lxcri/error.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_container;

/* A further process. Zeroed members mean: as the container's own process. */
struct lxcri_exec_options {
	const char *const *args;  /* required, ended by NULL, unless process_json */
	const char *process_json; /* a whole process object of the runtime specification */
	const char *const *env;   /* added to the container's */
	const char *working_dir;
	const char *user;
	bool terminal;
	bool open_stdin;            /* pass the caller's standard input on */
	bool detach;                /* return once it runs */
	const char *console_socket; /* as in create */
	const char *pid_file;
};

/* Runs a further process in a running container with the caller's standard streams. Returns its
 * exit code, 0 when detached. LXCRI_E_INVALID_STATE unless running (paused is refused);
 * LXCRI_E_COMMAND_NOT_FOUND, LXCRI_E_COMMAND_NOT_EXECUTABLE. */
int lxcri_container_exec(struct lxcri_container *container,
			 const struct lxcri_exec_options *options, struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
