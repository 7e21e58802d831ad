/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_CONTAINER_H
#define LXCRI_CONTAINER_H

/* Containers on this host. An engine is a pair of directories and a configuration; any number of
 * processes may open the same one. A container outlives every handle: freeing one stops nothing.
 * Handles are not for use by two threads at once. */

#include <lxcri/config.h>
#include <lxcri/error.h>
#include <lxcri/logs.h>
#include <lxcri/pull.h>
#include <lxcri/service.h>
#include <lxcri/spec.h>
#include <lxcri/volume.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_engine;
struct lxcri_container;
struct lxcri_port; /* lxcri/network.h */

/* Opens the engine of @config, which must outlive it. Directories are made when they are first
 * needed. The caller owns *@ret_engine. */
int lxcri_engine_open(const struct lxcri_config *config, struct lxcri_engine **ret_engine,
		      struct lxcri_error *err);

/* Closes @engine; NULL is fine. No container is touched. */
void lxcri_engine_free(struct lxcri_engine *engine);

/* What the container's standard streams are. */
enum lxcri_stdio {
	LXCRI_STDIO_LOG,     /* pumped by the monitor into the log, and to who is attached */
	LXCRI_STDIO_INHERIT, /* the caller's own, as runc does it; no log */
};

struct lxcri_rlimit {
	const char *name; /* "nofile", "RLIMIT_NOFILE" */
	uint64_t soft;    /* UINT64_MAX: unlimited */
	uint64_t hard;
};

/* What a container is to be. Zeroed means: as the image or bundle says. All pointers are borrowed
 * for the call; lists end with NULL or are counted by the member after them. */
struct lxcri_create_options {
	const char *id;                        /* required; [A-Za-z0-9][A-Za-z0-9_.+-]{0,127} */
	const enum lxcri_container_type *type; /* NULL: the configuration's routing decides */

	/* Exactly one of the two. */
	const char *bundle;          /* directory with rootfs and config.json */
	const char *image;           /* "oci:DIR[:TAG]", "oci-archive:…", …, or a name */
	enum lxcri_pull_policy pull; /* of a name */
	lxcri_pull_fn pull_progress; /* called while its image is pulled; or NULL */
	void *pull_userdata;
	const struct lxcri_spec *spec; /* with bundle: replaces its config.json */

	enum lxcri_stdio stdio;
	bool open_stdin;            /* keep standard input open for who attaches */
	bool terminal;              /* a pseudo-terminal; with a bundle its own flag is added */
	const char *console_socket; /* path of a socket that receives the terminal's master */
	const char *pid_file;       /* the init's pid is written there */
	unsigned int preserve_fds; /* descriptors 3… that a bundle's process gets besides stdio */
	bool remove, attached;     /* it goes when it ends; it is to be run in the foreground */
	const char *restart; /* with an image, as for lxcri_container_set_restart(); NULL: "no" */
	const struct lxcri_healthcheck *health; /* with an image; NULL: as it says */
	const struct lxcri_probes *probes;      /* with an image: instead of that; or NULL */
	const struct lxcri_hook *pre_stop, *post_start; /* with an image; or NULL; service.h */

	/* Of LXCRI_STDIO_LOG; zeroed: as the configuration has it. */
	enum lxcri_log_driver log_driver;
	uint64_t log_max_bytes; /* of one file, 1024 or more; UINT64_MAX: no limit */
	unsigned int log_max_files;

