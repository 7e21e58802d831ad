/* SPDX-License-Identifier: MIT */
/* The processes of a container, from /proc. */

#include "os/process_list.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PROC_FILE_MAX 65536

/* What makes a process one of the container's. */
struct membership {
	ino_t namespace;
	char *cgroups; /* NULL: the namespace tells */
};

static int pid_namespace(int process, ino_t *ret)
{
	struct stat status;

	if (fstatat(process, "ns/pid", &status, 0) < 0)
		return -errno;
	*ret = status.st_ino;
	return 0;
}

static bool is_member(int process, const struct membership *membership)
{
	ino_t namespace = 0;

	if (pid_namespace(process, &namespace) < 0 || namespace != membership->namespace)
		return false;
	if (!membership->cgroups)
		return true;

	autofree char *cgroups = NULL;
	size_t size;

	return file_read(process, "cgroup", PROC_FILE_MAX, &cgroups, &size) == 0 &&
	       strcmp(cgroups, membership->cgroups) == 0;
}

/* Fills @ret but for the pid. The command line's words are ended by NUL each. */
static int read_entry(int process, struct process_entry *ret)
{
	autoclose int fd = openat(process, "cmdline", O_RDONLY | O_CLOEXEC);
	struct stat status;
	ssize_t length;

	if (fd < 0 || fstat(process, &status) < 0)
		return -errno;
	ret->uid = status.st_uid;
	length = read(fd, ret->command, sizeof(ret->command) - 1);
	if (length < 0)
		return -errno;
	for (ssize_t i = 0; i < length; i++)
		if (ret->command[i] == '\0')
			ret->command[i] = ' ';
	while (length > 0 && ret->command[length - 1] == ' ')
		length--;
	ret->command[length] = '\0';
	if (length > 0)
		return 0;

	/* A zombie has no command line any more. */
	autofree char *name = NULL;
	size_t size;
	int r = file_read(process, "comm", PROC_FILE_MAX, &name, &size);

	if (r == 0)
		(void)strncpy(ret->command, name, sizeof(ret->command) - 1);
	ret->command[strcspn(ret->command, "\n")] = '\0';
	return r;
}

static int find_membership(int proc, pid_t pid, struct membership *ret)
{
	autofree char *name = xformat("%d", (int)pid);
	autoclose int process = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int self = openat(proc, "self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ino_t ours = 0;
	size_t size;
	int r;

	if (process < 0 || self < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	r = pid_namespace(process, &ret->namespace);
	if (r == 0)
		r = pid_namespace(self, &ours);
	if (r == 0 && ret->namespace == ours)
		r = file_read(process, "cgroup", PROC_FILE_MAX, &ret->cgroups, &size);
	return r;
}

static int by_pid(const void *a, const void *b)
{
	const struct process_entry *first = a, *second = b;

	return first->pid < second->pid ? -1 : first->pid > second->pid;
}

ssize_t process_list(pid_t pid, struct process_entry **ret)
{
	DIR *handle = opendir("/proc");
	struct membership membership = {};
	struct process_entry *entries = NULL;
	size_t count = 0;

	if (!handle)
		return -errno;

	int r = find_membership(dirfd(handle), pid, &membership);

	for (struct dirent *entry = r < 0 ? NULL : readdir(handle); entry;
	     entry = readdir(handle)) {
		autoclose int process = -1;
		struct process_entry found = {};

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		found.pid = (pid_t)strtol(entry->d_name, NULL, 10);
		process = openat(dirfd(handle), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		/* One that ended meanwhile is none of them. */
		if (process < 0 || !is_member(process, &membership) ||
		    read_entry(process, &found) < 0)
			continue;
		entries = xreallocarray(entries, count + 1, sizeof(*entries));
		entries[count++] = found;
	}
	(void)closedir(handle);
	free(membership.cgroups);
	if (r < 0)
		return r;
	if (count > 0)
		qsort(entries, count, sizeof(*entries), by_pid);
	*ret = entries;
	return (ssize_t)count;
}
