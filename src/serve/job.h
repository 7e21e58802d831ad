/* SPDX-License-Identifier: MIT */
#pragma once

/* A command that runs beside the loop. */

#include "serve/serve.h"

struct job;

/* How it ended. */
struct job_end {
	int exit_code;      /* 128 + signal when it was killed; -1: it took too long */
	const char *output; /* what it wrote, cut; "" where it is not kept */
};

typedef void (*job_fn)(void *userdata, const struct job_end *end);

struct job_options {
	const char *const *words; /* the verb and what follows it, ended by NULL */
	const char *program;      /* instead of the command; with all its words, or NULL */
	uint64_t timeout_us;      /* it is killed then; 0: never */
	const char *input;        /* what it reads; NULL: nothing */
	const char *pid_file;     /* of a process that is killed as well then; or NULL */
	size_t output_max;        /* how much of its output to keep */
	job_fn ended;             /* called once, unless the job is freed before */
	void *userdata;
};

/* Starts it. The caller owns *@ret_job, which `ended` may free. 0 or -errno. */
[[nodiscard]] int job_start(const struct serve_part *part, const struct job_options *options,
			    struct job **ret_job);

/* Forgets the job, whose process goes on; NULL is fine. */
void job_free(struct job *job);
DEFINE_AUTOPTR(job)
