/* SPDX-License-Identifier: MIT */
#pragma once

/* What a test looks for on the host, or puts there. */

#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/types.h>

/* A test's binary stands elsewhere in the build directory than the helpers. */
static inline void host_find_helper(const char *name)
{
	char self[PATH_MAX] = "";
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(length > 0);
	*strrchr(self, '/') = '\0';

	autofree char *link = xformat("%s/%s", self, name);
	autofree char *target = xformat("../../%s", name);

	assert_true(symlink(target, link) == 0 || errno == EEXIST);
	assert_int_equal(access(link, X_OK), 0);
}

static inline void host_write(const char *dir, const char *name, const char *text)
{
	autofree char *path = xformat("%s/%s", dir, name);
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

/* Tells whether a hierarchy has the cgroup @name. */
static inline bool host_has_cgroup(const char *name)
{
	DIR *dir = opendir("/sys/fs/cgroup");
	bool found = false;

	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		autofree char *path = xformat("/sys/fs/cgroup/%s/%s", entry->d_name, name);

		found = found || access(path, F_OK) == 0;
	}
	closedir(dir);
	return found;
}

/* Tells whether a process has @text in its command line, as a monitor has the run directory. */
static inline bool host_has_process(const char *text)
{
	DIR *dir = opendir("/proc");
	bool found = false;

	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		autofree char *path = xformat("/proc/%s/cmdline", entry->d_name);
		autofree char *line = NULL;
		size_t size;

		if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != (int)getpid() &&
		    file_read(AT_FDCWD, path, 1u << 20, &line, &size) == 0)
			found = found || memmem(line, size, text, strlen(text));
	}
	closedir(dir);
	return found;
}

/* Tells whether the process @pid runs; one that only waits to be reaped does
 * not. */
static inline bool host_has_living(pid_t pid)
{
	autoclose int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	struct pollfd poller = { .fd = pidfd, .events = POLLIN };

	return pidfd >= 0 && poll(&poller, 1, 0) == 0;
}
