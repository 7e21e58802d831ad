/* SPDX-License-Identifier: MIT */
/* The cgroups of an LXC container.
 *
 * liblxc makes them below the cgroup of process 1 with a trailing "init.scope" cut off, in each
 * hierarchy that is mounted below /sys/fs/cgroup. */

#include "runtime/lxc/lxc_cgroup.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/cgroup/cgroup.h"
#include "os/file.h"
#include "os/path.h"
#include "runtime/cgroup_name.h"
#include "runtime/lxc/lxc_runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROOT             "/sys/fs/cgroup"
#define WAIT_MS          2000
#define THAW_TRIES       3
#define THAW_PAUSE_MS    10
#define REMOVE_STEP_MS   4
#define PROCS_BYTES_MAX  (4u << 20)
#define CGROUP_DEPTH_MAX 32
#define NAMES_BYTES_MAX  (16u << 10)

int lxc_cgroup_names(const char *id, const char *run_dir, const char *cgroups_path,
		     struct lxc_cgroup_names *ret, struct lxcri_error *err)
{
	const char *path = cgroups_path ? cgroups_path + strspn(cgroups_path, "/") : "";
	autofree char *payload = NULL;

	if (!*path) {
		payload = cgroup_name(CGROUP_PAYLOAD, id, run_dir);
	} else if (strchr(path, ':')) {
		size_t slice = strcspn(path, ":");
		const char *prefix = path + slice + 1;
		const char *name = strchr(prefix, ':');

		if (!name || !name[1] || slice == 0)
			return fail(err, LXCRI_E_INVALID_SPEC,
				    "linux.cgroupsPath: %s is not SLICE:PREFIX:NAME", path);
		payload = xformat("%.*s/%.*s-%s.scope", (int)slice, path, (int)(name - prefix),
				  prefix, name + 1);
	} else {
		payload = xstrdup(path);
	}
	for (size_t end = strlen(payload); end > 0 && payload[end - 1] == '/'; end--)
		payload[end - 1] = '\0';

	autofree char *bounded = xformat("/%s/", payload);

	if (strstr(bounded, "/../") || strstr(bounded, "/./") || text_has_control(payload) ||
	    !*payload)
		return fail(err, LXCRI_E_INVALID_SPEC,
			    "linux.cgroupsPath: it leaves the hierarchy");
	*ret = (struct lxc_cgroup_names){
		.payload = steal(payload),
		.monitor = cgroup_name("monitor", id, run_dir),
		.pivot = cgroup_name("pivot", id, run_dir),
	};
	return 0;
}

void lxc_cgroup_names_in_scope(const char *path, struct lxc_cgroup_names *ret)
{
	int scope = (int)(strrchr(path, '/') - path) - 1;

	*ret = (struct lxc_cgroup_names){
		.payload = xstrdup(path + 1),
		.monitor = xformat("%.*s/keeper", scope, path + 1),
		.pivot = xformat("%.*s/pivot", scope, path + 1),
	};
}

int lxc_cgroup_names_save(const char *run_dir, const struct lxc_cgroup_names *names,
			  struct lxcri_error *err)
{
	/* None of the names has a line end. */
	autofree char *text = xformat("%s\n%s\n%s", names->payload, names->monitor, names->pivot);

	return lxc_runtime_save(run_dir, LXC_RUNTIME_CGROUP, text, strlen(text), err);
}

int lxc_cgroup_names_load(const char *run_dir, struct lxc_cgroup_names *ret,
			  struct lxcri_error *err)
{
	autofree char *text = NULL;
	size_t size;

	*ret = (struct lxc_cgroup_names){};
	if (lxc_runtime_load(run_dir, LXC_RUNTIME_CGROUP, NAMES_BYTES_MAX, &text, &size, err) < 0)
		return -1;
	if (!text)
		return 0;

	char *rest = text;
	char *payload = strsep(&rest, "\n");
	char *monitor = strsep(&rest, "\n");

	if (!rest || !*payload || !*monitor || !*rest)
		return fail(err, LXCRI_E_INVALID_FORMAT, "read the cgroups of %s: malformed",
			    run_dir);
	*ret = (struct lxc_cgroup_names){ xstrdup(payload), xstrdup(monitor), xstrdup(rest) };
	return 0;
}

