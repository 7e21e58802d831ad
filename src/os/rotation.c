/* SPDX-License-Identifier: MIT */
/* A file that is continued by another one when it has become large. */

#include "os/rotation.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES_BYTES 4096

/* musl's is called so. */
#ifndef __GLIBC__
#define getdents64 getdents
#endif

void rotation_name(const char *name, uint64_t number, char path[ROTATION_NAME_MAX])
{
	if (number == 0)
		(void)snprintf(path, ROTATION_NAME_MAX, "%s", name);
	else
		(void)snprintf(path, ROTATION_NAME_MAX, "%s.%" PRIu64, name, number);
}

/* What is looked for in a directory: the nearest to one end of the open range. */
struct search {
	const char *name;
	uint64_t after;
	uint64_t before;
	bool largest;
	bool found;
	uint64_t number;
};

static void consider(struct search *search, const char *entry)
{
	size_t length = strlen(search->name);
	uint64_t number;

	if (strncmp(entry, search->name, length) != 0 || entry[length] != '.' ||
	    text_parse_u64(entry + length + 1, 1, UINT64_MAX - 1, &number) < 0)
		return;
	if (number <= search->after || number >= search->before)
		return;
	if (!search->found || (search->largest ? number > search->number : number < search->number))
		search->number = number;
	search->found = true;
}

/* Looks through the whole directory without opendir(), which allocates. */
static int scan(int dirfd, struct search *search)
{
	_Alignas(struct dirent) char entries[ENTRIES_BYTES];
	ssize_t got;

	if (lseek(dirfd, 0, SEEK_SET) < 0)
		return -errno;
	while ((got = getdents64(dirfd, (void *)entries, sizeof(entries))) > 0)
		for (ssize_t at = 0; at < got;) {
			const struct dirent *entry = (const struct dirent *)(entries + at);

			consider(search, entry->d_name);
			at += entry->d_reclen;
		}
	/* A directory that was removed has no entries. */
	return got < 0 && errno != ENOENT ? -errno : search->found;
}

int rotation_next(int dirfd, const char *name, uint64_t after, uint64_t *ret_number)
{
	struct search search = { .name = name, .after = after, .before = UINT64_MAX };
	int r = scan(dirfd, &search);

	if (r > 0)
		*ret_number = search.number;
	return r;
}

int rotation_previous(int dirfd, const char *name, uint64_t before, uint64_t *ret_number)
{
	struct search search = { .name = name, .before = before, .largest = true };
	int r = scan(dirfd, &search);

	if (r > 0)
		*ret_number = search.number;
	return r;
}

int rotation_number_of(int dirfd, const char *name, int fd, uint64_t *ret_number)
{
	struct stat wanted, status;
	uint64_t number = UINT64_MAX;
	int r;

	if (fstat(fd, &wanted) < 0)
		return -errno;
	/* From the newest down: it is mostly the one that has just been given its number. */
	while ((r = rotation_previous(dirfd, name, number, &number)) > 0) {
		char path[ROTATION_NAME_MAX];

		rotation_name(name, number, path);
		if (fstatat(dirfd, path, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		    status.st_dev == wanted.st_dev && status.st_ino == wanted.st_ino) {
			*ret_number = number;
			return 1;
		}
	}
	return r;
}

static int remove_oldest(int dirfd, const char *name, uint64_t last, unsigned int keep)
{
	uint64_t number;
	int r;

	while ((r = rotation_next(dirfd, name, 0, &number)) > 0 && last - number >= keep) {
		char path[ROTATION_NAME_MAX];

		rotation_name(name, number, path);
		if (unlinkat(dirfd, path, 0) < 0 && errno != ENOENT)
			return -errno;
	}
	return r < 0 ? r : 0;
}

int rotation_rotate(int dirfd, const char *name, unsigned int keep)
{
	char path[ROTATION_NAME_MAX];
	uint64_t last = 0;
	int r = rotation_previous(dirfd, name, UINT64_MAX, &last);

	if (r < 0)
		return r;
	rotation_name(name, last + 1, path);
	if (renameat(dirfd, name, dirfd, path) == 0)
		last++;
	else if (errno != ENOENT)
		return -errno;
	return remove_oldest(dirfd, name, last, keep);
}
