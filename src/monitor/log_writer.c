/* SPDX-License-Identifier: MIT */
/* The container's log.
 *
 * All lines of one chunk came at the same time, so that a record is two pieces of a writev(): one
 * of the two prefixes made for the chunk, and the line where it lies. A write that fails halfway
 * through a record is cut back to the record's start. */

#include "monitor/log_writer.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define PREFIX_MAX    64
#define BATCH_RECORDS 128
#define PARTS         3 /* of a record: prefix, text, and a line end where the text has none */

struct batch {
	struct iovec parts[BATCH_RECORDS * PARTS];
	int n_parts;
};

int log_writer_open(struct log_writer *writer, const char *path)
{
	writer->fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
	return writer->fd < 0 ? -errno : 0;
}

/* Writes "TIME STREAM TAG " and returns its length. */
static size_t make_prefix(char prefix[PREFIX_MAX], const struct timespec *when, const char *stream,
			  char tag)
{
	struct tm utc;
	char second[24];

	(void)gmtime_r(&when->tv_sec, &utc);
	(void)strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", &utc);
	return (size_t)snprintf(prefix, PREFIX_MAX, "%s.%09ldZ %s %c ", second, when->tv_nsec,
				stream, tag);
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
}

static void add_part(struct batch *batch, const char *bytes, size_t size)
{
	batch->parts[batch->n_parts++] =
		(struct iovec){ .iov_base = (void *)bytes, .iov_len = size };
}

/* Tells of what was dropped, as soon as that can be written. Returns whether nothing is owed. */
static int settle(struct log_writer *writer, const struct timespec *when)
{
	char prefix[PREFIX_MAX];
	char line[256];
	size_t length = make_prefix(prefix, when, "stderr", 'F');
	uint64_t owed = writer->dropped_bytes;

	if (owed == 0)
		return 1;

	int size = snprintf(line, sizeof(line),
			    "%s[%" PRIu64 " bytes of output are missing here: %s]\n", prefix, owed,
			    strerror(writer->problem));
	struct batch batch = {};

	add_part(&batch, line, length);
	add_part(&batch, line + length, (size_t)size - length);
	add_part(&batch, "", 0);
	writer->dropped_bytes = 0;
	flush(writer, &batch);
	if (writer->dropped_bytes == 0)
		return 1;
	writer->dropped_bytes = owed;
	return 0;
}

void log_writer_add(struct log_writer *writer, const char *stream, const struct timespec *when,
		    const char *bytes, size_t size)
{
	char full[PREFIX_MAX];
	char partial[PREFIX_MAX];
	size_t full_length = make_prefix(full, when, stream, 'F');
	size_t partial_length = make_prefix(partial, when, stream, 'P');
	struct batch batch;

	if (writer->fd < 0 || size == 0)
		return;
	if (!settle(writer, when)) {
		writer->dropped_bytes += size;
		return;
	}
	batch.n_parts = 0;
	for (const char *end = bytes + size; bytes < end;) {
		const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
		const char *next = newline ? newline + 1 : end;

		add_part(&batch, newline ? full : partial, newline ? full_length : partial_length);
		add_part(&batch, bytes, (size_t)(next - bytes));
		add_part(&batch, "\n", newline ? 0 : 1);
		bytes = next;
		if (batch.n_parts == BATCH_RECORDS * PARTS)
			flush(writer, &batch);
		if (writer->dropped_bytes > 0) {
			writer->dropped_bytes += (size_t)(end - bytes);
			return;
		}
	}
	flush(writer, &batch);
}

void log_writer_finish(struct log_writer *writer)
{
	closep(&writer->fd);
	*writer = LOG_WRITER_NULL;
}
