/* SPDX-License-Identifier: MIT */
/* Where the blobs of an image lie. */

#include "image/registry/graph/held.h"

#include "base/json.h"
#include "base/sha256.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

bool held_has(const struct held *held, const struct digest *digest)
{
	for (size_t i = 0; i < HELD_DIRS; i++)
		if (held->dirs[i] >= 0 && faccessat(held->dirs[i], digest->hex, F_OK, 0) == 0)
			return true;
	return false;
}

/* Opens the regular file; returns a descriptor or -errno. */
static int find(const struct held *held, const struct digest *digest, struct stat *status)
{
	for (size_t i = 0; i < HELD_DIRS; i++) {
		autoclose int fd = held->dirs[i] < 0
					   ? -1
					   : openat(held->dirs[i], digest->hex,
						    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

		if (fd < 0 && (held->dirs[i] < 0 || errno == ENOENT))
			continue;
		if (fd < 0 || fstat(fd, status) < 0)
			return -errno;
		return S_ISREG(status->st_mode) ? steal_fd(&fd) : -EINVAL;
	}
	return -ENOENT;
}

static int open_any(const struct held *held, const struct digest *digest, struct stat *status,
		    struct lxcri_error *err)
{
	int fd;

	if (digest->algorithm != DIGEST_SHA256)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "%s is not a sha256 digest",
			    digest->text);
	fd = find(held, digest, status);
	if (fd == -ENOENT)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED, "%s lacks the blob %s",
			    held->where, digest->text);
	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, fd, "open the blob %s",
				       digest->text);
	return fd;
}

int held_open(const struct held *held, const struct digest *digest, uint64_t size,
	      struct lxcri_error *err)
{
	struct stat status;
	autoclose int fd = open_any(held, digest, &status, err);

	if (fd < 0)
		return -1;
	if ((uint64_t)status.st_size != size)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the blob %s has %lld bytes in %s where %llu are announced",
			    digest->text, (long long)status.st_size, held->where,
			    (unsigned long long)size);
	return steal_fd(&fd);
}

int held_read(const struct held *held, const struct digest *digest, char **ret_bytes,
	      size_t *ret_size, struct lxcri_error *err)
{
	struct stat status;
	autoclose int fd = open_any(held, digest, &status, err);
	autofree char *bytes = NULL;
	char found[SHA256_HEX_SIZE];
	size_t size = 0;
	int r;

	if (fd < 0)
		return -1;
	r = file_read_fd(fd, json_limits_image.bytes_max, &bytes, &size);
	if (r < 0)
		return fail_code_errno(err,
				       r == -EFBIG ? LXCRI_E_LIMIT_EXCEEDED : LXCRI_E_STORAGE_ERROR,
				       r, "read the blob %s", digest->text);
	sha256_hex(bytes, size, found);
	if (strcmp(found, digest->hex) != 0)
		return fail(err, LXCRI_E_INTEGRITY_CHECK_FAILED,
			    "the blob %s holds bytes with the digest sha256:%s in %s", digest->text,
			    found, held->where);
	*ret_bytes = steal(bytes);
	*ret_size = size;
	return 0;
}
