/* SPDX-License-Identifier: MIT */
/* A user namespace needs a process to be born with. It shares our memory, so that none is copied,
 * and waits for the end of a pipe, which comes when we are through, or gone. */

#include "os/userns.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES 4096

/* Three numbers of ten digits, two spaces and a line end for each extent. */
#define MAP_BYTES_MAX (ID_EXTENTS_MAX * 33 + 1)

/* Calls the kernel directly: errno is our parent's too. */
static int wait_for_end(void *argument)
{
	const int *pipe = argument;
	char byte;

	(void)syscall(SYS_close, pipe[1]);
	(void)syscall(SYS_read, pipe[0], &byte, 1);
	return 0;
}

static int write_map(pid_t pid, const char *file, const struct id_extents *extents)
{
	char path[64];
	char lines[MAP_BYTES_MAX];
	int length = 0;

	for (size_t i = 0; i < extents->count; i++)
		length += snprintf(lines + length, sizeof(lines) - (size_t)length, "%u %u %u\n",
				   extents->items[i].inside, extents->items[i].outside,
				   extents->items[i].size);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);

	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* The kernel takes a map in a single write. */
	return fd < 0 || write(fd, lines, (size_t)length) != length ? -errno : 0;
}

static int open_of(pid_t pid)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int map_and_open(pid_t pid, const struct id_map *map)
{
	int r = write_map(pid, "uid_map", &map->uids);

	if (r == 0)
		r = write_map(pid, "gid_map", &map->gids);
	return r < 0 ? r : open_of(pid);
}

int userns_open(const struct id_map *map)
{
	_Alignas(16) char stack[STACK_BYTES];
	int ends[2];
	int r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;

	pid_t pid = clone(wait_for_end, stack + sizeof(stack), CLONE_NEWUSER | CLONE_VM, ends);

	r = pid < 0 ? -errno : map_and_open(pid, map);
	(void)close(ends[0]);
	(void)close(ends[1]);
	/* What keeps it from seeing the end shall not keep us. */
	if (pid > 0)
		(void)kill(pid, SIGKILL);
	while (pid > 0 && waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		continue;
	return r;
}