void lxc_cgroup_names_finish(struct lxc_cgroup_names *names)
{
	freep(&names->payload);
	freep(&names->monitor);
	freep(&names->pivot);
}

/* Appends the directory that liblxc starts from in each hierarchy. */
static int list_bases(struct strings *bases)
{
	autofree char *text = NULL;
	size_t size;
	int r = file_read(AT_FDCWD, "/proc/1/cgroup", 1u << 16, &text, &size);
	char *rest = text;

	if (r < 0)
		return r;
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		(void)strsep(&line, ":");

		const char *controllers = strsep(&line, ":");

		if (!controllers || !line)
			continue;
		if (text_ends_with(line, "/init.scope"))
			line[strlen(line) - strlen("/init.scope")] = '\0';
		if (text_starts_with(controllers, "name="))
			controllers += strlen("name=");
		if (!*controllers)
			controllers =
				access(ROOT "/cgroup.controllers", F_OK) == 0 ? "" : "unified";
		strings_addf(bases, ROOT "/%s%s", controllers, line);
	}
	return 0;
}

/* Finds the first base that has @name with the file @file in it; *@ret_dir stays NULL when there is
 * none. Returns 0 or -errno: on a hybrid host another base would have another file. */
static int find_with(const char *name, const char *file, char **ret_dir)
{
	autorun(strings_finish) struct strings bases = {};
	int r = list_bases(&bases);

	for (size_t i = 0; r == 0 && i < bases.count && !*ret_dir; i++) {
		autofree char *dir = xformat("%s/%s", bases.items[i], name);
		autofree char *path = xformat("%s/%s", dir, file);
		int there = path_exists(path);

		if (there > 0)
			*ret_dir = steal(dir);
		r = there < 0 ? there : 0;
	}
	return r;
}

static int write_file(const char *dir, const char *file, const char *value)
{
	autofree char *path = xformat("%s/%s", dir, file);
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : file_write_all(fd, value, strlen(value));
}

static void sleep_ms(long milliseconds)
{
	const struct timespec time = { .tv_nsec = milliseconds * 1000000 };

	(void)nanosleep(&time, NULL);
}

/* Waits until @file in @dir has the line @line. There is no event for it in version 1. */
static int wait_for_line(const char *dir, const char *file, const char *line)
{
	autofree char *path = xformat("%s/%s", dir, file);
	autofree char *wanted = xformat("\n%s\n", line);

	for (int waited = 0; waited < WAIT_MS; waited++) {
		autofree char *text = NULL;
		size_t size;
		int r = file_read(AT_FDCWD, path, 4096, &text, &size);

		if (r < 0)
			return r;

		autofree char *bounded = xformat("\n%s", text);

		if (strstr(bounded, wanted))
			return 0;
		sleep_ms(1);
	}
	return -ETIMEDOUT;
}

int lxc_cgroup_freeze(const struct lxc_cgroup_names *names, bool frozen)
{
	autofree char *legacy = NULL;
	autofree char *unified = NULL;
	int r = find_with(names->payload, "freezer.state", &legacy);

	if (r == 0 && !legacy)
		r = find_with(names->payload, "cgroup.freeze", &unified);
	if (r < 0)
		return r;
	if (legacy) {
		const char *state = frozen ? "FROZEN" : "THAWED";

		r = write_file(legacy, "freezer.state", state);
		return r < 0 ? r : wait_for_line(legacy, "freezer.state", state);
	}
	if (!unified)
		return -ENOENT;

	r = write_file(unified, "cgroup.freeze", frozen ? "1" : "0");
	return r < 0 ? r
		     : wait_for_line(unified, "cgroup.events", frozen ? "frozen 1" : "frozen 0");
}

int lxc_cgroup_thaw(const struct lxc_cgroup_names *names)
{
	int r = lxc_cgroup_freeze(names, false);

	/* Nobody would come back to it: a passing shortage is no reason to leave it frozen. */
	for (int tries = 1; r < 0 && r != -ENOENT && tries < THAW_TRIES; tries++) {
		sleep_ms(THAW_PAUSE_MS);
		r = lxc_cgroup_freeze(names, false);
	}
	return r;
}

