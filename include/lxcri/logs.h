/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_LOGS_H
#define LXCRI_LOGS_H

/* What is kept of the output of containers. */

#include <lxcri/error.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_container;

/* Where the log is kept. */
enum lxcri_log_driver {
	LXCRI_LOG_DEFAULT, /* as the configuration says */
	LXCRI_LOG_FILE,    /* in files that are rotated */
	LXCRI_LOG_JOURNALD,
	LXCRI_LOG_NONE,
};

/* Reads "file", "journald" or "none"; "k8s-file" and "json-file", the names that others give to
 * logs in files, mean "file". LXCRI_E_INVALID_ARGUMENT for another word. */
int lxcri_log_driver_parse(const char *name, enum lxcri_log_driver *ret_driver,
			   struct lxcri_error *err);

struct lxcri_log_options {
	int64_t tail;     /* this many lines at the end; < 0: all */
	int64_t since_ns; /* from this moment on, in nanoseconds since the epoch; 0: all */
	int64_t until_ns; /* up to this moment; 0: all */
	bool follow;      /* go on until the container has stopped */
	bool timestamps;  /* each line begins with its time (RFC 3339) */
	bool no_stdout;   /* leave out what the container wrote to its standard output */
	bool no_stderr;   /* or to its standard error */
};

/* Sends the log of a container to @fd_out and @fd_err: the lines of its standard output and error
 * apart, in order, as far as the options choose them. A container without a log is
 * LXCRI_E_UNSUPPORTED_OPERATION. A reader of @fd_out that has gone is an end and no failure. */
int lxcri_container_logs(struct lxcri_container *container, const struct lxcri_log_options *options,
			 int fd_out, int fd_err, struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
