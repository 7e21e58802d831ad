/* SPDX-License-Identifier: MIT */
/* The container's log.
 *
 * All lines of one chunk came at the same time, so that a record is two pieces of a writev(): one
 * of the two prefixes made for the chunk, and the line where it lies. A write that fails halfway
 * through a record is cut back to the record's start. */

#include "monitor/log_writer.h"

#include "base/moment.h"
#include "base/scope.h"
#include "os/rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define PREFIX_MAX    64
#define BATCH_RECORDS 128
#define PARTS         3 /* of a record: prefix, text, and a line end where the text has none */

/* A torn record is not longer than this. */
#define TORN_BYTES_MAX (128u << 10)
#define TORN_STEP      4096

struct batch {
	struct iovec parts[BATCH_RECORDS * PARTS];
	int n_parts;
	size_t size;
};

/* What came in one chunk: its bytes, and what their records begin with. */
struct output {
	const char *bytes;
	const char *end;
	char full[PREFIX_MAX];
	char partial[PREFIX_MAX];
	size_t full_length;
	size_t partial_length;
};

/* Cuts off what stands behind the last line end: a writer was killed there. */
static int cut_torn(int fd, off_t *size)
{
	char bytes[TORN_STEP];
	off_t least = *size > TORN_BYTES_MAX ? *size - TORN_BYTES_MAX : 0;

	for (off_t end = *size; end > least;) {
		off_t start = end - least > TORN_STEP ? end - TORN_STEP : least;
		ssize_t got = pread(fd, bytes, (size_t)(end - start), start);
		const char *newline = got > 0 ? memrchr(bytes, '\n', (size_t)got) : NULL;

		if (got != end - start)
			return got < 0 ? -errno : -EIO;
		if (newline) {
			off_t whole = start + (newline - bytes) + 1;
			int r = whole == *size ? 0 : ftruncate(fd, whole);

			*size = whole;
			return r < 0 ? -errno : 0;
		}
		end = start;
	}
	if (*size > TORN_BYTES_MAX) /* nothing that a writer of ours has left */
		return write(fd, "\n", 1) < 0 ? -errno : 0;
	*size = 0;
	return ftruncate(fd, 0) < 0 ? -errno : 0;
}