	/* With an image: what changes its process. */
	const char *const *command;    /* replaces Cmd */
	const char *const *entrypoint; /* replaces Entrypoint; an empty list means none */
	const char *const *env;        /* NAME=VALUE, or NAME for the caller's own value */
	const char *working_dir, *hostname, *stop_signal;
	const char *user;                                /* user[:group], names or numbers */
	const char *const *labels, *const *annotations;  /* NAME=VALUE */
	const char *const *group_add, *const *add_hosts; /* names or numbers; NAME:ADDRESS */
	const char *const *cap_add, *const *cap_drop;    /* "NET_ADMIN", "CAP_NET_ADMIN", "ALL" */
	const char *apparmor_profile; /* a loaded one, or "unconfined"; NULL: the default one */
	const char *const *tmpfs;     /* PATH[:OPTIONS] */
	const struct lxcri_volume *volumes;
	size_t n_volumes;
	const struct lxcri_device *devices;
	size_t n_devices;
	const struct lxcri_rlimit *rlimits;
	size_t n_rlimits;
	/* An interface in each, "eth0" first; "bridge:NAME,..." and "macvlan:NAME,..." are on the
	 * LAN; or "none", "host", "container:ID"; NULL: "default". More names. See network.h. */
	const char *const *networks, *const *network_aliases, *const *services;
	const char *ip, *ip6, *mac_address; /* in the first network; NULL: chosen */
	const struct lxcri_port *ports;     /* published */
	size_t n_ports;
	bool publish_all, release_addresses; /* what the image exposes too; addresses at its stop */
	const char *const *dns, *const *dns_search, *const *dns_options; /* NULL: the host's */
	const char *userns; /* "host", "auto", "keep", "keep:UID[:GID]"; NULL: the configuration */
	bool privileged;    /* all capabilities and devices, nothing hidden, the host's ids */
	bool read_only, no_new_privileges, init; /* a small pid 1 reaps and passes signals on */
	uint64_t memory_bytes;                   /* 0: no limit */
	uint64_t shm_bytes;                      /* 0: 64 MiB */
	double cpus;                             /* 0: no limit */
	uint64_t pids_max;                       /* 0: no limit */
	const char *resources;     /* more limits: JSON as linux.resources, which wins */
	const char *cgroup_parent; /* path, in which it gets its own cgroup; NULL: the root */
	const char *node;          /* of Proxmox VE; NULL: as configured, or the freest */
	const int *oom_score_adj;  /* -1000 to 1000; NULL: as the host has it */
};

/* Creates a container and everything it needs, completely or not at all; its process does not run
 * before lxcri_container_start(). Fails with LXCRI_E_CONTAINER_EXISTS, LXCRI_E_RUNTIME_NOT_FOUND,
 * LXCRI_E_IMAGE_NOT_FOUND, LXCRI_E_BUNDLE_NOT_FOUND, LXCRI_E_INVALID_SPEC,
 * LXCRI_E_INVALID_ARGUMENT or LXCRI_E_CONTAINER_CREATE_FAILED. The caller owns
 * *@ret_container. */
int lxcri_container_create(struct lxcri_engine *engine, const struct lxcri_create_options *options,
			   struct lxcri_container **ret_container, struct lxcri_error *err);

/* Opens the container called @id; an unknown one is LXCRI_E_CONTAINER_NOT_FOUND. What a killed
 * command left half-made is cleaned up first, and is then unknown. The caller owns
 * *@ret_container. */
int lxcri_container_open(struct lxcri_engine *engine, const char *id,
			 struct lxcri_container **ret_container, struct lxcri_error *err);

/* Frees the handle; NULL is fine. */
void lxcri_container_free(struct lxcri_container *container);

enum lxcri_status {
	LXCRI_STATUS_CREATING,
	LXCRI_STATUS_CREATED,
	LXCRI_STATUS_RUNNING,
	LXCRI_STATUS_PAUSED,
	LXCRI_STATUS_STOPPED,
};

/* Returns "creating", "created", "running", "paused" or "stopped". */
const char *lxcri_status_name(enum lxcri_status status);

/* What a container is at this moment. Texts belong to the handle and last until the next call on
 * it. */
struct lxcri_state {
	const char *id;
	enum lxcri_container_type type;
	enum lxcri_status status;
	pid_t pid; /* of its first process, on the host; 0 unless created, running, paused */
	const char *bundle;                          /* absolute path */
	const char *image;                           /* the reference it was made from, or NULL */
	const char *digest;                          /* of that image's manifest, or NULL */
	const char *log_path, *pod;                  /* that it is of; each may be NULL */
	int64_t created_ns, started_ns, finished_ns; /* since the epoch; 0 = never */
	int exit_code; /* of a stopped one: 0-255, 128 + signal, 137 when its monitor was lost */
	bool monitor_lost;
	const char *health; /* "starting", "healthy", "unhealthy"; NULL: nobody asks */
	int64_t restarts;   /* by its restart policy */
	bool oom_killed;    /* of a stopped one: memory ran out, and the kernel killed a process */
	bool end_unknown;   /* of one of Proxmox VE that has stopped: only its node knows */
};

