/* SPDX-License-Identifier: MIT */
/* The container's standard streams. */

#include "monitor/streams.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void streams_init(struct streams *streams)
{
	streams->output[0] = streams->output[1] = streams->input = -1;
	for (size_t i = 0; i < ARRAY_LEN(streams->theirs); i++)
		streams->theirs[i] = -1;
	streams->log = LOG_WRITER_NULL;
	streams->journal = JOURNAL_NULL;
}

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* Only our end is non-blocking: the two ends of a pipe are two open files. */
static int make_pipe(int *ret_read, int *ret_write, int ours)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*ret_read = fds[0];
	*ret_write = fds[1];
	return set_nonblocking(fds[ours]);
}

int streams_make_pipes(struct streams *streams, bool open_stdin)
{
	int r = 0;

	if (open_stdin) {
		r = make_pipe(&streams->theirs[0], &streams->input, 1);
	} else {
		streams->theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (streams->theirs[0] < 0)
			return -errno;
	}
	if (r == 0)
		r = make_pipe(&streams->output[0], &streams->theirs[1], 0);
	if (r == 0)
		r = make_pipe(&streams->output[1], &streams->theirs[2], 0);
	return r;
}

int streams_set_terminal_consume(struct streams *streams, int master)
{
	streams->terminal = true;
	streams->output[0] = master;
	streams->input = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (streams->input < 0)
		return -errno;
	return set_nonblocking(master); /* of both: they are one open file */
}

void streams_close_theirs(struct streams *streams)
{
	for (size_t i = 0; i < ARRAY_LEN(streams->theirs); i++)
		closep(&streams->theirs[i]);
}

static const char *stream_name(const struct streams *streams)
{
	return streams->chunk.header.type == WIRE_STDERR ? "stderr" : "stdout";
}

bool streams_owe_log(const struct streams *streams)
{
	return streams->journal.id && streams->chunk_logged < streams->chunk.header.size;
}

void streams_pay_log(struct streams *streams)
{
	const struct chunk *chunk = &streams->chunk;

	streams->chunk_logged += journal_add(
		&streams->journal, stream_name(streams), &streams->chunk_time,
		chunk->bytes + streams->chunk_logged, chunk->header.size - streams->chunk_logged);
}

int streams_read(struct streams *streams, int which)
{
	static const enum wire_type types[] = { WIRE_STDOUT, WIRE_STDERR };
	struct chunk *chunk = &streams->chunk;
	ssize_t got;

	do
		got = read(streams->output[which], chunk->bytes, sizeof(chunk->bytes));
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return 0;
	/* A terminal whose other side is closed by everyone answers EIO. */
	if (got <= 0) {
		closep(&streams->output[which]);
		return 0;
	}
	(void)clock_gettime(CLOCK_REALTIME, &streams->chunk_time);
	chunk->header = wire_header(types[which], (size_t)got);
	log_writer_add(&streams->log, stream_name(streams), &streams->chunk_time, chunk->bytes,
		       (size_t)got);
	streams->chunk_logged = 0;
	if (streams->journal.id)
		streams_pay_log(streams);
	return 1;
}

bool streams_input_is_free(const struct streams *streams)
{
	return streams->pending_size == 0;
}

void streams_input(struct streams *streams, const char *bytes, size_t size)
{
	if (streams->input < 0)
		return;
	memcpy(streams->pending, bytes, size);
	streams->pending_from = 0;
	streams->pending_size = size;
	streams_flush_input(streams);
}

void streams_flush_input(struct streams *streams)
{
	while (streams->pending_size > 0) {
		ssize_t put = write(streams->input, streams->pending + streams->pending_from,
				    streams->pending_size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			return;
		if (put < 0) { /* nobody reads it any more */
			streams->pending_size = 0;
			closep(&streams->input);
			return;
		}
		streams->pending_from += (size_t)put;
		streams->pending_size -= (size_t)put;
	}
	if (streams->input_ends)
		closep(&streams->input);
}

void streams_end_input(struct streams *streams)
{
	if (streams->terminal)
		return;
	streams->input_ends = true;
	if (streams->pending_size == 0)
		closep(&streams->input);
}

void streams_finish(struct streams *streams)
{
	closep(&streams->output[0]);
	closep(&streams->output[1]);
	closep(&streams->input);
	streams_close_theirs(streams);
	streams->pending_size = 0;
	log_writer_finish(&streams->log);
	journal_finish(&streams->journal);
}
