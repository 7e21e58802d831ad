/* SPDX-License-Identifier: MIT */
/* A user namespace needs a process to be born with. It shares our memory, so that none is copied,
 * and does nothing but wait for its end. */

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

static int wait_for_end(void *unused)
{
	for (;;)
		(void)syscall(SYS_ppoll, NULL, 0, NULL, NULL);
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

int userns_open(const struct id_map *map)
{
	_Alignas(16) char stack[STACK_BYTES];
	pid_t pid = clone(wait_for_end, stack + sizeof(stack), CLONE_NEWUSER | CLONE_VM, NULL);
	int r;

	if (pid < 0)
		return -errno;
	r = write_map(pid, "uid_map", &map->uids);
	if (r == 0)
		r = write_map(pid, "gid_map", &map->gids);
	if (r == 0)
		r = open_of(pid);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, __WALL);
	return r;
}
