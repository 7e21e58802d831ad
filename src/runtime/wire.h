/* SPDX-License-Identifier: MIT */
#pragma once

/* What travels between a command and a monitor: one message of a SOCK_SEQPACKET socket is a struct
 * wire_header and the bytes behind it. Both ends are of the same host, so numbers are native. The
 * socket is <run directory>/monitor.sock; the connection that the creator passed to the monitor as
 * descriptor 3 speaks the same.
 *
 * A creator receives WIRE_CREATED or WIRE_ERROR first. Until it has sent WIRE_COMMIT, the end of
 * its connection makes the monitor undo everything. */

#include "lxcri/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A monitor is as old as its container, and commands come from every release since. So a message
 * that has been released keeps its form: what needs another is a new type of message. A message
 * bears the version that brought its type. A monitor knows all up to its own version and says so
 * when it gets a later one; everything else works between any two releases. */
#define WIRE_DATA_MAX (64u << 10) /* bytes of one WIRE_STDIN, WIRE_STDOUT or WIRE_STDERR */
#define WIRE_SOCKET   "monitor.sock"
#define WIRE_LOCK     "monitor.lock" /* held by fcntl() while the monitor lives */
#define WIRE_STATE \
	"state.json" /* written by the monitor at each transition, locked as the lock is */

/* How WIRE_STATE calls each enum monitor_phase. */
#define WIRE_PHASES 5
extern const char *const wire_phases[WIRE_PHASES];

/* While the container is being created: the bundle's path, ended by NUL, and as many directories in
 * which the runtime may make a cgroup that is called as the container. */
#define WIRE_BUNDLE "bundle"

/* Where parts of volumes are mounted, for the container alone. */
#define WIRE_PARTS "parts"

/* In the run directory, for each interface that has or had a lease: JSON, for who inspects. */
#define WIRE_LEASE_FILE "lease."

enum wire_type {
	/* Requests; each is answered by WIRE_OK or WIRE_ERROR unless it says otherwise. */
	WIRE_COMMIT = 1, /* keep the container when this connection ends */
	WIRE_START,      /* release the user's process */
	WIRE_KILL,       /* struct wire_kill */
	WIRE_PAUSE,
	WIRE_RESUME,
	WIRE_WAIT,        /* WIRE_EXITED once the container has stopped */
	WIRE_ATTACH,      /* struct wire_attach; then WIRE_STDOUT/STDERR, at the end WIRE_EXITED */
	WIRE_STDIN,       /* bytes for the container; WIRE_STDIN_TAKEN, and only then the next */
	WIRE_STDIN_CLOSE, /* no answer; takes effect behind what was sent before */
	WIRE_RESIZE,      /* struct wire_resize; no answer */
	WIRE_EXEC,        /* struct wire_exec, 3 descriptors; WIRE_EXEC_STARTED, WIRE_EXEC_EXITED */
	WIRE_LEASE,       /* struct wire_lease; answered once there is a lease, or none to be had */
	WIRE_LEASE_END,   /* the name of an interface, ended by NUL: its lease is given back */

	/* Answers and news. */
	WIRE_CREATED = 64, /* struct wire_created */
	WIRE_OK,
	WIRE_ERROR, /* struct lxcri_error */
	WIRE_STDOUT,
	WIRE_STDERR,
	WIRE_STDIN_TAKEN,
	WIRE_EXITED,       /* struct wire_exited */
	WIRE_EXEC_STARTED, /* struct wire_created: the pid */
	WIRE_EXEC_EXITED,  /* struct wire_exited */
};

struct wire_header {
	uint16_t version; /* of the type */
	uint16_t type;
	uint32_t size; /* of what follows */
};

struct wire_created {
	int32_t pid; /* on the host */
};

struct wire_kill {
	int32_t signal;
	int32_t all; /* every process of the container, not only the first */
};

struct wire_attach {
	uint32_t want_stdin; /* this connection may send WIRE_STDIN */
	uint32_t start;      /* as WIRE_START, when attaching has worked */
};

struct wire_resize {
	uint16_t rows;
	uint16_t columns;
};

/* The process object lies in a file of the run directory, whose name follows the struct, ended by
 * NUL; behind it the path of the console socket, ended by NUL, empty for none. The three
 * descriptors become the standard streams of the process. */
struct wire_exec {
	uint32_t detach;
};

/* An interface of the container gets its address by DHCP. Behind the struct, each ended by NUL, the
 * name of the interface, the host name that is told, the file that is the container's
 * /etc/resolv.conf (empty: it is left alone), and what that file has besides name servers. */
struct wire_lease {
	uint32_t wait_seconds;   /* for the first lease */
	uint32_t is_first;       /* the way out leads through it */
	unsigned char wanted[4]; /* an address that it has had; zeroes: none */
};

struct wire_exited {
	int32_t exit_code;   /* 0-255; 128 + signal */
	int64_t finished_ns; /* since the epoch */
};

/* The version of this program. */
extern const uint16_t wire_version;

/* Returns the version that brought @type. */
[[nodiscard]] uint16_t wire_version_of(enum wire_type type);

/* Fills in the header of a message of @size bytes. */
[[nodiscard]] struct wire_header wire_header(enum wire_type type, size_t size);

/* Splits the body of a WIRE_EXEC of @size bytes; both strings point into it. 0, or -EINVAL, also
 * for a name that is not one of a plain file. */
[[nodiscard]] int wire_parse_exec(const char *body, size_t size, struct wire_exec *ret_exec,
				  const char **ret_name, const char **ret_console);

/* What a struct wire_lease has behind it; pointers into the message. */
struct wire_lease_texts {
	const char *interface;
	const char *hostname;
	const char *resolv_path;
	const char *resolv_rest;
};

/* Splits the body of a WIRE_LEASE of @size bytes. 0, or -EINVAL. */
[[nodiscard]] int wire_parse_lease(const char *body, size_t size, struct wire_lease *ret_lease,
				   struct wire_lease_texts *ret_texts);

/* Tells whether @size bytes behind @header are as many as a message of its type to a command has.
 */
[[nodiscard]] bool wire_check_answer(const struct wire_header *header, size_t size);
