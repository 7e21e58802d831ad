/* SPDX-License-Identifier: MIT */
/* What blobs and unpacked layers take on the disk: a line for the directory, "INODE CHANGED", and
 * one for each, "NAME INODE CHANGED BYTES". */

#include "engine/images/kept_sizes.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "image/snapshot/snapshot.h"
#include "os/disk_usage.h"
#include "os/file.h"
#include "os/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX ((size_t)16 << 20)
/* Longer than the clock of any file system stands still. */
#define SETTLED_NS 2000000000ll
#define NO_STAMP   "-"

static int compare_names(const void *a, const void *b)
{
	const struct kept_size *left = a;
	const struct kept_size *right = b;

	return strcmp(left->name, right->name);
}

static void add_new(struct kept_sizes *sizes, const struct kept_size *size)
{
	if ((sizes->n_new & (sizes->n_new - 1)) == 0)
		sizes->new = xreallocarray(sizes->new, sizes->n_new ? 2 * sizes->n_new : 1,
					   sizeof(*size));
	sizes->new[sizes->n_new++] = *size;
}

/* What is known was asked for, so it will be kept. */
static uint64_t use(struct kept_sizes *sizes, struct kept_size *known)
{
	sizes->n_used += !known->is_used;
	known->is_used = true;
	return known->bytes;
}

static int64_t changed_ns_of(const struct stat *status)
{
	return moment_of(status->st_ctim);
}

/* Returns what tells the directory from itself at another time, owned by the caller, or NULL. */
static char *stamp_of(int dirfd)
{
	struct stat status;

	if (fstat(dirfd, &status) < 0 || moment_now() - changed_ns_of(&status) < SETTLED_NS)
		return NULL;
	return xformat("%ju %ju %" PRId64, (uintmax_t)status.st_dev, (uintmax_t)status.st_ino,
		       changed_ns_of(&status));
}

static bool parse_line(const char *line, struct kept_size *ret)
{
	size_t length = strcspn(line, " ");
	char *rest;

	if (length >= sizeof(ret->name))
		return false;
	memcpy(ret->name, line, length);
	ret->inode = strtoull(line + length, &rest, 10);
	ret->changed_ns = strtoll(rest, &rest, 10);
	ret->bytes = strtoull(rest, &rest, 10);
	return *rest == '\0';
}

static size_t count_lines(const char *text)
{
	size_t count = 1;

	for (const char *end = text ? strchr(text, '\n') : NULL; end; end = strchr(end + 1, '\n'))
		count++;
	return count;
}

void kept_sizes_load(struct kept_sizes *sizes, int dirfd, const char *run_dir, const char *name)
{
	autofree char *bytes = NULL;
	char *rest = NULL;
	char *line;
	size_t size;

	sizes->dirfd = dirfd;
	sizes->path = xformat("%s/%s", run_dir, name);
	sizes->stamp = stamp_of(dirfd);
	if (file_read(AT_FDCWD, sizes->path, FILE_BYTES_MAX, &bytes, &size) < 0)
		return;
	line = strtok_r(bytes, "\n", &rest);
	sizes->is_same = line && sizes->stamp && strcmp(line, sizes->stamp) == 0;
	sizes->was_unstamped = line && strcmp(line, NO_STAMP) == 0;
	sizes->items = xcalloc(count_lines(rest), sizeof(sizes->items[0]));
	while ((line = strtok_r(NULL, "\n", &rest)))
		if (parse_line(line, &sizes->items[sizes->count]))
			sizes->count++;
	if (sizes->count > 1)
		qsort(sizes->items, sizes->count, sizeof(sizes->items[0]), compare_names);
}

static int compare_with_name(const void *name, const void *size)
{
	return strcmp(name, ((const struct kept_size *)size)->name);
}

/* Returns what is known of @name, or NULL. Most ask in the order of names. */
static struct kept_size *find(struct kept_sizes *sizes, const char *name)
{
	if (sizes->next < sizes->count && strcmp(sizes->items[sizes->next].name, name) == 0)
		return &sizes->items[sizes->next++];
	return sizes->count == 0 ? NULL
				 : bsearch(name, sizes->items, sizes->count,
					   sizeof(sizes->items[0]), compare_with_name);
}

