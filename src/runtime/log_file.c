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

/* A line of the file is at most a pipe's worth of text and its head. */
#define CHUNK_BYTES (256u << 10)

/* How long a follower sleeps when nothing wakes it. */
#define LOOK_EVERY_MS 2000

struct reader {
	int fd;
	const struct log_read_options *options;
	int fd_out;
	int fd_err;
	bool mid_line; /* the last piece written was no end of a line */
	bool gone;     /* who reads our output has gone */
	size_t length; /* of what is in `bytes` */
	char *bytes;   /* CHUNK_BYTES */
	struct lxcri_error *err;
};

/* The pieces of one line of the file. */
struct line {
	const char *time;
	size_t time_length;
	const char *text;
	size_t text_length;
	bool is_error;
	bool is_end; /* F */
};

/* Takes @length bytes (without the line end) apart. Returns false when they are no line of a log.
 */
static bool split_line(const char *bytes, size_t length, struct line *ret_line)
{
	const char *end = bytes + length;
	const char *stream = memchr(bytes, ' ', length);
	struct line line = { .time = bytes };

	if (!stream || end - stream < 10)
		return false;
	line.time_length = (size_t)(stream - bytes);
	if (memcmp(stream, " stdout ", 8) != 0 && memcmp(stream, " stderr ", 8) != 0)
		return false;
	line.is_error = stream[6] == 'r';
	if ((stream[8] != 'F' && stream[8] != 'P') || stream[9] != ' ')
		return false;
	line.is_end = stream[8] == 'F';
	line.text = stream + 10;
	line.text_length = (size_t)(end - line.text);
	*ret_line = line;
	return true;
}

static int put(struct reader *reader, int fd, const void *bytes, size_t size)
{
	int r = reader->gone ? 0 : file_write_all(fd, bytes, size);

	if (r == -EPIPE)
		reader->gone = true;
	else if (r < 0)
		return fail_errno(reader->err, r, "write the log's lines");
	return 0;
}

static int put_line(struct reader *reader, const char *bytes, size_t length)
{
	struct line line;

	if (!split_line(bytes, length, &line))
		return put(reader, reader->fd_err, bytes, length) < 0 ||
				       put(reader, reader->fd_err, "\n", 1) < 0
			       ? -1
			       : 0;

	int fd = line.is_error ? reader->fd_err : reader->fd_out;

	if (reader->options->timestamps && !reader->mid_line &&
	    (put(reader, fd, line.time, line.time_length) < 0 || put(reader, fd, " ", 1) < 0))
		return -1;
	reader->mid_line = !line.is_end;
	if (!line.is_end)
		return put(reader, fd, line.text, line.text_length);

	/* The line end stands right behind the text in the file as well. */
	return put(reader, fd, line.text, line.text_length + 1);
}

/* Calls @each for every whole line that the file has from its position on; an unfinished one stays
 * in the buffer for the next call. */
static int walk(struct reader *reader,
		int (*each)(struct reader *reader, const char *bytes, size_t length))
{
	for (;;) {
		ssize_t got = read(reader->fd, reader->bytes + reader->length,
				   CHUNK_BYTES - reader->length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_errno(reader->err, errno, "read the log");
		if (got == 0)
			return 0;
		reader->length += (size_t)got;

		char *from = reader->bytes;
		char *end = reader->bytes + reader->length;

		for (char *stop; (stop = memchr(from, '\n', (size_t)(end - from))); from = stop + 1)
			if (each(reader, from, (size_t)(stop - from)) < 0)
				return -1;
		reader->length = (size_t)(end - from);
		if (reader->length == CHUNK_BYTES)
			return fail(reader->err, LXCRI_E_STORAGE_ERROR,
				    "a line of the log is longer than %u bytes", CHUNK_BYTES);
		memmove(reader->bytes, from, reader->length);
	}
}

/* Counts in `options->tail` style: the file is walked once to count, once to skip. */
struct tail {
	struct reader reader; /* first, so that a walk can find it */
	int64_t lines;
	int64_t skip;
};

static int count_line(struct reader *reader, const char *bytes, size_t length)
{
	struct tail *tail = (struct tail *)reader;
	struct line line;

	tail->lines += !split_line(bytes, length, &line) || line.is_end;
	return 0;
}

static int put_late_line(struct reader *reader, const char *bytes, size_t length)
{
	struct tail *tail = (struct tail *)reader;
	struct line line;

	if (tail->skip <= 0)
		return put_line(reader, bytes, length);
	tail->skip -= !split_line(bytes, length, &line) || line.is_end;
	return 0;
}

static int put_tail(struct tail *tail)
{
	struct reader *reader = &tail->reader;

	if (reader->options->tail >= 0) {
		if (walk(reader, count_line) < 0)
			return -1;
		tail->skip = tail->lines - reader->options->tail;
		reader->length = 0;
		if (lseek(reader->fd, 0, SEEK_SET) < 0)
			return fail_errno(reader->err, errno, "rewind the log");
	}
	return walk(reader, put_late_line);
}

static int watch_directory(const char *path)
{
	autofree char *copy = xstrdup(path);
	char *slash = strrchr(copy, '/');
	autoclose int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (slash)
		slash[slash == copy] = '\0';
	if (watch < 0 || inotify_add_watch(watch, slash ? copy : ".", IN_MODIFY | IN_MOVED_TO) < 0)
		return -errno;
	return steal_fd(&watch);
}

/* Copies until nothing can come any more. Whether it can is asked before the file is read to its
 * end: what was written before the container stopped is then seen. */
static int follow(struct tail *tail, int watch)
{
	struct reader *reader = &tail->reader;
	char events[4096];
	bool more = true;

	while (more && !reader->gone) {
		struct pollfd wait = { .fd = watch, .events = POLLIN };

		(void)poll(&wait, 1, LOOK_EVERY_MS);
		while (read(watch, events, sizeof(events)) > 0)
			; /* which file it was does not matter */
		more = reader->options->still_writing(reader->options->userdata);
		if (walk(reader, put_late_line) < 0)
			return -1;
	}
	return 0;
}

int log_file_read(const char *path, const struct log_read_options *options, int fd_out, int fd_err,
		  struct lxcri_error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	autofree char *bytes = xcalloc(CHUNK_BYTES, 1);
	autoclose int watch = options->follow ? watch_directory(path) : -1;
	struct tail tail = { .reader = { .fd = fd,
					 .options = options,
					 .fd_out = fd_out,
					 .fd_err = fd_err,
					 .bytes = bytes,
					 .err = err } };

	if (fd < 0)
		return fail_errno(err, errno, "open the log %s", path);
	if (options->follow && watch < 0)
		return fail_errno(err, watch, "watch the log %s", path);
	if (put_tail(&tail) < 0)
		return -1;
	if (options->follow && options->still_writing(options->userdata))
		return follow(&tail, watch);
	return options->follow ? walk(&tail.reader, put_late_line) : 0;
}
