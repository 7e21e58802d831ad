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
#include <linux/nsfs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PROC_FILE_MAX 65536

/* As many pid namespaces as the kernel puts into one another. */
#define DEPTH_MAX 32

/* What makes a process one of the container's. */
struct membership {
	ino_t namespace;
	ino_t ours;
	char *cgroups; /* NULL: the namespace tells */
	int level;     /* how many namespaces are above the container's, up to ours */
};

static int pid_namespace(int process, ino_t *ret)
{
	struct stat status;

	if (fstatat(process, "ns/pid", &status, 0) < 0)
		return -errno;
	*ret = status.st_ino;
	return 0;
}

/* Tells whether @process is in a namespace that was made in the container's. */
static bool is_below(int process, const struct membership *membership)
{
	autoclose int namespace = openat(process, "ns/pid", O_RDONLY | O_CLOEXEC);

	for (int depth = 0; namespace >= 0 && depth < DEPTH_MAX; depth++) {
		int parent = ioctl(namespace, NS_GET_PARENT);
		struct stat status;

		closep(&namespace);
		namespace = parent;
		if (parent >= 0 && fstat(parent, &status) == 0 &&
		    status.st_ino == membership->namespace)
			return true;
	}
	return false;
}

static bool is_member(int process, const struct membership *membership)
{
	ino_t namespace = 0;

	if (pid_namespace(process, &namespace) < 0)
		return false;
	if (namespace != membership->namespace)
		return !membership->cgroups && namespace != membership->ours &&
		       is_below(process, membership);
	if (!membership->cgroups)
		return true;

	autofree char *cgroups = NULL;
	size_t size;

	return file_read(process, "cgroup", PROC_FILE_MAX, &cgroups, &size) == 0 &&
	       strcmp(cgroups, membership->cgroups) == 0;
}

/* Returns the value behind @name ("\nUid:") in /proc/PID/status. */
static const char *status_field(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line ? line + strlen(name) : "";
}

/* Reads the pids that @process has, from our namespace to its own. Returns how many there are. */
static int read_pids(int process, pid_t pids[static DEPTH_MAX + 1])
{
	autofree char *status = NULL;
	const char *at;
	int count = 0;
	size_t size;

	if (file_read(process, "status", PROC_FILE_MAX, &status, &size) < 0)
		return 0;
	at = status_field(status, "\nNSpid:");
	for (char *end; count <= DEPTH_MAX && *at && *at != '\n'; at = end) {
		long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		pids[count++] = (pid_t)pid;
		end += strspn(end, "\t ");
	}
	return count;
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
	pid_t pids[DEPTH_MAX + 1];
	size_t size;
	int r;

	if (process < 0 || self < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	r = pid_namespace(process, &ret->namespace);
	if (r == 0)
		r = pid_namespace(self, &ret->ours);
	if (r == 0 && ret->namespace == ret->ours)
		r = file_read(process, "cgroup", PROC_FILE_MAX, &ret->cgroups, &size);
	if (r == 0)
		ret->level = read_pids(process, pids) - 1;
	return r < 0 ? r : ret->level < 0 ? -ESRCH : 0;
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
		pid_t pids[DEPTH_MAX + 1];

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		found.pid = (pid_t)strtol(entry->d_name, NULL, 10);
		process = openat(dirfd(handle), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		/* One that ended meanwhile is none of them. */
		if (process < 0 || !is_member(process, &membership) ||
		    read_entry(process, &found) < 0 || read_pids(process, pids) <= membership.level)
			continue;
		found.inner_pid = pids[membership.level];
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

/* Returns the field @number (from 3) of a line of /proc/PID/stat: those before may hold anything.
 */
static uint64_t stat_field(const char *line, int number)
{
	const char *field = strrchr(line, ')');

	for (int i = 2; field && i < number; i++)
		field = strchr(field + 1, ' ');
	return field ? strtoull(field + 1, NULL, 10) : 0;
}

/* The effective one of real, effective, saved. */
static uid_t second_number(const char *numbers)
{
	char *end;

	(void)strtoul(numbers, &end, 10);
	return (uid_t)strtoul(end, NULL, 10);
}

static void read_command(int process, const char *name, size_t name_size,
			 struct process_details *ret)
{
	autoclose int fd = openat(process, "cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, ret->command, sizeof(ret->command) - 1);

	while (length > 0 && ret->command[length - 1] == '\0')
		length--;
	for (ssize_t i = 0; i < length; i++)
		if (ret->command[i] == '\0')
			ret->command[i] = ' ';
	if (length > 0)
		ret->command[length] = '\0';
	else /* a zombie has none any more */
		(void)snprintf(ret->command, sizeof(ret->command), "[%.*s]", (int)name_size, name);
}

static uint64_t ticks_to_ms(uint64_t ticks)
{
	return ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

int process_look(pid_t pid, struct process_details *ret)
{
	autofree char *path = xformat("/proc/%d", (int)pid);
	autoclose int process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *stat = NULL;
	autofree char *status = NULL;
	struct process_details details = {};
	struct timespec now;
	size_t size;

	if (process < 0 || file_read(process, "stat", PROC_FILE_MAX, &stat, &size) < 0 ||
	    file_read(process, "status", PROC_FILE_MAX, &status, &size) < 0)
		return -ESRCH;

	const char *open_bracket = strchr(stat, '(');
	const char *close_bracket = strrchr(stat, ')');

	if (!open_bracket || !close_bracket || close_bracket < open_bracket || !close_bracket[1])
		return -ESRCH;
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	details.state = close_bracket[2];
	details.parent = (pid_t)stat_field(stat, 4);
	details.cpu_ms = ticks_to_ms(stat_field(stat, 14) + stat_field(stat, 15));
	details.age_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	details.age_ms -= ticks_to_ms(stat_field(stat, 22));
	details.rss_bytes = stat_field(stat, 24) * (uint64_t)sysconf(_SC_PAGESIZE);
	details.uid = second_number(status_field(status, "\nUid:"));
	read_command(process, open_bracket + 1, (size_t)(close_bracket - open_bracket - 1),
		     &details);
	*ret = details;
	return 0;
}
