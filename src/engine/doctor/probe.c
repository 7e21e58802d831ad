/* SPDX-License-Identifier: MIT */
/* Small questions to the host. */

#include "engine/doctor/probe.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "engine/engine.h"
#include "os/file.h"
#include "os/helper.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define SMALL_BYTES_MAX (64u << 10)
#define MOUNTS_MAX      (16u << 20)

char *probe_read(const char *path)
{
	char *text = NULL;
	size_t size;

	if (file_read(AT_FDCWD, path, SMALL_BYTES_MAX, &text, &size) < 0)
		return NULL;
	while (size > 0 && text[size - 1] == '\n')
		text[--size] = '\0';
	return text;
}

int probe_read_number(const char *path, uint64_t *ret)
{
	autofree char *text = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, path, SMALL_BYTES_MAX, &text, &size);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	return text_parse_u64(text, 0, UINT64_MAX, ret);
}

int probe_ask_version(const char *path, struct strings *lines)
{
	char *const argv[] = { (char *)path, (char *)"--version", NULL };
	autofree char *text = NULL;
	char *at = NULL;
	size_t size = 0;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;

	autoclose int from = ends[0];
	autoclose int to = ends[1];
	const int fds[] = { -1, to, -1 };
	const struct spawn spawn = { .path = path, .argv = argv, .fds = fds, .n_fds = 3 };
	pid_t pid = process_spawn(&spawn);

	if (pid < 0)
		return pid;
	closep(&to);

	int r = file_read_fd(from, SMALL_BYTES_MAX, &text, &size);
	int status = process_wait(pid);

	if (r < 0 || status < 0)
		return r < 0 ? r : status;
	for (char *line = strtok_r(text, "\n", &at); line; line = strtok_r(NULL, "\n", &at))
		strings_add(lines, line);
	return status == 0 ? 0 : -ENOEXEC;
}

const char *probe_find_version(const struct strings *lines, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < lines->count; i++)
		if (strncmp(lines->items[i], name, length) == 0 && lines->items[i][length] == ' ')
			return lines->items[i] + length + 1;
	return NULL;
}

/* Asks the program @path, which prints a line "@name VERSION". */
static char *ask(const char *path, const char *name)
{
	autorun(strings_finish) struct strings lines = {};

	if (probe_ask_version(path, &lines) < 0)
		return NULL;
	return xstrdup(probe_find_version(&lines, name));
}

static char *ask_helper(const char *helper, const char *name)
{
	autofree char *path = helper_path(helper);

	return ask(path, name);
}

static char *ask_runtime(const struct lxcri_engine *engine, enum lxcri_container_type type,
			 const char *name)
{
	autofree char *path = NULL;
	struct lxcri_error ignored;

	return lxcri_config_runtime_path(engine->config, type, &path, &ignored) < 0
		       ? NULL
		       : ask(path, name);
}

void probe_versions(const struct lxcri_engine *engine, struct lxcri_versions *ret)
{
	*ret = (struct lxcri_versions){
		.liblxc = ask_helper("lxcri-lxc", "liblxc"),
		.libcrun = ask_helper("lxcri-monitor", "libcrun"),
		.runc = ask_runtime(engine, LXCRI_RUNC, "runc version"),
		.crun = ask_runtime(engine, LXCRI_CRUN, "crun version"),
	};
}

void probe_versions_finish(struct lxcri_versions *versions)
{
	free(versions->liblxc);
	free(versions->libcrun);
	free(versions->runc);
	free(versions->crun);
	*versions = (struct lxcri_versions){};
}

char *probe_existing(const char *path)
{
	autofree char *at = xstrdup(path);
	struct stat status;

	while (stat(at, &status) < 0 || !S_ISDIR(status.st_mode)) {
		char *slash = strrchr(at, '/');

		if (!slash || slash == at)
			return xstrdup("/");
		*slash = '\0';
	}
	return steal(at);
}

static bool has_type(const char *path, uint64_t type)
{
	struct statfs status;

	return statfs(path, &status) == 0 && (uint64_t)status.f_type == type;
}

enum probe_cgroups probe_cgroups(void)
{
	struct stat status;

	if (has_type("/sys/fs/cgroup", CGROUP2_SUPER_MAGIC))
		return PROBE_CGROUPS_V2;
	/* One hierarchy of version 1 is enough to tell. */
	if (!has_type("/sys/fs/cgroup/memory", CGROUP_SUPER_MAGIC) &&
	    !has_type("/sys/fs/cgroup/pids", CGROUP_SUPER_MAGIC) &&
	    !has_type("/sys/fs/cgroup/systemd", CGROUP_SUPER_MAGIC) &&
	    stat("/sys/fs/cgroup/unified", &status) < 0)
		return PROBE_CGROUPS_NONE;
	return has_type("/sys/fs/cgroup/unified", CGROUP2_SUPER_MAGIC) ? PROBE_CGROUPS_HYBRID
								       : PROBE_CGROUPS_V1;
}

bool probe_apparmor(void)
{
	autofree char *enabled = probe_read("/sys/module/apparmor/parameters/enabled");

	return enabled && strcmp(enabled, "Y") == 0;
}

bool probe_selinux(void)
{
	return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

bool probe_seccomp(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

char *probe_file_system(const char *path)
{
	autofree char *mounts = NULL;
	char *at = NULL;
	char *found = NULL;
	char device[32];
	struct stat status;
	size_t size;

	if (stat(path, &status) < 0 ||
	    file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTS_MAX, &mounts, &size) < 0)
		return NULL;
	(void)snprintf(device, sizeof(device), " %u:%u ", major(status.st_dev),
		       minor(status.st_dev));
	for (char *line = strtok_r(mounts, "\n", &at); line && !found;
	     line = strtok_r(NULL, "\n", &at)) {
		const char *type = strstr(line, " - ");

		if (type && strstr(line, device) && strstr(line, device) < type)
			found = xstrndup(type + 3, strcspn(type + 3, " "));
	}
	return found;
}
