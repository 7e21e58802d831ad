/* SPDX-License-Identifier: MIT */
/* The content of a file on its way into an archive. */

#include "os/storage/archive_content.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A file in more pieces is written with its holes. */
#define EXTENTS_MAX 4096

/* One file and where it goes. */
struct content {
	struct archive *archive;
	int fd;
	char *buffer;
};

void archive_content_note(struct archive_entry *entry, int fd, const struct stat *status)
{
	off_t size = status->st_size;
	off_t at = 0;

	if (status->st_blocks * 512 >= size)
		return;
	for (unsigned int count = 0; at < size; count++) {
		off_t data = lseek(fd, at, SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			data = size;
		at = data < size ? lseek(fd, data, SEEK_HOLE) : size;
		if (data < 0 || at < 0 || count == EXTENTS_MAX) {
			archive_entry_sparse_clear(entry);
			return;
		}
		archive_entry_sparse_add_entry(entry, data, at - data);
	}
}

static size_t piece_of(int64_t size)
{
	return size < (int64_t)ARCHIVE_CONTENT_BUFFER ? (size_t)size : ARCHIVE_CONTENT_BUFFER;
}

static int write_bytes(const struct content *content, size_t size)
{
	for (size_t done = 0; done < size;) {
		la_ssize_t written =
			archive_write_data(content->archive, content->buffer + done, size - done);

		if (written <= 0)
			return 1;
		done += (size_t)written;
	}
	return 0;
}

/* Passes over a hole: what stands for it is not written where the archive knows of it. */
static int write_zeroes(const struct content *content, int64_t size)
{
	int r = 0;

	if (size > 0)
		memset(content->buffer, 0, ARCHIVE_CONTENT_BUFFER);
	for (; r == 0 && size > 0; size -= (int64_t)piece_of(size))
		r = write_bytes(content, piece_of(size));
	return r;
}

static int write_extent(const struct content *content, int64_t at, int64_t end)
{
	int r = 0;

	while (r == 0 && at < end) {
		ssize_t got = pread(content->fd, content->buffer, piece_of(end - at), at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ENODATA;
		r = write_bytes(content, (size_t)got);
		at += got;
	}
	return r;
}

int archive_content_write(struct archive *archive, struct archive_entry *entry, int fd,
			  char *buffer)
{
	const struct content content = { .archive = archive, .fd = fd, .buffer = buffer };
	int64_t size = archive_entry_size(entry);
	la_int64_t start;
	la_int64_t length;
	int64_t at = 0;
	int r = 0;

	if (archive_entry_sparse_reset(entry) == 0)
		return write_extent(&content, 0, size);
	while (r == 0 && archive_entry_sparse_next(entry, &start, &length) == ARCHIVE_OK) {
		r = write_zeroes(&content, start - at);
		if (r == 0)
			r = write_extent(&content, start, start + length);
		at = start + length;
	}
	return r != 0 ? r : write_zeroes(&content, size - at);
}
