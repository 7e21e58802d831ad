/* SPDX-License-Identifier: MIT */
/* Control groups as they are mounted below /sys/fs/cgroup. */

#include "os/cgroup/cgroup.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define CGROUP_ROOT    "/sys/fs/cgroup"
#define CGROUP_UNIFIED CGROUP_ROOT "/unified"

/* Of one file of the kernel: /proc/PID/cgroup, cgroup.procs. */
#define CGROUP_FILE_MAX (1u << 20)

/* Deeper trees than this are nobody's; the bound ends a recursion. */
#define CGROUP_DEPTH_MAX 64

static bool is_version_2(const char *path)
{
	struct statfs status;

	return statfs(path, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
}

bool cgroup_is_version_2(void)
{
	return is_version_2(CGROUP_ROOT);
}

bool cgroup_is_hybrid_with_controllers(void)
{
	autofree char *controllers = NULL;
	size_t size;

	if (cgroup_is_version_2() || !is_version_2(CGROUP_UNIFIED))
		return false;
	return file_read(AT_FDCWD, CGROUP_UNIFIED "/cgroup.controllers", CGROUP_FILE_MAX,
			 &controllers, &size) == 0 &&
	       strspn(controllers, " \n") < size;
}

static int read_cgroups(const char *file, struct strings *lines)
{
	autofree char *text = NULL;
	char *at = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, file, CGROUP_FILE_MAX, &text, &size);

	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &at); line; line = strtok_r(NULL, "\n", &at))
		strings_add(lines, line);
	return 0;
}

/* Appends the directory that @line of /proc/PID/cgroup names: "ID:CONTROLLERS:PATH". No controllers
 * is version 2, "name=NAME" a hierarchy without. */
static void add_path(struct strings *paths, const char *line)
{
	const char *controllers = strchr(line, ':');
	const char *path = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!path)
		return;
	controllers++;

	int length = (int)(path - controllers);

	path++;
	if (length == 0)
		strings_addf(paths, "%s%s", cgroup_is_version_2() ? CGROUP_ROOT : CGROUP_UNIFIED,
			     path);
	else if (text_starts_with(controllers, "name="))
		strings_addf(paths, "%s/%.*s%s", CGROUP_ROOT, length - 5, controllers + 5, path);
	else
		strings_addf(paths, "%s/%.*s%s", CGROUP_ROOT, length, controllers, path);
}

static bool is_root(const char *line)
{
	const char *path = strrchr(line, ':');

	return path && strcmp(path, ":/") == 0;
}

char *cgroup_of_self(void)
{
	autorun(strings_finish) struct strings lines = {};
	autorun(strings_finish) struct strings paths = {};

	/* Version 2 comes last. */
	if (read_cgroups("/proc/self/cgroup", &lines) == 0 && lines.count > 0)
		add_path(&paths, lines.items[lines.count - 1]);
	return paths.count > 0 ? xstrdup(paths.items[0]) : NULL;
}

int cgroup_list_own(pid_t pid, struct strings *paths)
{
	autorun(strings_finish) struct strings mine = {};
	autorun(strings_finish) struct strings theirs = {};
	char file[64];

	(void)snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);

	int r = read_cgroups("/proc/self/cgroup", &mine);

	if (r == 0)
		r = read_cgroups(file, &theirs);
	for (size_t i = 0; r == 0 && i < theirs.count; i++)
		if (!strings_has(&mine, theirs.items[i]) && !is_root(theirs.items[i]))
			add_path(paths, theirs.items[i]);
	return r;
}

int cgroup_list_parents(struct strings *paths)
{
	autorun(strings_finish) struct strings lines = {};
	bool beside = cgroup_is_version_2();
	int r = read_cgroups("/proc/self/cgroup", &lines);

	for (size_t i = 0; r == 0 && i < lines.count; i++)
		add_path(paths, lines.items[i]);
	/* A cgroup of version 2 that has processes gives no controllers to those below it. */
	for (size_t i = 0; r == 0 && beside && i < paths->count; i++)
		if (strlen(paths->items[i]) > strlen(CGROUP_ROOT "/"))
			*strrchr(paths->items[i], '/') = '\0';
	return r;
}

static void write_control(int dirfd, const char *name, const char *value)
{
	autoclose int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)file_write_all(fd, value,
				     strlen(value)); /* the caller looks at the outcome */
}