/* Reads the state, reconciled with the kernel. */
int lxcri_container_state(struct lxcri_container *container, struct lxcri_state *ret_state,
			  struct lxcri_error *err);

/* Returns the OCI state document (runtime-spec, "State"), owned by the caller (free()). */
int lxcri_container_state_json(struct lxcri_container *container, char **ret_json,
			       struct lxcri_error *err);

/* Returns everything that is known of the container as one JSON object, owned by the caller. */
int lxcri_container_inspect_json(struct lxcri_container *container, char **ret_json,
				 struct lxcri_error *err);

/* Runs the user's process of a created container, or a stopped one that was made from an image once
 * more. LXCRI_E_INVALID_STATE otherwise; LXCRI_E_COMMAND_NOT_FOUND and
 * LXCRI_E_COMMAND_NOT_EXECUTABLE when its program cannot be run. */
int lxcri_container_start(struct lxcri_container *container, struct lxcri_error *err);

/* Sends @signal (1-64) to the first process, or with @all to every process of the container. One
 * that is not created, running or paused is LXCRI_E_INVALID_STATE. */
int lxcri_container_kill(struct lxcri_container *container, int signal, bool all,
			 struct lxcri_error *err);

/* Sends the stop signal, waits @grace_seconds, then kills; returns once it has stopped. Stopping a
 * stopped container succeeds. */
int lxcri_container_stop(struct lxcri_container *container, unsigned int grace_seconds,
			 struct lxcri_error *err);

/* Freezes, and thaws. LXCRI_E_ALREADY_PAUSED, LXCRI_E_NOT_PAUSED, LXCRI_E_INVALID_STATE. */
int lxcri_container_pause(struct lxcri_container *container, struct lxcri_error *err);
int lxcri_container_resume(struct lxcri_container *container, struct lxcri_error *err);

/* Removes a stopped (or created) container with all that it owns. A running one is
 * LXCRI_E_INVALID_STATE unless @force, which kills it first. */
int lxcri_container_delete(struct lxcri_container *container, bool force, struct lxcri_error *err);

/* Removes by force what cannot be opened because its record or state is damaged, but for what only
 * those named. One of a later program is LXCRI_E_UNSUPPORTED_OPERATION. */
int lxcri_container_discard(struct lxcri_engine *engine, const char *id, struct lxcri_error *err);

/* Waits until the container has stopped, @timeout_seconds at most (< 0: for ever; then
 * LXCRI_E_TIMEOUT). Returns its exit code. */
int lxcri_container_wait(struct lxcri_container *container, int timeout_seconds,
			 struct lxcri_error *err);

/* Starts a created container and carries the caller's standard streams to and from it until it
 * ends; signals are passed on when @pass_signals. A container that was created with `remove` is
 * deleted then. Returns its exit code, or 0 once a user at a terminal has detached by ctrl-p
 * ctrl-q. */
int lxcri_container_run_attached(struct lxcri_container *container, bool pass_signals,
				 struct lxcri_error *err);

/* A further process. Zeroed members mean: as the container's own process. */
struct lxcri_exec_options {
	const char *const *args;  /* required, ended by NULL, unless process_json */
	const char *process_json; /* a whole process object of the runtime specification */
	const char *const *env;   /* added to the container's */
	const char *working_dir;
	const char *user;
	bool terminal;
	bool open_stdin;                       /* pass the caller's standard input on */
	bool detach;                           /* return once it runs */
	const char *console_socket, *pid_file; /* as in create */
};

/* Runs a further process in a running container with the caller's standard streams. Returns its
 * exit code, 0 when detached. LXCRI_E_INVALID_STATE unless running (paused is refused);
 * LXCRI_E_COMMAND_NOT_FOUND, LXCRI_E_COMMAND_NOT_EXECUTABLE. */
int lxcri_container_exec(struct lxcri_container *container,
			 const struct lxcri_exec_options *options, struct lxcri_error *err);

/* Called for each container; the state's texts are valid during the call. A value < 0 ends the
 * listing. */
typedef int (*lxcri_container_fn)(void *userdata, const struct lxcri_state *state);

/* Lists all containers, sorted by id, having cleaned up what killed commands left half-made. */
int lxcri_container_list(struct lxcri_engine *engine, lxcri_container_fn each, void *userdata,
			 struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
