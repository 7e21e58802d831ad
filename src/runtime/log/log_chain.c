/* SPDX-License-Identifier: MIT */
/* The lines of a file and of those that it was before.
 *
 * The file that is written to has no number. When its name has passed to another, or to none, it
 * has been rotated: whoever rotates does not write to it any more, so that what is in it then is
 * all of it. Its number, found by its inode, says which file follows. */

#include "runtime/log/log_chain.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* How often a file may be removed between our finding and our opening it. */
#define TRIES_MAX 1000

int log_chain_open(struct log_chain *chain, const char *path)
{
	const char *slash = strrchr(path, '/');
	autofree char *directory =
		slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");

	*chain = LOG_CHAIN_NULL;
	chain->dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (chain->dirfd < 0)
		return -errno;
	chain->name = xstrdup(slash ? slash + 1 : path);
	chain->buffer = xcalloc(LOG_CHAIN_LINE_MAX, 1);
	return 0;
}

void log_chain_finish(struct log_chain *chain)
{
	closep(&chain->fd);
	closep(&chain->dirfd);
	free(chain->name);
	free(chain->buffer);
	*chain = LOG_CHAIN_NULL;
}

void log_chain_seek(struct log_chain *chain, off_t offset)
{
	chain->offset = offset;
	chain->from = chain->size = 0;
}

int log_chain_next_here(struct log_chain *chain, const char **ret_line, size_t *ret_size)
{
	while (chain->fd >= 0) {
		char *at = chain->buffer + chain->from;
		char *newline = memchr(at, '\n', chain->size - chain->from);
		ssize_t got;

		if (newline || chain->size - chain->from == LOG_CHAIN_LINE_MAX) {
			*ret_line = at;
			*ret_size = newline ? (size_t)(newline - at) : LOG_CHAIN_LINE_MAX;
			chain->from += *ret_size + (newline ? 1 : 0);
			return 1;
		}
		memmove(chain->buffer, at, chain->size - chain->from);
		chain->size -= chain->from;
		chain->from = 0;
		got = pread(chain->fd, chain->buffer + chain->size,
			    LOG_CHAIN_LINE_MAX - chain->size, chain->offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : 0;
		chain->size += (size_t)got;
		chain->offset += got;
	}
	return 0;
}

/* Opens the file that has @number. Returns an fd, or -errno. */
static int open_file(const struct log_chain *chain, uint64_t number)
{
	char name[ROTATION_NAME_MAX];

	rotation_name(chain->name, number, name);

	int fd = openat(chain->dirfd, name,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static void use_consume(struct log_chain *chain, int fd, uint64_t number)
{
	closep(&chain->fd);
	chain->fd = fd;
	chain->number = number;
	chain->is_final = number > 0;
	log_chain_seek(chain, 0);
}

/* Tells whether the file without a number is still called by its name: 1, 0 or -errno. A file that
 * was cut short there, as others rotate, is read from its start. */
static int is_current(struct log_chain *chain)
{
	struct stat ours, named;

	if (fstat(chain->fd, &ours) < 0)
		return -errno;
	if (ours.st_size < chain->offset)
		log_chain_seek(chain, 0);
	if (fstatat(chain->dirfd, chain->name, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* Opens what follows the files up to @after: the one of the smallest number, else the one without.
 * That one is opened before the numbers are looked at: if it gets its number in between, it is the
 * one that was opened all the same. While files get their numbers a directory may show a later one
 * without the one before; so that one is looked for by name. */
static int open_after(struct log_chain *chain, uint64_t after)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		autoclose int newest = open_file(chain, 0);
		uint64_t number;
		int r = rotation_next(chain->dirfd, chain->name, after, &number);

		if (r < 0)
			return r;
		if (r == 0) {
			if (newest < 0)
				return newest == -ENOENT ? 0 : newest;
			use_consume(chain, steal_fd(&newest), 0);
			chain->last = after;
			return 1;
		}

		int fd = open_file(chain, after + 1);

		if (fd >= 0)
			number = after + 1;
		else if (fd == -ENOENT)
			fd = open_file(chain, number);
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		chain->has_gap |= chain->fd >= 0 && number > after + 1;
		use_consume(chain, fd, number);
		chain->last = number;
		return 1;
	}
	return -EAGAIN;
}

int log_chain_advance(struct log_chain *chain)
{
	/* Unless it is found under another, as when it has been removed already. */
	uint64_t number = chain->number > 0 ? chain->number : chain->last + 1;

	if (chain->fd >= 0 && chain->number == 0) {
		int r = rotation_number_of(chain->dirfd, chain->name, chain->fd, &number);

		if (r < 0)
			return r;
	}
	return open_after(chain, chain->fd < 0 ? chain->last : number);
}

int log_chain_next(struct log_chain *chain, const char **ret_line, size_t *ret_size)
{
	for (;;) {
		int r = log_chain_next_here(chain, ret_line, ret_size);

		if (r != 0)
			return r;
		if (chain->fd >= 0 && !chain->is_final) {
			r = is_current(chain);
			if (r < 0)
				return r;
			if (r > 0) /* at its start: it was empty, or has been cut short */
				return chain->offset > 0
					       ? 0
					       : log_chain_next_here(chain, ret_line, ret_size);
			chain->is_final = true; /* and is read to its end once more */
			continue;
		}
		r = log_chain_advance(chain);
		if (r <= 0)
			return r;
	}
}

int log_chain_go_newest(struct log_chain *chain)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		uint64_t number = 0;
		int r = rotation_previous(chain->dirfd, chain->name, UINT64_MAX, &number);
		int fd = r < 0 ? r : open_file(chain, 0);

		if (fd >= 0) {
			use_consume(chain, fd, 0);
			chain->last = number;
			return 1;
		}
		if (fd == -ENOENT && r == 0)
			return 0;
		if (fd == -ENOENT)
			fd = open_file(chain, number);
		if (fd >= 0) {
			use_consume(chain, fd, number);
			chain->last = number;
			return 1;
		}
		if (fd != -ENOENT)
			return fd;
	}
	return -EAGAIN;
}

int log_chain_go_end(struct log_chain *chain)
{
	struct stat status;
	int r = log_chain_go_newest(chain);

	if (r <= 0)
		return r;
	if (fstat(chain->fd, &status) < 0)
		return -errno;
	log_chain_seek(chain, status.st_size);
	return 0;
}

static bool is_same(int one, int other)
{
	struct stat first, second;

	return fstat(one, &first) == 0 && fstat(other, &second) == 0 &&
	       first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

int log_chain_go_back(struct log_chain *chain)
{
	uint64_t number = chain->number > 0 ? chain->number : UINT64_MAX;
	int r;

	while ((r = rotation_previous(chain->dirfd, chain->name, number, &number)) > 0) {
		autoclose int fd = open_file(chain, number);

		if (fd < 0 && fd != -ENOENT)
			return fd;
		/* It may have got its number just now. */
		if (fd < 0 || (chain->fd >= 0 && is_same(fd, chain->fd)))
			continue;
		use_consume(chain, steal_fd(&fd), number);
		chain->last = number;
		return 1;
	}
	return r;
}