static int kill_listed(int dirfd)
{
	autofree char *text = NULL;
	char *at = NULL;
	size_t size;
	int r = file_read(dirfd, "cgroup.procs", CGROUP_FILE_MAX, &text, &size);

	if (r < 0)
		return r == -ENOENT || r == -ENODEV ? 0 : r;
	for (char *line = strtok_r(text, "\n", &at); line; line = strtok_r(NULL, "\n", &at)) {
		uint64_t pid;

		/* 0 is a process of another pid namespace: not ours to name. */
		if (text_parse_u64(line, 1, INT32_MAX, &pid) == 0 && (pid_t)pid != getpid())
			(void)kill((pid_t)pid, SIGKILL); /* one that is gone is no failure */
	}
	return 0;
}

/* Calls @visit for each directory below @dirfd; children are cgroups, all else are plain files. */
static int each_below(int dirfd, int depth, int (*visit)(int parent, const char *name, int depth))
{
	int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	int first = 0;

	if (!dir) {
		closep(&copy);
		return -errno;
	}
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		/* A cgroup may be called with a dot in front; a process is not to hide there. */
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;

		int r = visit(dirfd, entry->d_name, depth + 1);

		if (r < 0 && first == 0)
			first = r;
	}
	closedir(dir);
	return first;
}

static int kill_tree(int parent, const char *name, int depth)
{
	autoclose int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	if (depth > CGROUP_DEPTH_MAX)
		return -ELOOP;
	write_control(dir, "freezer.state", "THAWED");
	write_control(dir, "cgroup.freeze", "0");

	int r = kill_listed(dir);
	int below = each_below(dir, depth, kill_tree);

	return r < 0 ? r : below;
}

int cgroup_kill(const char *path)
{
	return kill_tree(AT_FDCWD, path, 0);
}

static int remove_tree(int parent, const char *name, int depth)
{
	autoclose int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	if (depth > CGROUP_DEPTH_MAX)
		return -ELOOP;
	(void)each_below(dir, depth, remove_tree); /* what stays makes the removal below fail */
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int remove_one(int parent, const char *name, int depth)
{
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_patiently(const char *path, int timeout_ms,
			    int (*remove)(int parent, const char *name, int depth))
{
	const struct timespec step = { .tv_nsec = 2000000 };
	int waited_ms = 0;
	int r;

	while ((r = remove(AT_FDCWD, path, 0)) == -EBUSY && waited_ms < timeout_ms) {
		(void)nanosleep(&step, NULL);
		waited_ms += 2;
	}
	return r;
}

int cgroup_remove(const char *path, int timeout_ms)
{
	return remove_patiently(path, timeout_ms, remove_tree);
}

int cgroup_remove_one(const char *path, int timeout_ms)
{
	return remove_patiently(path, timeout_ms, remove_one);
}

void cgroup_remove_empty(const char *name, int timeout_ms)
{
	DIR *dir = opendir(CGROUP_ROOT);
	autofree char *unified = xformat(CGROUP_ROOT "%s", name);

	if (!dir)
		return;
	/* What is not empty belongs to someone else. */
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		autofree char *path = xformat(CGROUP_ROOT "/%s%s", entry->d_name, name);

		if (entry->d_name[0] != '.' && !cgroup_is_version_2())
			(void)cgroup_remove_one(path, timeout_ms);
	}
	if (cgroup_is_version_2())
		(void)cgroup_remove_one(unified, timeout_ms);
	closedir(dir);
}

static void list_named_below(const char *root, const char *prefix, struct strings *paths)
{
	DIR *dir = opendir(root);

	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
		if (text_starts_with(entry->d_name, prefix))
			strings_addf(paths, "%s/%s", root, entry->d_name);
	if (dir)
		(void)closedir(dir);
}

void cgroup_list_named(const char *prefix, struct strings *paths)
{
	DIR *dir = opendir(CGROUP_ROOT);

	if (!dir)
		return;
	if (cgroup_is_version_2())
		list_named_below(CGROUP_ROOT, prefix, paths);
	/* A hierarchy with several controllers has a name for each that is a link to it. */
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		autofree char *root = xformat(CGROUP_ROOT "/%s", entry->d_name);

		if (entry->d_name[0] != '.' && entry->d_type == DT_DIR && !cgroup_is_version_2())
			list_named_below(root, prefix, paths);
	}
	(void)closedir(dir);
}

static int count_processes(int parent, const char *name, int depth)
{
	autoclose int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	autofree char *text = NULL;
	size_t size = 0;

	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	if (depth > CGROUP_DEPTH_MAX)
		return -ELOOP;

	int r = file_read(dir, "cgroup.procs", CGROUP_FILE_MAX, &text, &size);

	if (r < 0)
		return r == -ENOENT || r == -ENODEV ? 0 : r;
	return size > 0 ? -EBUSY : each_below(dir, depth, count_processes);
}

bool cgroup_has_processes(const char *path)
{
	return count_processes(AT_FDCWD, path, 0) < 0;
}
