/* SPDX-License-Identifier: MIT */
#pragma once

/* The command's end of a monitor: start one, talk to it, read what it wrote. */

#include "base/fail.h"
#include "base/scope.h"
#include "base/strings.h"
#include "lxcri/config.h"
#include "os/storage/mount_root.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum monitor_stdio {
	MONITOR_STDIO_PUMP,    /* pipes or a terminal, pumped to log and attached clients */
	MONITOR_STDIO_INHERIT, /* descriptors 0, 1 and 2 of the caller */
};

struct monitor_options {
	const char *id;
	enum lxcri_container_type type;
	const char *runtime_path; /* of an OCI command-line runtime (runc), else NULL */
	const char *bundle;       /* absolute directory with config.json */
	const char *run_dir;    /* absolute; exists; monitor.sock, state.json, … are made in it */
	const char *exit_dir;   /* where the final state.json is also written durably, or NULL */
	const char *log_path;   /* or NULL */
	uint64_t log_max_bytes; /* of one log file; 0: no limit */
	unsigned int log_max_files; /* at least 1 */
	const char *events;         /* the directory where the monitor tells of them, or NULL */
	const char *image;          /* the image's name that it tells, or NULL */
	const char *journal;        /* the name of the log in the journal, or NULL */
	/* What the monitor becomes when the container has ended and nobody attached has seen it,
	 * ended by NULL, with a path first; or NULL. Its environment is empty, its streams are
	 * /dev/null. */
	const char *const *exit_command;
	const struct mount_root *rootfs; /* what the monitor mounts for itself; NULL: nothing */
	const struct strings *parts; /* of directories, by turns one and a path in it: mounted for
					the container in run_dir/WIRE_PARTS; may be NULL */
	const char
		*console_socket; /* the terminal's master goes there instead of the pump; or NULL */
	enum monitor_stdio stdio;
	unsigned int preserve_fds; /* descriptors 3 and up that the container's process gets */
	bool terminal;
	bool open_stdin;
	bool systemd_cgroup;      /* a command-line runtime shall ask systemd itself */
	const char *cgroups_path; /* wins over linux.cgroupsPath; or NULL */
	const char *slice;        /* the monitor enters the new scope `scope` of it; or NULL */
	const char *scope;
	const struct strings *scope_properties; /* "NAME=VALUE"; may be NULL */
};

/* A connection to a monitor. */
struct monitor;

/* Starts the monitor of a container and waits until the container is created. On success the
 * container exists, its process waits for monitor_begin(), and *@ret_monitor is the creator's
 * connection; freeing it before monitor_commit() undoes everything. *@ret_pid is the init's. On
 * failure nothing is left but what the caller made; the error is the backend's. */
[[nodiscard]] int monitor_launch(const struct monitor_options *options,
				 struct monitor **ret_monitor, pid_t *ret_pid,
				 struct lxcri_error *err);

/* Connects to the monitor of the run directory @run_dirfd. LXCRI_E_MONITOR_LOST when none is alive.
 */
[[nodiscard]] int monitor_connect(int run_dirfd, struct monitor **ret_monitor,
				  struct lxcri_error *err);

/* Closes the connection; NULL is fine. */
void monitor_free(struct monitor *monitor);
DEFINE_AUTOPTR(monitor)

/* From here on the container survives the end of this connection. */
[[nodiscard]] int monitor_commit(struct monitor *monitor, struct lxcri_error *err);

/* Releases the user's process. The backend's error says when it could not be executed. */
[[nodiscard]] int monitor_begin(struct monitor *monitor, struct lxcri_error *err);

/* Sends @signal to the container's first process, or with @all to every one of its processes.
 * SIGKILL reaches a paused container as well. LXCRI_E_INVALID_STATE when it has stopped,
 * LXCRI_E_CONTAINER_KILL_FAILED when the backend could not, LXCRI_E_TIMEOUT when the monitor hangs.
 */
[[nodiscard]] int monitor_kill(struct monitor *monitor, int signal, bool all,
			       struct lxcri_error *err);

/* Freezes all processes of a running container. LXCRI_E_ALREADY_PAUSED, LXCRI_E_INVALID_STATE. */
[[nodiscard]] int monitor_pause(struct monitor *monitor, struct lxcri_error *err);

/* Lets a paused container go on. LXCRI_E_NOT_PAUSED, LXCRI_E_INVALID_STATE. */
[[nodiscard]] int monitor_resume(struct monitor *monitor, struct lxcri_error *err);

/* Waits until the container has stopped and its backend has cleaned up. @timeout_ms < 0: for ever;
 * LXCRI_E_TIMEOUT otherwise. Returns the exit code. A monitor that dies meanwhile is
 * LXCRI_E_MONITOR_LOST. */
[[nodiscard]] int monitor_wait(struct monitor *monitor, int timeout_ms, struct lxcri_error *err);

/* Asks to be told of the end. Returns a descriptor, borrowed, that becomes readable when the
 * container has stopped and all its output is in the log, or when the monitor was killed. */
[[nodiscard]] int monitor_watch_end(struct monitor *monitor, struct lxcri_error *err);

struct monitor_attach_options {
	bool start;        /* release the user's process once attached */
	bool want_stdin;   /* carry our standard input to the container */
	bool pass_signals; /* send signals that we receive to the container */
	bool terminal;     /* our terminal goes raw; size changes are passed on */
};

/* Returned by monitor_attach() when the user has typed the keys that end only the connection. */
#define MONITOR_DETACHED 256

