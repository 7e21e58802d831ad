/* SPDX-License-Identifier: MIT */
/* The files of a controller. */

#include "os/cgroup/cgroup_file.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

/* Of one file of the kernel; a list of devices is the longest. */
#define FILE_BYTES_MAX (1u << 20)

/* Version 1 shows no limit as the largest number of pages in bytes. */
#define V1_NO_LIMIT UINT64_C(0x7fffffffff000000)

/* Deeper trees than this are nobody's; the bound ends a recursion. */
#define DEPTH_MAX 64

struct cgroup_host cgroup_host_get(void)
{
	return (struct cgroup_host){ .root = CGROUP_ROOT,
				     .unified =
					     access(CGROUP_ROOT "/cgroup.controllers", F_OK) == 0 };
}

const char *cgroup_name_v2(const char *controller)
{
	if (strcmp(controller, "blkio") == 0)
		return "io";
	return strcmp(controller, "cpuacct") == 0 ? "cpu" : controller;
}

/* Tells whether the @length bytes at @list, words between @separator, have @word. */
static bool list_has(const char *list, size_t length, char separator, const char *word)
{
	size_t size = strlen(word);

	for (const char *at = list, *end = list + length; at < end;) {
		const char *stop = memchr(at, separator, (size_t)(end - at));

		stop = stop ? stop : end;
		if ((size_t)(stop - at) == size && memcmp(at, word, size) == 0)
			return true;
		at = stop + 1;
	}
	return false;
}

/* Tells whether the cgroup of version 2 @dir has @controller. */
static bool has_controller(const char *dir, const char *controller)
{
	autofree char *list = NULL;

	return cgroup_read_text(dir, "cgroup.controllers", &list) == 0 &&
	       list_has(list, strlen(list), ' ', cgroup_name_v2(controller));
}

enum cgroup_version cgroup_version_of(const struct cgroup_host *host, const char *controller)
{
	autofree char *legacy = xformat("%s/%s", host->root, controller);
	autofree char *unified = xformat("%s%s", host->root, host->unified ? "" : "/unified");

	if (!host->unified && access(legacy, F_OK) == 0)
		return CGROUP_V1;
	if (host->without_unified)
		return CGROUP_ABSENT;
	return has_controller(unified, controller) ? CGROUP_V2 : CGROUP_ABSENT;
}

const char *cgroup_find(const struct cgroup_host *host, const struct strings *cgroups,
			const char *controller, enum cgroup_version *ret_version)
{
	size_t skip = strlen(host->root) + 1;

	for (size_t i = 0; i < cgroups->count; i++) {
		const char *path = cgroups->items[i];

		if (strncmp(path, host->root, skip - 1) != 0 || path[skip - 1] != '/')
			continue;

		size_t length = strcspn(path + skip, "/");
		bool v2 = host->unified || list_has(path + skip, length, ',', "unified");

		if (v2 ? !has_controller(path, controller)
		       : !list_has(path + skip, length, ',', controller) || access(path, F_OK) < 0)
			continue;
		*ret_version = v2 ? CGROUP_V2 : CGROUP_V1;
		return path;
	}
	return NULL;
}

int cgroup_read_text(const char *dir, const char *file, char **ret)
{
	autofree char *path = xformat("%s/%s", dir, file);
	size_t size;
	int r = file_read(AT_FDCWD, path, FILE_BYTES_MAX, ret, &size);

	if (r == 0 && size > 0 && (*ret)[size - 1] == '\n')
		(*ret)[size - 1] = '\0';
	return r;
}

/* Reads the number at the start of @text, which a space or a line end ends. */
static int parse_number(const char *text, uint64_t *ret)
{
	autofree char *word = xstrndup(text, strcspn(text, " \n"));
	int r;

	if (strcmp(word, "max") == 0 || strcmp(word, "-1") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	r = text_parse_u64(word, 0, UINT64_MAX, ret);
	if (r == 0 && *ret >= V1_NO_LIMIT)
		*ret = UINT64_MAX;
	return r;
}

int cgroup_read_number(const char *dir, const char *file, uint64_t *ret)
{
	autofree char *text = NULL;
	int r = cgroup_read_text(dir, file, &text);

	return r < 0 ? r : parse_number(text, ret);
}

int cgroup_read_key(const char *dir, const char *file, const char *key, uint64_t *ret)
{
	autofree char *text = NULL;
	size_t length = strlen(key);
	int r = cgroup_read_text(dir, file, &text);

	for (const char *line = text; r == 0 && line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return parse_number(line + length + 1, ret);
	}
	return r < 0 ? r : -ENODATA;
}

int cgroup_write(const char *dir, const char *file, const char *value)
{
	autofree char *path = xformat("%s/%s", dir, file);
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	/* In one piece: the kernel takes each write for a whole value. */
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return -errno;
	return 0;
}

/* Version 1 counts a kill in the cgroup of the process alone. */
static uint64_t count_kills(const char *dir, unsigned int depth)
{
	DIR *list = depth > 0 ? opendir(dir) : NULL;
	uint64_t kills = 0;

	if (!list)
		return 0;
	if (cgroup_read_key(dir, "memory.oom_control", "oom_kill", &kills) < 0)
		kills = 0;
	for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;

		autofree char *child = xformat("%s/%s", dir, entry->d_name);

		kills += count_kills(child, depth - 1);
	}
	(void)closedir(list);
	return kills;
}

uint64_t cgroup_oom_kills(const struct cgroup_host *host, const struct strings *cgroups)
{
	enum cgroup_version version;
	const char *dir = cgroup_find(host, cgroups, "memory", &version);
	uint64_t kills = 0;

	if (!dir)
		return 0;
	if (version == CGROUP_V1)
		return count_kills(dir, DEPTH_MAX);
	return cgroup_read_key(dir, "memory.events", "oom_kill", &kills) < 0 ? 0 : kills;
}
