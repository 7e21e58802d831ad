/* SPDX-License-Identifier: MIT */
#pragma once

/* What the first process of an LXC container is to do, worked out on the host from config.json and
 * handed to it as bytes: the shim has no JSON parser, and nothing that it reads is a line. The
 * monitor keeps the same bytes for the hooks that it runs itself.
 *
 * A plan owns everything that its pointers lead to; lxc_plan_finish() ends it. Both ends are of one
 * build, so numbers are native and there is no version to negotiate. */

#include "base/fail.h"
#include "base/strings.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define LXC_PLAN_BYTES_MAX (16u << 20)

enum lxc_plan_mount_flag {
	LXC_MOUNT_BIND = 1 << 0,      /* the tree to attach is sent along, in the order of mounts */
	LXC_MOUNT_RECURSIVE = 1 << 1, /* a bind with all that is mounted below */
	LXC_MOUNT_COPY_UP = 1 << 2,   /* a tmpfs begins with what its directory held */
	LXC_MOUNT_PROPAGATE_ALL = 1 << 3, /* the propagation is that of mounts below as well */
	LXC_MOUNT_MAPPED = 1 << 4,     /* a bind whose owners are mapped as the container's ids */
	LXC_MOUNT_MAPPED_ALL = 1 << 5, /* and those of mounts below as well */
};

struct lxc_plan_mount {
	char *destination; /* absolute, in the container */
	char *type;
	char *source;        /* or NULL */
	struct strings data; /* options that are the file system's own */
	uint32_t flags;      /* LXC_MOUNT_* */
	uint64_t set;        /* MOUNT_ATTR_* of the mount alone */
	uint64_t clear;
	uint64_t set_all; /* of it and of all below */
	uint64_t clear_all;
	uint64_t propagation; /* MS_PRIVATE, … or 0: private */
};

struct lxc_plan_device {
	char *path;
	uint32_t mode; /* with its S_IFMT */
	uint32_t major;
	uint32_t minor;
	uint32_t uid;
	uint32_t gid;
};

struct lxc_plan_hook {
	char *path;
	struct strings args;
	struct strings env;
	uint32_t timeout_seconds; /* 0: none */
};

struct lxc_plan_hooks {
	struct lxc_plan_hook *items;
	size_t count;
};

struct lxc_plan_rlimit {
	uint32_t resource;
	uint64_t soft;
	uint64_t hard;
};

/* A process of the container: its first, or a further one. */
struct lxc_plan_process {
	struct strings args;
	struct strings env;
	char *cwd;
	uint32_t uid;
	uint32_t gid;
	uint32_t *groups;
	size_t n_groups;
	uint32_t umask; /* UINT32_MAX: as it is */
	struct lxc_plan_rlimit *rlimits;
	size_t n_rlimits;
	uint64_t bounding; /* capabilities, one bit each */
	uint64_t permitted;
	uint64_t effective;
	uint64_t inheritable;
	uint64_t ambient;
	bool no_new_privileges;
	bool terminal;
	uint16_t rows; /* 0: as it is */
	uint16_t columns;
	uint32_t oom_score_adj; /* an int32_t; INT32_MIN: as it is. Of further processes only */
	uint64_t personality;   /* UINT64_MAX: as it is */
	char *apparmor;         /* profile, or NULL */
	char *seccomp;          /* struct sock_filter[], or NULL */
	size_t seccomp_size;    /* bytes */
	uint32_t seccomp_flags; /* SECCOMP_FILTER_FLAG_* */
};

struct lxc_plan {
	char *hostname; /* or NULL */
	char *domainname;
	bool new_network_ns;
	bool new_cgroup_ns;
	bool join_cgroup_ns; /* its descriptor is sent along before the root's tree */
	bool read_only_root;
	uint64_t root_propagation; /* MS_SHARED | MS_REC, …; 0: private */
	uint32_t preserve_fds;
	struct strings sysctls; /* path below /proc/sys, value, path, value, … */
	struct lxc_plan_mount *mounts;
	size_t n_mounts;
	struct lxc_plan_device *devices;
	size_t n_devices;
	bool own_dev;      /* /dev is not a bind mount: default devices and links go there */
	bool sent_devices; /* trees with the devices are sent along behind those of mounts */
	struct strings masked;
	struct strings read_only;
	struct lxc_plan_process process;

	/* The state document for hooks, but for status and pid, which go between these. */
	char *state_head;
	char *state_tail;
	struct lxc_plan_hooks create_runtime; /* prestart first */
	struct lxc_plan_hooks create_container;
	struct lxc_plan_hooks start_container;
	struct lxc_plan_hooks poststart;
	struct lxc_plan_hooks poststop;
};

/* Appends @plan's bytes to @out. */
void lxc_plan_encode(const struct lxc_plan *plan, struct text *out);

/* Reads a plan from @size bytes, all of which must be used up. LXCRI_E_INVALID_FORMAT otherwise,
 * and *@ret is left alone. */
[[nodiscard]] int lxc_plan_decode(const char *bytes, size_t size, struct lxc_plan *ret,
				  struct lxcri_error *err);

/* Frees what @plan holds and zeroes it. Safe to repeat. */
void lxc_plan_finish(struct lxc_plan *plan);

/* The same for a process alone. */
void lxc_plan_process_finish(struct lxc_plan_process *process);
