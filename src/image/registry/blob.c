/* SPDX-License-Identifier: MIT */
/* A blob on its way into the directory of downloads.
 *
 * A file that may be somebody else's link into the store by now is never cut off or written from
 * its start: it makes room for a new one. */

#include "image/registry/blob.h"

#include "base/mem.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

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
static int lock_file(struct blob *blob, enum blob_wait wait)
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
		blob->have = (uint64_t)held.st_size;
		blob->fd = steal_fd(&fd);
		return 1;
	}
}

/* Hashes the bytes that are there. Returns 0 or -errno. */
static int hash_file(struct blob *blob)
{
	autofree char *bytes = xzalloc(READ_BYTES);
	uint64_t at = 0;

	while (at < blob->have) {
		ssize_t got = pread(blob->fd, bytes, READ_BYTES, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		hash_add(blob->hash, bytes, (size_t)got);
		at += (uint64_t)got;
	}
	return 0;
}

int blob_restart(void *userdata, struct lxcri_error *err)
{
	struct blob *blob = userdata;
	int r;

	if (unlinkat(blob->dir_fd, blob->hex, 0) < 0 && errno != ENOENT)
		return storage_error(blob, errno, err);
	closep(&blob->fd);
	hash_free(blob->hash);
	blob->hash = hash_create();
	r = lock_file(blob, BLOB_WAIT);
	if (r < 0)
		return storage_error(blob, r, err);
	blob->is_resumed = blob->have > 0;
	r = hash_file(blob);
	return r < 0 ? storage_error(blob, r, err) : 0;
}

/* Tells whether the bytes that are there have the digest; their hash is used up. */
static bool is_right(struct blob *blob)
{
	char hex[SHA256_HEX_SIZE];

	hash_end(blob->hash, hex);
	return strcmp(hex, blob->hex) == 0;
}

int blob_open(struct blob *blob, enum blob_wait wait, struct lxcri_error *err)
{
	int r = lock_file(blob, wait);

	if (r <= 0)
		return r < 0 ? storage_error(blob, r, err) : 0;
	blob->hash = hash_create();
	blob->is_resumed = blob->have > 0;
	if (blob->have <= blob->size) {
		r = hash_file(blob);
		if (r < 0)
			return storage_error(blob, r, err);
	}
	if (blob->have < blob->size || (blob->have == blob->size && is_right(blob)))
		return 1;
	return blob_restart(blob, err) < 0 ? -1 : 1;
}

int blob_take(void *userdata, const void *bytes, size_t size, struct lxcri_error *err)
{
	struct blob *blob = userdata;
	int r = file_write_all_at(blob->fd, bytes, size, (int64_t)blob->have);

	if (r < 0)
		return storage_error(blob, r, err);
	hash_add(blob->hash, bytes, size);
	blob->have += size;
	return 0;
}

int blob_end(void *userdata, struct lxcri_error *err)
{
	struct blob *blob = userdata;
	bool is_resumed = blob->is_resumed;

	if (is_right(blob))
		return 0;
	if (is_resumed)
		return blob_restart(blob, err) < 0 ? -1 : 1;
	(void)unlinkat(blob->dir_fd, blob->hex, 0);
	return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
		    "the registry sends other bytes than those of sha256:%s", blob->hex);
}

void blob_finish(struct blob *blob)
{
	closep(&blob->fd);
	hash_free(steal(blob->hash));
	*blob = BLOB_NULL;
}
