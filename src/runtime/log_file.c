/* SPDX-License-Identifier: MIT */
/* Reading a container's log. */

#include "runtime/log_file.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* More than a chunk of the monitor with its prefix; longer lines are taken in pieces. */
#define LINE_MAX_BYTES (128u << 10)

/* Where the search for the last lines begins, from the end; then it looks further back. */
#define TAIL_WINDOW_FIRST  (64u << 10)
#define TAIL_WINDOW_FACTOR 8

/* Output is gathered up to this before it is written. */
#define OUT_BYTES (64u << 10)

int log_record_parse(const char *line, size_t size, struct log_record *ret_record)
{
	const char *end = line + size;
	const char *stream = memchr(line, ' ', size);
	const char *tag;

	/* " stdout F " is the shortest thing behind a time. */
	if (!stream || end - stream < 10)
		return -EINVAL;
	stream++;
	tag = stream + 7;
	if (memcmp(stream, "stdout ", 7) != 0 && memcmp(stream, "stderr ", 7) != 0)
		return -EINVAL;
	if ((*tag != 'F' && *tag != 'P') || tag[1] != ' ')
		return -EINVAL;
	*ret_record = (struct log_record){
		.time = line,
		.time_size = (size_t)(stream - 1 - line),
		.text = tag + 2,
		.text_size = (size_t)(end - tag - 2),
		.is_stderr = stream[3] == 'e',
		.is_partial = *tag == 'P',
	};
	return 0;
}

/* Lines of a file from a position on. */
struct lines {
	int fd;
	off_t offset; /* of what is read next */
	char *buffer;
	size_t from;
	size_t size;
};

/* Hands out the next line without its end; one that is too long in pieces. Returns 1 with a line, 0
 * when the file has no whole line more, or -errno. */
