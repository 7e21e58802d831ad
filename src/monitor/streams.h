/* SPDX-License-Identifier: MIT */
#pragma once

/* The container's standard streams: pipes, or one pseudo-terminal. Output is read in chunks, and
 * there is one chunk at a time: it is in the log and with every attached client before the next is
 * read, so that nobody misses a byte and nothing is allocated. */

#include "base/fail.h"
#include "monitor/journal.h"
#include "monitor/log_writer.h"
#include "runtime/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define CHUNK_MAX (32u << 10)

/* One message to the attached clients. */
struct chunk {
	struct wire_header header;
	char bytes[CHUNK_MAX];
};

struct streams {
	int output[2]; /* what we read: standard output and error, or -1; a master is the first */
	int input;     /* what we write, or -1 */
	int theirs[3]; /* the container's ends, until it has been created; or -1 */
	bool terminal;
	bool input_ends; /* close the input once what is pending is written */
	struct log_writer log;
	struct journal journal;
	struct chunk chunk;
	struct timespec chunk_time;
	size_t chunk_logged; /* of the chunk, how many bytes the journal has */
	size_t pending_from; /* of what a client has sent to the container's input */
	size_t pending_size;
	char pending[WIRE_DATA_MAX];
};

/* Makes @streams empty; it is too large for an initializer. */
void streams_init(struct streams *streams);

/* Makes pipes; without @open_stdin the container's input is /dev/null. 0 or -errno. */
[[nodiscard]] int streams_make_pipes(struct streams *streams, bool open_stdin);

/* From here on the terminal @master, owned by @streams, is both input and output. 0 or -errno. */
[[nodiscard]] int streams_set_terminal_consume(struct streams *streams, int master);

/* Closes the container's ends. */
void streams_close_theirs(struct streams *streams);

/* Reads one chunk of output @which (0 or 1) into `chunk` and the log. Returns 1 with a chunk, 0
 * when there is nothing to read at the moment or ever again (then the output has become -1). */
[[nodiscard]] int streams_read(struct streams *streams, int which);

/* Tells whether the journal has not yet taken all of the chunk. */
bool streams_owe_log(const struct streams *streams);

/* Gives the journal the rest of the chunk, as far as it takes it. */
void streams_pay_log(struct streams *streams);

/* Tells whether @size more bytes can be taken for the container's input. */
bool streams_input_is_free(const struct streams *streams);

/* Takes @size bytes (at most WIRE_DATA_MAX) for the container's input, which is free, and writes
 * what it accepts at once. Where nothing reads it they are dropped. */
void streams_input(struct streams *streams, const char *bytes, size_t size);

/* Writes what is pending, as far as it is accepted. */
void streams_flush_input(struct streams *streams);

/* Ends the container's input behind what is pending. A terminal has no such end. */
void streams_end_input(struct streams *streams);

/* Closes everything. Safe to repeat. */
void streams_finish(struct streams *streams);
