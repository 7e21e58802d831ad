/* SPDX-License-Identifier: MIT */
#pragma once

/* The process of a runtime specification: what runs, as whom, with which privileges. All is
 * borrowed from the specification; an absent object is NULL. */

#include "oci/spec_read.h"

struct spec_user {
	uint32_t uid;
	uint32_t gid;
	struct spec_u64 umask;
	uint32_t *additional_gids;
	size_t n_additional_gids;
};

/* The five sets, as names ("CAP_KILL"). An absent set is an empty one. */
struct spec_capabilities {
	struct spec_strings bounding;
	struct spec_strings effective;
	struct spec_strings inheritable;
	struct spec_strings permitted;
	struct spec_strings ambient;
};

struct spec_rlimit {
	const char *type; /* "RLIMIT_NOFILE" */
	uint64_t soft;    /* UINT64_MAX is no limit */
	uint64_t hard;
};

struct spec_scheduler {
	const char *policy; /* "SCHED_BATCH" */
	struct spec_i64 nice;
	struct spec_i64 priority;
	struct spec_strings flags;
	struct spec_u64 runtime;
	struct spec_u64 deadline;
	struct spec_u64 period;
};

struct spec_io_priority {
	const char *class_name; /* "IOPRIO_CLASS_BE" */
	int64_t priority;
};

struct spec_process {
	bool terminal;
	bool no_new_privileges;
	uint64_t console_height; /* 0 unless given */
	uint64_t console_width;
	struct spec_user user;    /* root when absent */
	const char *cwd;          /* absolute */
	struct spec_strings args; /* at least one */
	struct spec_strings env;  /* each NAME=VALUE; a value may hold line breaks */
	const struct spec_capabilities *capabilities; /* NULL: the runtime's choice */
	struct spec_rlimit *rlimits;
	size_t n_rlimits;
	const char *apparmor_profile;
	const char *selinux_label;
	struct spec_i64 oom_score_adj;
	const struct spec_scheduler *scheduler;
	const struct spec_io_priority *io_priority;
	const char *cpu_affinity_initial; /* of execCPUAffinity */
	const char *cpu_affinity_final;
};

/* Returns the process that the validated @object describes, owned by @pool; NULL for NULL. Exec
 * uses it for a process object of its own. */
struct spec_process *spec_process_read(struct spec_pool *pool, struct json_object *object);
