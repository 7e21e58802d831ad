/* SPDX-License-Identifier: MIT */
/* The run-time state: monitors, their directories, mounts and cgroups that nobody has any more. */

#include "engine/system/check.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/home.h"
#include "os/cgroup/cgroup.h"
#include "os/file.h"
#include "runtime/cgroup_name.h"
#include "runtime/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define MOUNTS_MAX     (16u << 20)
#define CMDLINE_MAX    (64u << 10)
#define CGROUP_PREFIX  "proxmox-lxcri."
#define MONITOR_NAME   "lxcri-monitor"
#define RUN_DIR_OPTION "--run-dir"

/* How long a monitor may take to end once its container is gone. */
#define ENDING_MS       2000
#define ENDING_PAUSE_MS 20

/* Tells whether a command has the lock of the open run directory. */
static bool is_busy(int run_fd)
{
	if (flock(run_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	(void)flock(run_fd, LOCK_UN);
	return false;
}

/* Tells whether somebody remembers the container: its data directory, or its record. */
static bool has_record(const struct home *home)
{
	return home_is_persistent(home) || faccessat(home->run_fd, HOME_RECORD_FILE, F_OK, 0) == 0;
}

static void check_one(struct check *check, const char *id)
{
	autorun(home_finish) struct home home = HOME_NULL;
	struct monitor_state state = {};
	struct lxcri_error err = {};
	struct trouble trouble = { "run.state",
				   id,
				   LXCRI_HEALTH_FAULT,
				   "whether it runs is not known",
				   "end its processes, and remove its run directory",
				   false };

	if (home_open(check->engine, id, &home, &err) < 0 || home.run_fd < 0 ||
	    is_busy(home.run_fd))
		return;
	if (monitor_read_state(home.run_fd, &state, &err) < 0) {
		check_report(check, &trouble, "%s", err.text);
		return;
	}
	if (!has_record(&home)) {
		trouble.check = state.alive ? "run.monitor_without_record" : "run.leftover";
		trouble.health = state.alive ? LXCRI_HEALTH_FAULT : LXCRI_HEALTH_WARNING;
		trouble.meaning = "a command that made or deleted it was killed";
		trouble.remedy = "proxmox-lxcri system check --repair, or any look at it";
		home_finish(&home);
		trouble.repaired = check_mend(check, id);
		check_report(check, &trouble, "a run directory without a record%s",
			     state.alive ? ", with a monitor that lives" : "");
	} else if (!state.alive && state.phase != MONITOR_STOPPED &&
		   state.phase != MONITOR_CREATING) {
		trouble.check = "run.monitor_lost";
		trouble.health = LXCRI_HEALTH_WARNING;
		trouble.meaning = "it has ended, and its processes may go on without anybody";
		trouble.remedy = "proxmox-lxcri system check --repair, or any look at it";
		home_finish(&home);
		trouble.repaired = check_mend(check, id);
		check_report(check, &trouble, "its monitor was killed");
	}
}

static void check_directories(struct check *check)
{
	autorun(strings_finish) struct strings names = {};
	autofree char *dir = xformat("%s/containers", check->engine->root);

	check_list(check, dir, &names);
	for (size_t i = 0; i < names.count; i++)
		check_one(check, names.items[i]);
}

/* A monitor's guard has its command line, and another name. */
static bool is_called_monitor(const char *pid)
{
	autofree char *path = xformat("/proc/%s/comm", pid);
	autofree char *name = NULL;
	size_t size;

	return file_read(AT_FDCWD, path, CMDLINE_MAX, &name, &size) == 0 &&
	       strcmp(name, MONITOR_NAME "\n") == 0;
}

/* An engine in a container has a run directory of the same name, elsewhere: what it runs is not for
 * us to look at. */
static bool is_of_this_host(const char *pid)
{
	autofree char *path = xformat("/proc/%s/ns/pid", pid);
	struct stat own;
	struct stat status;

	return stat("/proc/self/ns/pid", &own) == 0 && stat(path, &status) == 0 &&
	       status.st_ino == own.st_ino && status.st_dev == own.st_dev;
}

/* Returns the run directory that the monitor @pid works in, owned by the caller; NULL when the
 * process is no monitor of this host. */
static char *monitor_dir(const char *pid)
{
	autofree char *path = xformat("/proc/%s/cmdline", pid);
	autofree char *line = NULL;
	size_t size = 0;

	if (!is_called_monitor(pid) || !is_of_this_host(pid) ||
	    file_read(AT_FDCWD, path, CMDLINE_MAX, &line, &size) < 0 ||
	    strcmp(line, MONITOR_NAME) != 0)
		return NULL;
	for (size_t at = 0; at < size; at += strlen(line + at) + 1)
		if (strcmp(line + at, RUN_DIR_OPTION) == 0 && at + sizeof(RUN_DIR_OPTION) < size)
			return xstrdup(line + at + sizeof(RUN_DIR_OPTION));
	return NULL;
}

/* Returns the run directory of @pid, owned by the caller, if that is a monitor of ours that has
 * lost it; else NULL. Who deletes a container does not wait until its monitor, which is ending, is
 * gone: it is given time for that. */
static char *lost_dir(const char *pid, const char *prefix)
{
	static const struct timespec pause = { .tv_nsec = ENDING_PAUSE_MS * NS_IN_MS };

	for (int waited_ms = 0;; waited_ms += ENDING_PAUSE_MS) {
		autofree char *dir = monitor_dir(pid);

		if (!dir || !text_starts_with(dir, prefix) || access(dir, F_OK) == 0)
			return NULL;
		if (waited_ms >= ENDING_MS)
			return steal(dir);
		(void)nanosleep(&pause, NULL);
	}
}

/* A monitor whose directory was removed under it cannot be reached any more. */
static void check_monitors(struct check *check)
{
	autorun(strings_finish) struct strings pids = {};
	autofree char *prefix = xformat("%s/containers/", check->engine->root);

	check_list(check, "/proc", &pids);
	for (size_t i = 0; i < pids.count; i++) {
		autofree char *dir = lost_dir(pids.items[i], prefix);
		autofree char *remedy =
			xformat("kill -KILL %s, and look again: what is left of it is then found",
				pids.items[i]);
		const struct trouble trouble = { "run.monitor_without_directory",
						 dir,
						 LXCRI_HEALTH_FAULT,
						 "its container runs, but no command can reach it",
						 remedy,
						 false };

		if (dir)
			check_report(check, &trouble, "the monitor %s has lost its directory",
				     pids.items[i]);
	}
}

/* Root file systems are mounted by monitors alone; what else is mounted below @data, the directory
 * of all containers, somebody else has put there. */
static bool is_root_file_system(const char *path, const char *data)
{
	const char *name = strchr(path + strlen(data), '/');

	return name && text_starts_with(name, "/rootfs") && (name[7] == '\0' || name[7] == '/');
}

/* The namespaces and the shared memory of a pod are mounts in its run directory, its directories in
 * memory such in its data directory. @path is below @dir. One whose record cannot be read is no
 * less a pod's, nor one that is just being made or deleted. */
static bool is_of_pod(struct check *check, const char *path, const char *dir)
{
	const char *id = path + strlen(dir);
	const char *part = id + strcspn(id, "/");
	autofree char *name = xstrndup(id, (size_t)(part - id));
	autorun(record_finish) struct record record = {};
	autorun(home_finish) struct home home = HOME_NULL;
	struct lxcri_error ignored = {};

	if (!text_starts_with(part, "/ns/") && strcmp(part, "/shm") != 0 &&
	    !text_starts_with(part, "/volumes/"))
		return false;
	if (home_open(check->engine, name, &home, &ignored) < 0)
		return true;

	int r = home_load_record(check->engine, &home, &record, &ignored);

	return r < 0 || (r > 0 && record.pod) || (r == 0 && check_is_attended(check, name));
}

/* What the list had may be unmounted by now. */
static bool is_mounted(const char *path)
{
	struct statx status;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &status) < 0)
		return errno != ENOENT;
	return !(status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
	       status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

/* In a line of mountinfo(5) the fifth word is the mount point, in which octal numbers stand for
 * blanks; paths with blanks are passed over. */
static void check_mount_line(struct check *check, char *line)
{
	autofree char *data = xformat("%s/containers/", check->engine->data);
	autofree char *root = xformat("%s/containers/", check->engine->root);
	char *at = NULL;
	char *word = strtok_r(line, " ", &at);

	for (int i = 1; i < 5 && word; i++)
		word = strtok_r(NULL, " ", &at);
	if (!word || (!text_starts_with(word, data) && !text_starts_with(word, root)))
		return;
	if (is_of_pod(check, word, text_starts_with(word, root) ? root : data) || !is_mounted(word))
		return;

	struct trouble trouble = {
		"run.mount",
		word,
		LXCRI_HEALTH_WARNING,
		"the host sees what containers mount for themselves only; it keeps "
		"them from being deleted",
		"umount it",
		false
	};

	trouble.repaired = check->options.repair &&
			   (text_starts_with(word, root) || is_root_file_system(word, data)) &&
			   umount2(word, UMOUNT_NOFOLLOW) == 0;
	check_report(check, &trouble, "something is mounted there");
}

static int check_mounts(struct check *check, struct lxcri_error *err)
{
	autofree char *text = NULL;
	char *at = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTS_MAX, &text, &size);

	if (r < 0)
		return fail_errno(err, r, "read /proc/self/mountinfo");
	for (char *line = strtok_r(text, "\n", &at); line; line = strtok_r(NULL, "\n", &at))
		check_mount_line(check, line);
	return 0;
}

/* Returns the id in the name "proxmox-lxcri.ROLE.ID.MARK", if it is a cgroup of this engine; owned
 * by the caller, else NULL. */
static char *cgroup_owner(const struct check *check, const char *name)
{
	const char *role = name + strlen(CGROUP_PREFIX);
	const char *id = strchr(role, '.');
	const char *mark = strrchr(name, '.');
	struct lxcri_error ignored;

	if (!id || mark <= id + 1)
		return NULL;

	autofree char *role_name = xstrndup(role, (size_t)(id - role));
	autofree char *found = xstrndup(id + 1, (size_t)(mark - id - 1));
	autofree char *run_dir = engine_run_dir(check->engine, found);
	autofree char *expected = cgroup_name(role_name, found, run_dir);

	return engine_check_id(found, &ignored) == 0 && strcmp(expected, name) == 0 ? steal(found)
										    : NULL;
}

/* Tells whether the container may have cgroups: a monitor lives, or a command is at work. */
static bool may_have_cgroups(const struct check *check, const char *id)
{
	autorun(home_finish) struct home home = HOME_NULL;
	struct monitor_state state = {};
	struct lxcri_error ignored;

	if (home_open(check->engine, id, &home, &ignored) < 0 || home.run_fd < 0)
		return false;
	return is_busy(home.run_fd) || monitor_read_state(home.run_fd, &state, &ignored) < 0 ||
	       state.alive;
}

static void check_cgroups(struct check *check)
{
	autorun(strings_finish) struct strings paths = {};

	cgroup_list_named(CGROUP_PREFIX, &paths);
	for (size_t i = 0; i < paths.count; i++) {
		const char *path = paths.items[i];
		autofree char *id = cgroup_owner(check, strrchr(path, '/') + 1);
		bool busy;

		if (!id || may_have_cgroups(check, id) || access(path, F_OK) < 0)
			continue;
		busy = cgroup_has_processes(path);

		struct trouble trouble = { "run.cgroup",
					   path,
					   busy ? LXCRI_HEALTH_FAULT : LXCRI_HEALTH_WARNING,
					   busy ? "processes of a container that has ended go on"
						: "it is left of a container that has ended",
					   busy ? "end the processes that its cgroup.procs lists"
						: "proxmox-lxcri system check --repair",
					   false };

		trouble.repaired = check->options.repair && !busy && cgroup_remove(path, 0) == 0;
		check_report(check, &trouble, "no container %s runs", id);
	}
}

int check_run(struct check *check, struct lxcri_error *err)
{
	check_directories(check);
	check_monitors(check);
	if (check_mounts(check, err) < 0)
		return -1;
	check_cgroups(check);
	return 0;
}