static int next_line(struct lines *lines, const char **ret_line, size_t *ret_size)
{
	for (;;) {
		char *at = lines->buffer + lines->from;
		char *newline = memchr(at, '\n', lines->size - lines->from);
		ssize_t got;

		if (newline || lines->size - lines->from == LINE_MAX_BYTES) {
			*ret_line = at;
			*ret_size = newline ? (size_t)(newline - at) : LINE_MAX_BYTES;
			lines->from += *ret_size + (newline ? 1 : 0);
			return 1;
		}
		memmove(lines->buffer, at, lines->size - lines->from);
		lines->size -= lines->from;
		lines->from = 0;
		got = pread(lines->fd, lines->buffer + lines->size, LINE_MAX_BYTES - lines->size,
			    lines->offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : 0;
		lines->size += (size_t)got;
		lines->offset += got;
	}
}

static void seek_to(struct lines *lines, off_t offset)
{
	lines->offset = offset;
	lines->from = lines->size = 0;
}

/* One of the two outputs. */
struct sink {
	int fd;
	size_t size;
	bool in_line; /* the last record was a piece of a line */
	char *bytes;  /* OUT_BYTES */
};

static int sink_flush(struct sink *sink)
{
	int r = file_write_all(sink->fd, sink->bytes, sink->size);

	sink->size = 0;
	return r;
}

static int sink_add(struct sink *sink, const char *bytes, size_t size)
{
	int r = sink->size + size > OUT_BYTES ? sink_flush(sink) : 0;

	if (r < 0 || size > OUT_BYTES)
		return r < 0 ? r : file_write_all(sink->fd, bytes, size);
	memcpy(sink->bytes + sink->size, bytes, size);
	sink->size += size;
	return 0;
}

struct reader {
	const struct log_file_options *options;
	struct lines lines;
	struct sink sinks[2];
	int watch; /* an inotify descriptor, or -1 */
};

static void reader_finish(struct reader *reader)
{
	closep(&reader->lines.fd);
	closep(&reader->watch);
	freep(&reader->lines.buffer);
	freep(&reader->sinks[0].bytes);
	freep(&reader->sinks[1].bytes);
}

static int emit(struct reader *reader, const char *line, size_t size)
{
	struct log_record record;

	if (log_record_parse(line, size, &record) < 0)
		record = (struct log_record){ .text = line, .text_size = size };

	struct sink *sink = &reader->sinks[record.is_stderr];
	int r = 0;

	if (reader->options->timestamps && !sink->in_line && record.time_size > 0) {
		r = sink_add(sink, record.time, record.time_size);
		if (r == 0)
			r = sink_add(sink, " ", 1);
	}
	if (r == 0)
		r = sink_add(sink, record.text, record.text_size);
	if (r == 0 && !record.is_partial)
		r = sink_add(sink, "\n", 1);
	sink->in_line = record.is_partial;
	return r;
}

/* Emits all lines that are there; the two outputs are written in the order of their first ones. */
static int emit_all(struct reader *reader)
{
	const char *line;
	size_t size;
	int r;

	while ((r = next_line(&reader->lines, &line, &size)) > 0) {
		r = emit(reader, line, size);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(reader->sinks); i++)
		r = sink_flush(&reader->sinks[i]);
	return r;
}

static bool ends_a_line(const char *line, size_t size)
{
	struct log_record record;

	return log_record_parse(line, size, &record) < 0 || !record.is_partial;
}

/* Skips records until @count ends of lines have passed. Returns how many did, or -errno. */
static int64_t skip_lines(struct lines *lines, int64_t count)
{
	int64_t passed = 0;
	const char *line;
	size_t size;
	int r = 1;

	while (passed < count && (r = next_line(lines, &line, &size)) > 0)
		passed += ends_a_line(line, size);
	return r < 0 ? r : passed;
}

/* Puts @lines behind the first line end at or after @offset; 0 is the start of a line already. */
static int seek_to_line(struct lines *lines, off_t offset)
{
	const char *line;
	size_t size;

	seek_to(lines, offset);
	if (offset == 0)
		return 0;
	return next_line(lines, &line, &size) < 0 ? -EIO : 0;
}

/* Puts the reader where its last lines begin. */
static int seek_tail(struct reader *reader)
{
	struct lines *lines = &reader->lines;
	struct stat status;
	off_t window = TAIL_WINDOW_FIRST;

	if (fstat(lines->fd, &status) < 0)
		return -errno;
	for (;; window *= TAIL_WINDOW_FACTOR) {
		off_t start = status.st_size > window ? status.st_size - window : 0;
		int r = seek_to_line(lines, start);
		int64_t count = r < 0 ? r : skip_lines(lines, INT64_MAX);

		if (count < 0)
			return (int)count;
		/* One more than asked for: what precedes the first may be a piece of it. */
		if (start > 0 && count <= reader->options->tail)
			continue;
		r = seek_to_line(lines, start);
		if (r == 0 && count > reader->options->tail)
			r = (int)(skip_lines(lines, count - reader->options->tail) < 0 ? -EIO : 0);
		return r;
	}
}

/* Sleeps until the file changes. Returns 1 then, 0 when following is to end. */
static int wait_for_more(struct reader *reader)
{
	struct pollfd polls[] = { { reader->watch, POLLIN, 0 },
				  { reader->options->stop_fd, POLLIN, 0 } };
	char events[sizeof(struct inotify_event) + NAME_MAX + 1];
	struct stat status;
	int r;

	do
		r = poll(polls, ARRAY_LEN(polls), -1);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (polls[1].revents)
		return 0;
	if (read(reader->watch, events, sizeof(events)) < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	/* Cut off by someone: what comes is new. */
	if (fstat(reader->lines.fd, &status) == 0 && status.st_size < reader->lines.offset)
		seek_to(&reader->lines, 0);
	return 1;
}

static int follow(struct reader *reader)
{
	int r;

	while ((r = wait_for_more(reader)) > 0) {
		r = emit_all(reader);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : emit_all(reader);
}

/* The watch begins before the first reading, so that nothing is missed in between. */
static int watch(struct reader *reader, const char *path)
{
	reader->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (reader->watch < 0 || inotify_add_watch(reader->watch, path, IN_MODIFY) < 0)
		return -errno;
	return 0;
}

static int read_all(struct reader *reader, const char *path)
{
	int r = reader->options->follow ? watch(reader, path) : 0;

	if (r == 0 && reader->options->tail >= 0)
		r = seek_tail(reader);
	if (r == 0)
		r = emit_all(reader);
	if (r == 0 && reader->options->follow)
		r = follow(reader);
	return r;
}

int log_file_read(const char *path, const struct log_file_options *options, int out, int err_fd,
		  struct lxcri_error *err)
{
	autorun(reader_finish) struct reader reader = {
		.options = options,
		.lines = { .fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) },
		.sinks = { { .fd = out }, { .fd = err_fd } },
		.watch = -1,
	};
	int r;

	if (reader.lines.fd < 0)
		return fail_errno(err, errno, "read the log %s", path);
	reader.lines.buffer = xcalloc(LINE_MAX_BYTES, 1);
	for (size_t i = 0; i < ARRAY_LEN(reader.sinks); i++)
		reader.sinks[i].bytes = xcalloc(OUT_BYTES, 1);
	r = read_all(&reader, path);
	return r < 0 ? fail_errno(err, r, "read the log %s", path) : 0;
}
