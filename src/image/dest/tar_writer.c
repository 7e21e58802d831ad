/* SPDX-License-Identifier: MIT */
/* A tar archive of regular files: ustar headers, with a size above 8 GiB in binary as GNU tar
 * writes it. */

#include "image/dest/tar_writer.h"

#include "base/mem.h"
#include "os/file.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define BLOCK          512
#define BUFFER         ((size_t)256 << 10)
#define OCTAL_SIZE_MAX 077777777777ull

struct header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6];
	char version[2];
	char rest[247];
};
static_assert(sizeof(struct header) == BLOCK, "a header is one block");

struct tar_writer {
	int fd;
	uint64_t left; /* of the file that was begun */
	uint64_t size;
	size_t used;
	char *buffer;
};

struct tar_writer *tar_writer_create(int fd)
{
	struct tar_writer *writer = xnew(struct tar_writer);

	writer->fd = fd;
	writer->buffer = xcalloc(BUFFER, 1);
	return writer;
}

void tar_writer_free(struct tar_writer *writer)
{
	if (!writer)
		return;
	free(writer->buffer);
	free(writer);
}

static int flush(struct tar_writer *writer, struct lxcri_error *err)
{
	int r = file_write_all(writer->fd, writer->buffer, writer->used);

	writer->used = 0;
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write the archive") : 0;
}

static int put(struct tar_writer *writer, const void *bytes, size_t size, struct lxcri_error *err)
{
	int r;

	if (size > BUFFER - writer->used && flush(writer, err) < 0)
		return -1;
	if (size < BUFFER) {
		memcpy(writer->buffer + writer->used, bytes, size);
		writer->used += size;
		return 0;
	}
	r = file_write_all(writer->fd, bytes, size);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write the archive") : 0;
}

static void set_size(struct header *header, uint64_t size)
{
	if (size <= OCTAL_SIZE_MAX) {
		(void)snprintf(header->size, sizeof(header->size), "%011llo",
			       (unsigned long long)size);
		return;
	}
	memset(header->size, 0, sizeof(header->size));
	header->size[0] = (char)0x80;
	for (size_t i = sizeof(header->size); size > 0; size >>= 8)
		header->size[--i] = (char)(size & 0xff);
}

static void set_checksum(struct header *header)
{
	const unsigned char *bytes = (const unsigned char *)header;
	unsigned int sum = 0;

	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < sizeof(*header); i++)
		sum += bytes[i];
	(void)snprintf(header->checksum, sizeof(header->checksum), "%06o", sum);
	header->checksum[7] = ' ';
}

int tar_writer_begin(struct tar_writer *writer, const char *name, uint64_t size,
		     struct lxcri_error *err)
{
	struct header header = { .mode = "0000644",
				 .uid = "0000000",
				 .gid = "0000000",
				 .mtime = "00000000000",
				 .type = '0',
				 .magic = "ustar",
				 .version = { '0', '0' } };

	assert(strlen(name) <= sizeof(header.name));
	memcpy(header.name, name, strlen(name));
	set_size(&header, size);
	set_checksum(&header);
	writer->left = writer->size = size;
	return put(writer, &header, sizeof(header), err);
}

int tar_writer_add(struct tar_writer *writer, const void *bytes, size_t size,
		   struct lxcri_error *err)
{
	if (size > writer->left)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "there are more bytes than the %llu announced",
			    (unsigned long long)writer->size);
	writer->left -= size;
	return put(writer, bytes, size, err);
}

int tar_writer_end(struct tar_writer *writer, struct lxcri_error *err)
{
	static const char zeros[BLOCK];
	size_t last = writer->size % BLOCK;

	if (writer->left > 0)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "%llu of the %llu bytes announced are missing",
			    (unsigned long long)writer->left, (unsigned long long)writer->size);
	return last > 0 ? put(writer, zeros, BLOCK - last, err) : 0;
}

int tar_writer_finish(struct tar_writer *writer, struct lxcri_error *err)
{
	static const char zeros[2 * BLOCK];

	return put(writer, zeros, sizeof(zeros), err) < 0 ? -1 : flush(writer, err);
}
