/* SPDX-License-Identifier: MIT */
#pragma once

/* The frame of a process that deals with images: see image/worker.h for what it answers. */

#include "base/fail.h"
#include "base/json.h"

/* What such a process does with its arguments: it adds members to @result. */
typedef int worker_run_fn(int argc, char **argv, struct json_object *result,
			  struct lxcri_error *err);

/* Runs @run and writes the answer, or why it failed, to standard output. The process ends with who
 * started it. Returns the exit status. */
int worker_serve(worker_run_fn *run, int argc, char **argv);