/* Opens the file that is written to, and makes it where it is missing. */
static int open_file(struct log_writer *writer)
{
	autoclose int fd =
		openat(writer->dirfd, writer->name,
		       O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;

	int r = S_ISREG(status.st_mode) ? cut_torn(fd, &status.st_size) : -EINVAL;

	if (r < 0)
		return r;
	writer->size = (uint64_t)status.st_size;
	writer->fd = steal_fd(&fd);
	return 0;
}

static int open_directory(const char *path, const char *slash)
{
	char directory[PATH_MAX];

	if (!slash || slash == path)
		return open(slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (slash - path >= PATH_MAX)
		return -1;
	memcpy(directory, path, (size_t)(slash - path));
	directory[slash - path] = '\0';
	return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int log_writer_open(struct log_writer *writer, const char *path, const struct log_limits *limits)
{
	const char *slash = strrchr(path, '/');
	int r;

	*writer = LOG_WRITER_NULL;
	errno = ENAMETOOLONG;
	writer->dirfd = open_directory(path, slash);
	if (writer->dirfd < 0)
		return -errno;
	writer->name = slash ? slash + 1 : path;
	writer->limits = *limits;
	r = open_file(writer);
	if (r < 0)
		log_writer_finish(writer);
	return r;
}

/* Writes "TIME STREAM TAG " and returns its length. */
static size_t make_prefix(char prefix[PREFIX_MAX], const struct timespec *when, const char *stream,
			  char tag)
{
	char time[MOMENT_BYTES];

	(void)moment_format(moment_of(*when), time);
	return (size_t)snprintf(prefix, PREFIX_MAX, "%s %s %c ", time, stream, tag);
}

static size_t total_of(const struct iovec *parts, int n_parts)
{
	size_t total = 0;

	for (int i = 0; i < n_parts; i++)
		total += parts[i].iov_len;
	return total;
}

/* The bytes of output in a batch, which are what its loss is measured in. */
static size_t output_of(const struct iovec *parts, int n_parts)
{
	size_t total = 0;

	for (int i = 1; i < n_parts; i += PARTS)
		total += parts[i].iov_len;
	return total;
}

/* Returns the number of parts whose records lie completely within the first @written bytes; what
 * is left of @written is how much of the next record got out. */
static int whole_records(const struct iovec *parts, int n_parts, size_t *written)
{
	int done = 0;

	while (done < n_parts && total_of(parts + done, PARTS) <= *written) {
		*written -= total_of(parts + done, PARTS);
		done += PARTS;
	}
	return done;
}

static void drop(struct log_writer *writer, const struct batch *batch, int from, int problem)
{
	writer->dropped_bytes += output_of(batch->parts + from, batch->n_parts - from);
	writer->problem = problem;
}

/* Writes all records of @batch or the first ones, and counts the others as dropped. */
static void flush(struct log_writer *writer, struct batch *batch)
{
	int from = 0;

	while (from < batch->n_parts) {
		ssize_t got = writev(writer->fd, batch->parts + from, batch->n_parts - from);
		struct stat status;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			drop(writer, batch, from, errno);
			break;
		}

		size_t torn = (size_t)got;
		int done = whole_records(batch->parts + from, batch->n_parts - from, &torn);

		from += done;
		writer->size += (size_t)got - torn;
		if (torn > 0 && (fstat(writer->fd, &status) < 0 ||
				 ftruncate(writer->fd, status.st_size - (off_t)torn) < 0)) {
			drop(writer, batch, from, errno);
			break;
		}
		if (done == 0) {
			drop(writer, batch, from, ENOSPC);
			break;
		}
	}
	batch->n_parts = 0;
	batch->size = 0;
}

/* Makes sure that there is a file to write to. */
static int ready(struct log_writer *writer)
{
	return writer->fd >= 0 ? 0 : open_file(writer);
}

/* Goes on in another file. */
static int rotate(struct log_writer *writer)
{
	int r = rotation_rotate(writer->dirfd, writer->name, writer->limits.files - 1);

	if (r < 0)
		return r;
	closep(&writer->fd);
	return ready(writer);
}

/* Makes sure that a record of @size bytes has room in the file behind what @batch has. Returns 0,
 * or a positive errno where that cannot be. */
static int make_room(struct log_writer *writer, struct batch *batch, size_t size)
{
	uint64_t limit = writer->limits.file_bytes;
	uint64_t used = writer->size + batch->size;

	if (batch->n_parts < BATCH_RECORDS * PARTS &&
	    (limit == 0 || used == 0 || used + size <= limit))
		return 0;
	flush(writer, batch);
	if (writer->dropped_bytes > 0)
		return writer->problem;
	if (limit == 0 || writer->size == 0 || writer->size + size <= limit)
		return 0;
	return -rotate(writer);
}

static void add_part(struct batch *batch, const char *bytes, size_t size)
{
	batch->parts[batch->n_parts++] =
		(struct iovec){ .iov_base = (void *)bytes, .iov_len = size };
	batch->size += size;
}

/* Tells of what was dropped, as soon as that can be written. Returns whether nothing is owed. */
static bool settle(struct log_writer *writer, const struct timespec *when)
{
	char line[256];
	size_t length = make_prefix(line, when, "stderr", 'F');
	uint64_t owed = writer->dropped_bytes;
	struct batch batch = {};

	if (owed == 0)
		return true;

	int size = snprintf(line + length, sizeof(line) - length,
			    "[%" PRIu64 " bytes of output are missing here: %s]\n", owed,
			    strerror(writer->problem));

	/* What is dropped from here on is this line. */
	writer->dropped_bytes = 0;
	if (ready(writer) == 0 && make_room(writer, &batch, length + (size_t)size) == 0) {
		add_part(&batch, line, length);
		add_part(&batch, line + length, (size_t)size);
		add_part(&batch, "", 0);
		flush(writer, &batch);
		if (writer->dropped_bytes == 0)
			return true;
	}
	writer->dropped_bytes = owed;
	return false;
}

/* Puts the next record of @output into @batch, as much of a line as a file may hold. */
static int add_record(struct log_writer *writer, struct batch *batch, struct output *output)
{
	const struct log_limits *limits = &writer->limits;
	size_t left = (size_t)(output->end - output->bytes);
	size_t most = limits->file_bytes ? limits->file_bytes - PREFIX_MAX - 1 : SIZE_MAX;
	const char *newline = memchr(output->bytes, '\n', left < most ? left : most);
	size_t size = newline ? (size_t)(newline - output->bytes) + 1 : left < most ? left : most;
	size_t prefix = newline ? output->full_length : output->partial_length;
	int problem = make_room(writer, batch, prefix + size + !newline);

	if (problem)
		return problem;
	add_part(batch, newline ? output->full : output->partial, prefix);
	add_part(batch, output->bytes, size);
	add_part(batch, "\n", newline ? 0 : 1);
	output->bytes += size;
	return 0;
}

void log_writer_add(struct log_writer *writer, const char *stream, const struct timespec *when,
		    const char *bytes, size_t size)
{
	struct output output = { .bytes = bytes, .end = bytes + size };
	struct batch batch;
	int problem = 0;

	if (writer->dirfd < 0 || size == 0)
		return;
	if (!settle(writer, when)) {
		writer->dropped_bytes += size;
		return;
	}
	output.full_length = make_prefix(output.full, when, stream, 'F');
	output.partial_length = make_prefix(output.partial, when, stream, 'P');
	batch.n_parts = 0;
	batch.size = 0;
	problem = -ready(writer);
	while (problem == 0 && output.bytes < output.end)
		problem = add_record(writer, &batch, &output);
	if (batch.n_parts > 0)
		flush(writer, &batch);
	if (output.bytes < output.end) {
		writer->dropped_bytes += (size_t)(output.end - output.bytes);
		writer->problem = problem;
	}
}

void log_writer_finish(struct log_writer *writer)
{
	closep(&writer->fd);
	closep(&writer->dirfd);
	*writer = LOG_WRITER_NULL;
}