/* Carries standard streams until the container ends. Returns its exit code, or MONITOR_DETACHED
 * after ctrl-p ctrl-q on a terminal. */
[[nodiscard]] int monitor_attach(struct monitor *monitor,
				 const struct monitor_attach_options *options,
				 struct lxcri_error *err);

struct monitor_exec_options {
	const char *process_json; /* the process object, as text */
	int run_dirfd;            /* the process file is made there, and removed */
	const char *run_dir;      /* its path */
	const char *
		console_socket; /* given by the caller; NULL: with terminal we carry it ourselves */
	bool terminal;
	bool detach;
	bool open_stdin;
	const char *pid_file;
};

/* Runs a further process with our standard streams. Returns its exit code; 0 when detached. */
[[nodiscard]] int monitor_exec(struct monitor *monitor, const struct monitor_exec_options *options,
			       struct lxcri_error *err);

/* An interface that gets its address by DHCP. */
struct monitor_lease {
	const char *interface; /* in the container */
	const char *hostname;
	const char *resolv_path; /* the file that is its /etc/resolv.conf, or NULL: left alone */
	const char *resolv_rest; /* what is in that besides name servers */
	unsigned char wanted[4]; /* an address that it has had; zeroes: none */
	unsigned int wait_seconds;
	bool is_first; /* the way out leads through it */
};

/* Has the monitor get and renew a lease for as long as the container runs, and waits for the first
 * one. LXCRI_E_CONFIGURATION_FAILED when no server gives one in time. */
[[nodiscard]] int monitor_lease(struct monitor *monitor, const struct monitor_lease *lease,
				struct lxcri_error *err);

/* Has the monitor give the lease of @interface back, if that has one. */
[[nodiscard]] int monitor_lease_end(struct monitor *monitor, const char *interface,
				    struct lxcri_error *err);

/* Of state.json. Members that come later have defaults; a higher number is for what a reader must
 * not pass over, and is refused by an earlier one. */
#define MONITOR_STATE_VERSION 1

/* What a monitor wrote last. */
enum monitor_phase {
	MONITOR_CREATING, /* no state.json yet */
	MONITOR_CREATED,
	MONITOR_RUNNING,
	MONITOR_PAUSED,
	MONITOR_STOPPED,
};

struct monitor_state {
	enum monitor_phase phase;
	bool alive;              /* a monitor holds the lock */
	bool lost;               /* stopped by monitor_cleanup_lost() */
	pid_t pid;               /* the init's, 0 when stopped */
	uint64_t pid_start_time; /* clock ticks since boot */
	pid_t keeper;            /* a process that the container ends with; mostly the same */
	uint64_t keeper_start_time;
	int exit_code;
	uint64_t oom_kills; /* of one that has stopped: processes killed for want of memory */
	int64_t started_ns;
	int64_t finished_ns;
};

/* Reads state.json and the lock of the directory @dirfd (a run directory, or the directory that was
 * given as exit_dir). A directory without a state.json is MONITOR_CREATING. */
[[nodiscard]] int monitor_read_state(int dirfd, struct monitor_state *ret_state,
				     struct lxcri_error *err);

/* Reads phase and started_ns in fewer calls of the system, in the run directory @name of @dirfd
 * whose monitor is alive; the rest is empty. False where it is not, or where that cannot be told
 * so. */
bool monitor_glance(int dirfd, const char *name, struct monitor_state *ret_state);

/* Returns the pid of the monitor of the run directory @run_dirfd, or 0 when none is alive. */
pid_t monitor_find(int run_dirfd);

/* Appends the cgroups that the monitor of the run directory @run_dirfd noted for the container's
 * processes, one a hierarchy, absolute. */
[[nodiscard]] int monitor_read_cgroups(int run_dirfd, struct strings *cgroups,
				       struct lxcri_error *err);

/* Waits until no monitor of the run directory @run_dirfd is alive, @timeout_ms at most:
 * LXCRI_E_TIMEOUT. */
[[nodiscard]] int monitor_await_end(int run_dirfd, int timeout_ms, struct lxcri_error *err);

/* Ends what is left of a monitor and its container whose run directory @run_dir somebody has
 * removed behind their back: they are found by their names alone. Mostly there is nothing. */
[[nodiscard]] int monitor_end_strays(const char *run_dir, struct lxcri_error *err);

/* Kills the monitor of the run directory @run_dirfd itself, as a last resort; what it leaves is for
 * monitor_cleanup_lost(). One that is gone is no failure. */
[[nodiscard]] int monitor_destroy(int run_dirfd, struct lxcri_error *err);

/* Waits until no monitor of the run directory @run_dirfd is alive: one that was not committed
 * undoes itself once its creator is gone, and cannot be reached before it listens. While
 * *@ret_lock, owned by the caller, is open none can come to life; it looks to monitor_read_state()
 * like a monitor. */
[[nodiscard]] int monitor_exclude(int run_dirfd, int *ret_lock, struct lxcri_error *err);

/* Ends what a killed monitor has left of a container: kills its processes, waits until they are
 * gone, removes its cgroups and records it as stopped with exit code 137 and `lost`. @run_dirfd is
 * the directory @run_dir. Nothing happens when the container has stopped already;
 * LXCRI_E_INVALID_STATE while a monitor is alive. */
[[nodiscard]] int monitor_cleanup_lost(int run_dirfd, const char *run_dir, struct lxcri_error *err);
