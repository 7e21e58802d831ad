/* SPDX-License-Identifier: MIT */
#pragma once

/* The output of the program in a container of Proxmox VE, and how it went: in files of a directory
 * of its root file system that root of the container alone may read (runtime/ct_signal.h). What is
 * written is shown on the console as well, which nobody may be reading. */

#include "monitor/log_writer.h"

#include <stdbool.h>

struct ct_output {
	struct log_writer log;
	int dir;        /* of the files; -1: they cannot be had */
	int pipes[2];   /* of stdout and stderr, ours; -1 once they have ended */
	int writers[2]; /* the program's ends, until it has them */
	int console;    /* -1: it shows nothing */
	bool has_console;
	int64_t started_ns;
};

/* Makes ready for a run, of which nothing is known yet. With @limits->files 0 there is no log; with
 * @has_console the program gets the console and there is none either. A disk that is full keeps no
 * program from running: then nothing is kept. */
void ct_output_open(struct ct_output *output, const struct log_limits *limits, bool has_console);

/* Gives the calling process, which is to become the program, its streams. */
void ct_output_become(struct ct_output *output);

/* To be called once the program has its own ends. */
void ct_output_begin(struct ct_output *output);

/* Carries what comes until @other can be read. */
void ct_output_carry(struct ct_output *output, int other);

/* Takes what is still there, and writes down that it ended with @code. */
void ct_output_end(struct ct_output *output, int code);