#define VISIT_COUNT 0 /* all else is a signal */

static int visit(const char *dir, unsigned int depth, int signal);

/* Visits the cgroups below @dir. */
static int visit_children(const char *dir, unsigned int depth, int signal)
{
	DIR *list = opendir(dir);
	int first = 0;

	if (!list)
		return errno == ENOENT ? 0 : -errno;
	for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
		/* liblxc puts further processes into one that is called ".lxc". */
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;

		autofree char *child = xformat("%s/%s", dir, entry->d_name);
		int r = visit(child, depth - 1, signal);

		if (first == 0 || (r > 0 && first > 0))
			first += r;
	}
	(void)closedir(list);
	return first;
}

/* Signals the processes of @dir and of all below, or counts them. Returns the count, 0 or -errno.
 */
static int visit(const char *dir, unsigned int depth, int signal)
{
	autofree char *path = xformat("%s/cgroup.procs", dir);
	autofree char *text = NULL;
	size_t size;

	if (depth == 0)
		return -ELOOP;

	int first = visit_children(dir, depth, signal);

	if (file_read(AT_FDCWD, path, PROCS_BYTES_MAX, &text, &size) < 0)
		return first;

	char *rest = text;

	for (char *line = strsep(&rest, "\n"); line && *line; line = strsep(&rest, "\n")) {
		uint64_t pid;

		if (text_parse_u64(line, 2, INT32_MAX, &pid) < 0 || pid == (uint64_t)getpid())
			continue;
		if (signal == VISIT_COUNT)
			first += first >= 0;
		else if (kill((pid_t)pid, signal) < 0 && errno != ESRCH && first == 0)
			first = -errno;
	}
	return first;
}

/* A frozen process cannot fork away from the signal. Where nothing can be frozen, it is sent as it
 * is. Whatever happened before, the end thaws. */
int lxc_cgroup_kill(const struct lxc_cgroup_names *names, int signal)
{
	autofree char *dir = NULL;
	int r = find_with(names->payload, "cgroup.procs", &dir);

	if (r < 0 || !dir)
		return r < 0 ? r : -ENOENT;

	int frozen = signal == SIGKILL ? lxc_cgroup_freeze(names, true) : -ENOENT;

	r = visit(dir, CGROUP_DEPTH_MAX, signal);

	if (frozen != -ENOENT)
		frozen = lxc_cgroup_thaw(names);
	return r < 0 ? r : frozen == -ENOENT ? 0 : frozen;
}

bool lxc_cgroup_in_use(const struct lxc_cgroup_names *names)
{
	autorun(strings_finish) struct strings bases = {};

	if (list_bases(&bases) < 0)
		return false;
	for (size_t i = 0; i < bases.count; i++) {
		autofree char *dir = xformat("%s/%s", bases.items[i], names->payload);

		if (visit(dir, CGROUP_DEPTH_MAX, VISIT_COUNT) > 0)
			return true;
	}
	return false;
}

/* Kills and removes what is in @dir. A cgroup stays busy for a moment after its last process. */
static int empty_and_remove(const char *dir)
{
	int r = -EBUSY;

	for (int waited = 0; waited < WAIT_MS && r == -EBUSY; waited += REMOVE_STEP_MS) {
		(void)cgroup_kill(dir); /* the removal tells */
		r = cgroup_remove(dir, REMOVE_STEP_MS);
	}
	return r;
}

int lxc_cgroup_remove(const struct lxc_cgroup_names *names)
{
	const char *const all[] = { names->payload, names->monitor, names->pivot };
	autorun(strings_finish) struct strings bases = {};
	int first = list_bases(&bases);

	for (size_t i = 0; i < bases.count; i++)
		for (size_t k = 0; k < ARRAY_LEN(all); k++) {
			autofree char *dir = xformat("%s/%s", bases.items[i], all[k]);

			/* Nearly always liblxc has removed it, or it is empty. */
			if (rmdir(dir) == 0 || errno == ENOENT)
				continue;
			/* A frozen process cannot die. */
			(void)lxc_cgroup_thaw(names);

			int r = empty_and_remove(dir);

			if (first == 0)
				first = r;
		}
	return first;
}
