/* SPDX-License-Identifier: MIT */
/* Reading a container's log.
 *
 * A follower is woken by inotify on the directory of the log: the monitor appends to the log, and
 * replaces state.json there when the container has stopped. Only a monitor that was killed says
 * nothing, so the follower also looks for itself now and then. */

#include "runtime/log_file.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* More than a chunk of the monitor with its prefix; longer lines are taken in pieces. */
#define LINE_MAX_BYTES (128u << 10)

/* Where the search for the last lines begins, from the end; then it looks further back. */
#define TAIL_WINDOW_FIRST  (64u << 10)
#define TAIL_WINDOW_FACTOR 8

/* How long a follower sleeps when nothing wakes it. */
#define LOOK_EVERY_MS 2000

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
	const struct log_read_options *options;
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
		record = (struct log_record){ .text = line, .text_size = size, .is_stderr = true };

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

/* Sleeps until something has changed, or for a while. */
static int wait_for_more(struct reader *reader)
{
	struct pollfd poller = { .fd = reader->watch, .events = POLLIN };
	char events[4096];
	struct stat status;

	if (poll(&poller, 1, LOOK_EVERY_MS) < 0 && errno != EINTR)
		return -errno;
	while (read(reader->watch, events, sizeof(events)) > 0)
		continue; /* which file it was does not matter */
	/* Cut off by someone: what comes is new. */
	if (fstat(reader->lines.fd, &status) == 0 && status.st_size < reader->lines.offset)
		seek_to(&reader->lines, 0);
	return 0;
}

/* Whether more can come is asked before the file is read to its end: what was written before the
 * container stopped is then seen. */
static int follow(struct reader *reader)
{
	const struct log_read_options *options = reader->options;
	bool more = options->still_writing(options->userdata);
	int r = emit_all(reader);

	while (r == 0 && more) {
		r = wait_for_more(reader);
		more = options->still_writing(options->userdata);
		if (r == 0)
			r = emit_all(reader);
	}
	return r;
}

/* The watch begins before the first reading, so that nothing is missed in between. */
static int watch(struct reader *reader, const char *path)
{
	autofree char *directory = xstrdup(path);
	char *slash = strrchr(directory, '/');

	if (slash)
		slash[slash == directory] = '\0';
	reader->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (reader->watch < 0 ||
	    inotify_add_watch(reader->watch, slash ? directory : ".", IN_MODIFY | IN_MOVED_TO) < 0)
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

int log_file_read(const char *path, const struct log_read_options *options, int fd_out, int fd_err,
		  struct lxcri_error *err)
{
	autorun(reader_finish) struct reader reader = {
		.options = options,
		.lines = { .fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) },
		.sinks = { { .fd = fd_out }, { .fd = fd_err } },
		.watch = -1,
	};
	int r;

	if (reader.lines.fd < 0)
		return fail_errno(err, errno, "read the log %s", path);
	reader.lines.buffer = xcalloc(LINE_MAX_BYTES, 1);
	for (size_t i = 0; i < ARRAY_LEN(reader.sinks); i++)
		reader.sinks[i].bytes = xcalloc(OUT_BYTES, 1);
	r = read_all(&reader, path);
	return r < 0 && r != -EPIPE ? fail_errno(err, r, "read the log %s", path) : 0;
}
