/* SPDX-License-Identifier: MIT */
#pragma once

/* Whole small files: read with a bound, written so that a reader sees the old or the new one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct flock;

/* Reads all of @fd, at most @max bytes. *@ret is ended by a NUL that *@ret_size does not count and
 * is owned by the caller. Returns 0 or -errno; -EFBIG when there is more. */
[[nodiscard]] int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size);

/* The same for @path relative to @dirfd. It must be a regular file (-EINVAL): a fifo would hang. */
[[nodiscard]] int file_read(int dirfd, const char *path, size_t max, char **ret, size_t *ret_size);

/* How much a write must survive. */
enum file_durability {
	FILE_VOLATILE, /* on a tmpfs, or not worth a flush */
	FILE_DURABLE,  /* file and directory are flushed before it returns */
};

/* Puts @size bytes at @name, a path relative to @dirfd, by way of a temporary file beside it and
 * rename, with @mode whatever the umask. On failure the old file stays. Returns 0 or -errno. */
[[nodiscard]] int file_write_atomic(int dirfd, const char *name, const void *bytes, size_t size,
				    mode_t mode, enum file_durability durability);

/* The same, volatile, of a file that bears a lock of this process, as fcntl() gives them, from the
 * moment at which it is there: until *@ret_fd, which the caller owns, is closed or the process
 * ends.
 */
[[nodiscard]] int file_write_locked(int dirfd, const char *name, const void *bytes, size_t size,
				    mode_t mode, int *ret_fd);

/* Asks who has what would be in the way of the lock @wanted, or, where that is NULL, of one on all
 * of the file, and takes none: who asks is in nobody's way. Returns 1, 0 or -errno. *@ret_pid,
 * which may be NULL, is not above 0 for a lock of an open file, or of a process out of our pid
 * namespace's sight. */
[[nodiscard]] int file_find_lock(int fd, const struct flock *wanted, pid_t *ret_pid);

/* Tells whether @name is one that file_write_atomic() gives its temporary files: who was to rename
 * it may be gone. */
bool file_is_temporary(const char *name);

/* Flushes those of the @count files @names in the directory @dirfd that are there, and what the
 * directory says of itself and of them. 0 or -errno. */
[[nodiscard]] int file_flush_all(int dirfd, const char *const names[], size_t count);

/* Writes all of @size bytes, going on after interruptions and short writes. 0 or -errno. */
[[nodiscard]] int file_write_all(int fd, const void *bytes, size_t size);

/* Does the same at @offset of the file; the position of @fd stays. 0 or -errno. */
[[nodiscard]] int file_write_all_at(int fd, const void *bytes, size_t size, int64_t offset);
