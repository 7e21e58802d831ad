/* SPDX-License-Identifier: MIT */
#pragma once

/* Reading what event_file_append() wrote. */

#include "base/fail.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

struct event_record {
	int64_t time_ns;
	const char *type;
	const char *name;
	const char *id;
	struct json_object *attributes; /* an object, or NULL */
	struct json_object *object;     /* all of it */
};

/* Takes a line apart; the record points into @ret_object, which the caller ends. 0, or -EINVAL for
 * a line that is no event. */
[[nodiscard]] int event_record_parse(const char *line, size_t size, struct json_object **ret_object,
				     struct event_record *ret_record);

struct event_read_options {
	int64_t since_ns; /* 0: from the first that is kept, or with `follow` from now on */
	int64_t until_ns; /* 0: to the last */
	bool follow;      /* wait for more, until `until_ns` or until `output_fd` is not read */
	int output_fd;    /* -1: none */

	/* Gets each event in order; a value below 0 ends the reading, and is returned. */
	int (*each)(void *userdata, const struct event_record *record);
	void *userdata;
};

/* Reads the events in the directory @root, which exists. What is no event is passed over. Returns
 * 0, what @each returned, or -1 with @err filled. */
[[nodiscard]] int event_read(const char *root, const struct event_read_options *options,
			     struct lxcri_error *err);
