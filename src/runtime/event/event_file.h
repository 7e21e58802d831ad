/* SPDX-License-Identifier: MIT */
#pragma once

/* What happened to containers, images and volumes: a file of the run-time directory, one JSON
 * object a line, that commands and monitors append to:
 *
 *   {"time":"2026-11-22T01:02:03.000000004Z","type":"container","event":"die","id":"web",
 *    "attributes":{"exitCode":"0"}}
 *
 * It is continued by another file when it is full (os/rotation.h), and the one before is kept: so
 * much is known of the past and no more. It is not flushed: the directory lies on a tmpfs, and a
 * command must not wait for a disk to say what it did. */

#include <stddef.h>
#include <stdint.h>

#define EVENT_FILE       "events"
#define EVENT_FILE_BYTES (1u << 20) /* of each of the two files */

/* One event. Attributes are pairs of name and value, ended by NULL; a value may be NULL, and the
 * pair is left out then. */
struct event {
	int64_t time_ns;
	const char *type; /* "container", "image", "volume" */
	const char *name; /* "die" */
	const char *id;
	const char *const *attributes;
};

/* Appends @event to the file in the directory @root, which exists. Returns 0 or -errno; then
 * nothing of it is there. */
[[nodiscard]] int event_file_append(const char *root, const struct event *event);
