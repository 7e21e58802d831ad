/* SPDX-License-Identifier: MIT */
#pragma once

/* The command's connection to a monitor, below what monitor.h offers. */

#include "base/fail.h"
#include "runtime/monitor.h"
#include "runtime/wire.h"

#include <stddef.h>

struct monitor {
	int fd;
	int run_dirfd; /* owned: where the monitor's record is when it has gone */
	bool waits;    /* WIRE_WAIT was sent: WIRE_EXITED comes at any time */
	bool exited;   /* and came */
	int exit_code;
};

/* What a monitor sends. */
struct message {
	struct wire_header header;
	union {
		struct wire_created created;
		struct wire_exited exited;
		struct lxcri_error err;
		char bytes[WIRE_DATA_MAX];
	};
};

/* Sends one message, with three descriptors unless @fds is NULL. */
[[nodiscard]] int connection_send(struct monitor *monitor, enum wire_type type, const void *body,
				  size_t size, const int *fds, struct lxcri_error *err);

/* Receives one message whose body is as large as its type demands. A monitor that went away is
 * LXCRI_E_MONITOR_LOST. */
[[nodiscard]] int connection_receive(struct monitor *monitor, struct message *message,
				     struct lxcri_error *err);

/* Returns the recorded exit code of a container whose monitor has gone; LXCRI_E_MONITOR_LOST when
 * it went before it recorded one. */
[[nodiscard]] int connection_recorded_end(const struct monitor *monitor, struct lxcri_error *err);
