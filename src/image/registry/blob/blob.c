/* SPDX-License-Identifier: MIT */
/* A blob on its way into the directory of downloads.
 *
 * A file that may be somebody else's link into the store by now is never cut off or written from
 * its start: it makes room for a new one. */

#include "image/registry/blob/blob.h"

#include "base/mem.h"
#include "image/layer/hash.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 << 10)

int blob_init(struct blob *blob, int dir_fd, const struct descriptor *descriptor,
	      struct lxcri_error *err)
{
	*blob = BLOB_NULL;
	if (descriptor->digest.algorithm != DIGEST_SHA256)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "%s is not a sha256 digest",
			    descriptor->digest.text);
	blob->dir_fd = dir_fd;
	blob->size = descriptor->size;
	memcpy(blob->hex, descriptor->digest.hex, sizeof(blob->hex));
	return 0;
}

static int storage_error(const struct blob *blob, int errnum, struct lxcri_error *err)
{
	return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errnum, "store the download sha256:%s",
			       blob->hex);
}

/* Opens and locks the file. Returns 1, 0 when somebody else has it, or -errno. */
static int lock_file(struct blob *blob, enum blob_wait wait, uint64_t *ret_size)
{
	for (;;) {
		autoclose int fd = openat(blob->dir_fd, blob->hex,
					  O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		struct stat held;
		struct stat named;

		if (fd < 0)
			return -errno;
		while (flock(fd, wait == BLOB_TRY ? LOCK_EX | LOCK_NB : LOCK_EX) < 0) {
			if (errno == EWOULDBLOCK)
				return 0;
			if (errno != EINTR)
				return -errno;
		}
		/* It may have gone into the store while we waited. */
		if (fstat(fd, &held) < 0)
			return -errno;
		if (fstatat(blob->dir_fd, blob->hex, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
		    held.st_ino != named.st_ino)
			continue;
		if (!S_ISREG(held.st_mode))
			return -EINVAL;
		*ret_size = (uint64_t)held.st_size;
		blob->fd = steal_fd(&fd);
		return 1;
	}
}

/* Reads which parts of a file of @file_size bytes are there. Returns 0, or -EINVAL where it cannot
 * be what we wrote, or another -errno. */
static int find_gaps(struct blob *blob, uint64_t file_size)
{
	struct gaps_table table;
	ssize_t got;

	blob->is_mapped = file_size > blob->size;
	if (!blob->is_mapped) {
		gaps_init(&blob->gaps, file_size, blob->size);
		return 0;
	}
	if (file_size != blob->size + sizeof(table))
		return -EINVAL;
	got = pread(blob->fd, &table, sizeof(table), (off_t)blob->size);
	if (got != sizeof(table))
		return got < 0 ? -errno : -EINVAL;
	return gaps_parse(&table, blob->size, &blob->gaps);
}

int blob_open(struct blob *blob, enum blob_wait wait, struct lxcri_error *err)
{
	for (;;) {
		uint64_t file_size;
		int r = lock_file(blob, wait, &file_size);

		if (r <= 0)
			return r < 0 ? storage_error(blob, r, err) : 0;
		r = find_gaps(blob, file_size);
		if (r == 0)
			break;
		if (r != -EINVAL)
			return storage_error(blob, r, err);
		if (blob_forget(blob, err) < 0)
			return -1;
	}
	blob->is_old = blob_have(blob) > 0;
	return 1;
}

uint64_t blob_have(const struct blob *blob)
{
	return blob->size - gaps_missing(&blob->gaps);
}

uint64_t blob_prefix(const struct blob *blob)
{
	return gaps_prefix(&blob->gaps, blob->size);
}

/* The bytes are there before the table says so. */
static int write_table(struct blob *blob)
{
	struct gaps_table table;

	if (!blob->is_mapped && blob->gaps.count < 2)
		return 0;
	blob->is_mapped = true;
	gaps_format(&blob->gaps, blob->size, &table);
	return file_write_all_at(blob->fd, &table, sizeof(table), (int64_t)blob->size);
}

int blob_take(struct blob *blob, uint64_t at, const void *bytes, size_t size,
	      struct lxcri_error *err)
{
	uint64_t from;
	size_t missing;
	int r = 0;

	/* Before bytes make the file longer than what is there from its start. */
	if (!blob->is_mapped)
		r = write_table(blob);
	while (r == 0 && (missing = gaps_find(&blob->gaps, at, size, &from)) > 0) {
		const char *piece = (const char *)bytes + (from - at);

		r = file_write_all_at(blob->fd, piece, missing, (int64_t)from);
		if (r == 0) {
			gaps_fill(&blob->gaps, from, missing);
			r = write_table(blob);
		}
	}
	return r < 0 ? storage_error(blob, r, err) : 0;
}

int blob_complete(struct blob *blob, struct lxcri_error *err)
{
	int r = blob->is_mapped ? ftruncate(blob->fd, (off_t)blob->size) : 0;

	if (r < 0)
		return storage_error(blob, errno, err);
	blob->is_mapped = false;
	closep(&blob->fd);
	return 0;
}

int blob_verify(const struct blob *blob, struct lxcri_error *err)
{
	autoclose int fd = openat(blob->dir_fd, blob->hex, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	autofree char *bytes = xzalloc(READ_BYTES);
	autoptr(hash) hash = hash_create();
	char hex[SHA256_HEX_SIZE];
	ssize_t got = fd < 0 ? -1 : 1;

	while (fd >= 0 && (got = read(fd, bytes, READ_BYTES)) != 0) {
		if (got > 0)
			hash_add(hash, bytes, (size_t)got);
		else if (errno != EINTR)
			break;
	}
	if (got < 0)
		return storage_error(blob, errno, err);
	hash_end(hash, hex);
	return strcmp(hex, blob->hex) == 0;
}

int blob_forget(struct blob *blob, struct lxcri_error *err)
{
	if (unlinkat(blob->dir_fd, blob->hex, 0) < 0 && errno != ENOENT)
		return storage_error(blob, errno, err);
	closep(&blob->fd);
	blob->is_mapped = false;
	blob->gaps = (struct gaps){};
	return 0;
}

void blob_close(struct blob *blob)
{
	closep(&blob->fd);
}

void blob_finish(struct blob *blob)
{
	closep(&blob->fd);
	*blob = BLOB_NULL;
}