/* Lists the directory and marks what is still there under its inode: one look at the directory
 * instead of one at each. */
static int list_and_mark(struct kept_sizes *sizes, struct strings *names)
{
	autoclose int fd = openat(sizes->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list)
		return -errno;
	fd = -1;
	for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
		struct kept_size *known = find(sizes, entry->d_name);

		if (known) {
			known->is_there = true;
			known->is_unmoved = known->inode == entry->d_ino;
		} else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			strings_add(names, entry->d_name);
		}
	}
	(void)closedir(list);
	sizes->next = 0;
	for (size_t i = 0; i < sizes->count; i++)
		if (sizes->items[i].is_there)
			strings_add(names, sizes->items[i].name);
	return 0;
}

int kept_sizes_list(struct kept_sizes *sizes, struct strings *names)
{
	/* Once the directory has settled, what happened meanwhile shows in the times of change. */
	if (!sizes->stamp)
		return list_and_mark(sizes, names);
	if (!sizes->is_same)
		return path_list_names(sizes->dirfd, names);
	for (size_t i = 0; i < sizes->count; i++)
		strings_add(names, sizes->items[i].name);
	return 0;
}

/* Without a stamp the directory is listed again the next time. */
static uint64_t return_unkept(struct kept_sizes *sizes, uint64_t bytes)
{
	free(sizes->stamp);
	sizes->stamp = NULL;
	return bytes;
}

uint64_t kept_sizes_get(struct kept_sizes *sizes, const char *name)
{
	autorun(disk_usage_finish) struct disk_usage usage = {};
	struct kept_size *known = find(sizes, name);
	struct kept_size one = {};
	struct stat status;
	int r;

	if (known && (sizes->is_same || known->is_unmoved))
		return use(sizes, known);
	if (fstatat(sizes->dirfd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return return_unkept(sizes, 0);
	(void)snprintf(one.name, sizeof(one.name), "%s", name);
	one.inode = status.st_ino;
	one.changed_ns = changed_ns_of(&status);
	if (known && known->inode == one.inode && known->changed_ns == one.changed_ns)
		return use(sizes, known);
	r = disk_usage_add(&usage, sizes->dirfd, name);
	if (r < 0) {
		log_warning("the size of %s is not all of it: %s", name, strerror(-r));
		return return_unkept(sizes, usage.bytes);
	}
	one.bytes = usage.bytes;
	if (sizes->data_dir)
		one.bytes += snapshot_measure_layer(sizes->data_dir, name);
	if (strcmp(one.name, name) != 0 || strpbrk(name, " \n"))
		return return_unkept(sizes, one.bytes);
	add_new(sizes, &one);
	return one.bytes;
}

static void add_line(struct text *text, const struct kept_size *size)
{
	text_addf(text, "%s %" PRIu64 " %" PRId64 " %" PRIu64 "\n", size->name, size->inode,
		  size->changed_ns, size->bytes);
}

void kept_sizes_save(const struct kept_sizes *sizes)
{
	struct text text = {};

	if ((sizes->is_same || (sizes->was_unstamped && !sizes->stamp)) && sizes->n_new == 0 &&
	    sizes->n_used == sizes->count)
		return;
	text_addf(&text, "%s\n", sizes->stamp ? sizes->stamp : NO_STAMP);
	for (size_t i = 0; i < sizes->count; i++)
		if (sizes->items[i].is_used)
			add_line(&text, &sizes->items[i]);
	for (size_t i = 0; i < sizes->n_new; i++)
		add_line(&text, &sizes->new[i]);
	/* Without it the next one measures again. */
	(void)file_write_atomic(AT_FDCWD, sizes->path, text.data, text.length, 0600, FILE_VOLATILE);
	text_finish(&text);
}

void kept_sizes_finish(struct kept_sizes *sizes)
{
	free(sizes->items);
	free(sizes->new);
	free(sizes->path);
	free(sizes->stamp);
	*sizes = (struct kept_sizes){};
}
