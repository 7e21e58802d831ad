/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the records of a log go: two outputs, one for each stream, and what is chosen of them. */

#include "runtime/log/log_record.h"

#include <stdbool.h>
#include <stdint.h>

struct log_choice {
	int64_t since_ns; /* 0: from the first on */
	int64_t until_ns; /* 0: to the last */
	bool no_stdout;
	bool no_stderr;
	bool timestamps; /* each line begins with its time */
};

/* One of the two outputs. */
struct log_output {
	int fd;
	size_t size;
	bool in_line; /* the last record was a piece of a line */
	char *bytes;
};

struct log_sink {
	const struct log_choice *choice;
	struct log_output outputs[2];
	bool is_one;     /* both go to the same place, where their order shows */
	bool is_refused; /* a failure was one of writing */
};

/* Begins writing to @fd_out and @fd_err, which stay the caller's. */
void log_sink_init(struct log_sink *sink, const struct log_choice *choice, int fd_out, int fd_err);

/* Takes a line of a log file apart; one that is no record goes to standard error as it is. */
void log_sink_parse(const char *line, size_t size, struct log_record *ret_record);

/* Tells whether @record is chosen: 1, 0, or -ERANGE when it and all that follow are too late. */
[[nodiscard]] int log_sink_wants(const struct log_sink *sink, const struct log_record *record);

/* Writes @record if it is chosen. Returns 1, 0 if not, -ERANGE as above, or another -errno. */
[[nodiscard]] int log_sink_add(struct log_sink *sink, const struct log_record *record);

/* Writes what was gathered; 0 or -errno. */
[[nodiscard]] int log_sink_flush(struct log_sink *sink);

/* Frees what @sink holds. Safe to repeat. */
void log_sink_finish(struct log_sink *sink);
