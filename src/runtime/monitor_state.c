/* SPDX-License-Identifier: MIT */
/* What a monitor wrote last, and cleaning up after one that was killed. */

#include "base/json.h"
#include "base/json_walk.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/cgroup/cgroup.h"
#include "os/cgroup/cgroup_file.h"
#include "os/file.h"
#include "os/path.h"
#include "os/process.h"
#include "runtime/monitor.h"
#include "runtime/monitor_state.h"
#include "runtime/cgroup_name.h"
#include "runtime/lxc/lxc_clean.h"
#include "runtime/wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define STATE_BYTES_MAX   (64u << 10)
#define RUNTIME_BYTES_MAX (1u << 20)

/* What a state is mostly less than. */
#define GLANCE_BYTES_MAX 4096

/* A killed process needs a moment; one that does not go in this time is stuck in the kernel. */
#define GONE_TIMEOUT_MS 10000

/* To execute a program takes less, also on a busy machine. */
#define EXECUTE_TIMEOUT_MS 50

/* What a freezer holds does not stop, and makes no children either. */
#define STOP_TIMEOUT_MS 200

/* For the last processes of an empty cgroup to have left it. */
#define LEFT_TIMEOUT_MS 1000

/* Those of a container that are beyond it end with its cgroups, or its pid namespace. */
#define FAMILY_MAX 256

/* A lock of fcntl() cannot be waited for with a bound. */
#define AWAIT_STEP_MS 5

#define EXIT_CODE_LOST 137

/* Whatever else a file may name, nothing outside is ever removed. */
static void add_cgroup(const char *path, struct strings *cgroups)
{
	if (path && text_starts_with(path, "/sys/fs/cgroup/") && !strstr(path, "/../") &&
	    !strings_has(cgroups, path))
		strings_add(cgroups, path);
}

/* What is read of state.json, its numbers as they are written. */
struct reading {
	size_t phase; /* WIRE_PHASES: none that is known */
	int64_t version, pid, pid_start_time, keeper, keeper_start_time, exit_code, started_ns,
		finished_ns, oom_kills;
	bool lost;
};

static int64_t *find_number(const struct json_slice *key, struct reading *reading)
{
	const struct {
		const char *key;
		int64_t *place;
	} numbers[] = {
		{ "version", &reading->version },
		{ "pid", &reading->pid },
		{ "pid_start_time", &reading->pid_start_time },
		{ "keeper", &reading->keeper },
		{ "keeper_start_time", &reading->keeper_start_time },
		{ "exit_code", &reading->exit_code },
		{ "started_ns", &reading->started_ns },
		{ "finished_ns", &reading->finished_ns },
		{ "oom_kills", &reading->oom_kills },
	};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (json_slice_compare(key, numbers[i].key) == 0)
			return numbers[i].place;
	return NULL;
}

static size_t find_phase(const struct json_slice *name)
{
	size_t i = 0;

	while (i < WIRE_PHASES && json_slice_compare(name, wire_phases[i]) != 0)
		i++;
	return i;
}

static int take_cgroups(struct json_walk *walk, struct strings *cgroups, struct lxcri_error *err)
{
	autojson list = NULL;

	if (json_walk_make(walk, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < json_count(list); i++)
		add_cgroup(json_object_get_string(json_object_array_get_idx(list, i)), cgroups);
	return 0;
}

static int take_member(struct json_walk *walk, const struct json_slice *key,
		       struct reading *reading, struct strings *cgroups, struct lxcri_error *err)
{
	int64_t *number = find_number(key, reading);
	struct json_plain value;

	if (json_slice_compare(key, "cgroups") == 0)
		return cgroups ? take_cgroups(walk, cgroups, err) : 0;
	if (json_walk_read(walk, &value, err) < 0)
		return -1;
	if (number && value.type == json_type_int)
		*number = value.number;
	else if (json_slice_compare(key, "phase") == 0 && value.type == json_type_string)
		reading->phase = find_phase(&value.text);
	else if (json_slice_compare(key, "lost") == 0)
		reading->lost = value.type == json_type_boolean && value.number;
	return 0;
}

int monitor_state_parse(const char *json, size_t size, struct monitor_state *ret_state,
			struct strings *cgroups, struct lxcri_error *err)
{
	autorun(json_walk_finish) struct json_walk walk =
		JSON_WALK(json, size, &json_limits_config);
	struct reading reading = { .phase = WIRE_PHASES };
	struct json_slice key;
	int r;

	while ((r = json_walk_next(&walk, &key, err)) > 0)
		if (take_member(&walk, &key, &reading, cgroups, err) < 0)
			return -1;
	if (r < 0)
		return -1;
	if (reading.version > MONITOR_STATE_VERSION)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    WIRE_STATE " is of a later program; install the later program again");
	if (reading.phase == WIRE_PHASES)
		return fail(err, LXCRI_E_INVALID_JSON, "phase is missing or unknown");
	*ret_state = (struct monitor_state){
		.phase = (enum monitor_phase)reading.phase,
		.pid = (pid_t)reading.pid,
		.pid_start_time = (uint64_t)reading.pid_start_time,
		.keeper = (pid_t)reading.keeper,
		.keeper_start_time = (uint64_t)reading.keeper_start_time,
		.exit_code = (int)reading.exit_code,
		.started_ns = reading.started_ns,
		.finished_ns = reading.finished_ns,
		.oom_kills = (uint64_t)reading.oom_kills,
		.lost = reading.lost,
	};
	return 0;
}

/* Tells whether somebody holds the monitor's lock, and who, as file_find_lock() does. */
static int find_holder(int dirfd, pid_t *ret_pid)
{
	autoclose int fd = openat(dirfd, WIRE_LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return file_find_lock(fd, NULL, ret_pid);
}

pid_t monitor_find(int run_dirfd)
{
	pid_t pid = 0;

	return find_holder(run_dirfd, &pid) > 0 && pid > 0 ? pid : 0;
}

int monitor_destroy(int run_dirfd, struct lxcri_error *err)
{
	pid_t pid = 0;
	int r = find_holder(run_dirfd, &pid);

	if (r < 0)
		return fail_errno(err, r, WIRE_LOCK);
	/* It is none of this pid namespace, or the lock one of an open file, as we take it. */
	if (r > 0 && pid <= 0)
		return fail(err, LXCRI_E_INVALID_STATE, "the monitor cannot be told");
	if (r > 0 && kill(pid, SIGKILL) < 0 && errno != ESRCH)
		return fail_errno(err, errno, "kill the monitor %d", (int)pid);
	return 0;
}

static int load(int dirfd, struct monitor_state *ret_state, struct strings *cgroups,
		struct lxcri_error *err)
{
	autofree char *json = NULL;
	size_t size;
	int r = file_read(dirfd, WIRE_STATE, STATE_BYTES_MAX, &json, &size);

	if (r == -ENOENT) {
		*ret_state = (struct monitor_state){ .phase = MONITOR_CREATING };
		return 0;
	}
	if (r < 0)
		return fail_errno(err, r, "read " WIRE_STATE);
	if (monitor_state_parse(json, size, ret_state, cgroups, err) < 0)
		return fail_while(err, WIRE_STATE);
	return 0;
}

int monitor_read_state(int dirfd, struct monitor_state *ret_state, struct lxcri_error *err)
{
	/* In this order: what a monitor that is gone has written is final. */
	bool alive = find_holder(dirfd, NULL) != 0;

	if (load(dirfd, ret_state, NULL, err) < 0)
		return -1;
	ret_state->alive = alive;
	return 0;
}

/* Reads @json in brief. */
static bool glance_at(const char *json, size_t size, struct monitor_state *ret_state)
{
	enum { VERSION, PHASE, STARTED, KEYS };
	static const char *const keys[KEYS] = {
		[VERSION] = "version", [PHASE] = "phase", [STARTED] = "started_ns"
	};
	const struct json_slice object = { json, size };
	struct json_slice values[KEYS];
	struct lxcri_error told_later;
	struct json_slice name;
	size_t phase;

	if (json_pick(&object, keys, KEYS, values, &told_later) < 0 ||
	    json_slice_number(&values[VERSION]) > MONITOR_STATE_VERSION ||
	    values[PHASE].length <= 2)
		return false;
	name = (struct json_slice){ values[PHASE].text + 1, values[PHASE].length - 2 };
	phase = find_phase(&name);
	*ret_state = (struct monitor_state){ .phase = (enum monitor_phase)phase,
					     .alive = true,
					     .started_ns = json_slice_number(&values[STARTED]) };
	return phase < WIRE_PHASES;
}

bool monitor_glance(int dirfd, const char *name, struct monitor_state *ret_state)
{
	autofree char *path = xformat("%s/" WIRE_STATE, name);
	autoclose int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char json[GLANCE_BYTES_MAX];
	ssize_t size;

	if (fd < 0 || file_find_lock(fd, NULL, NULL) <= 0)
		return false;
	size = read(fd, json, sizeof(json));
	/* One that fills it may go on. */
	return size >= 0 && (size_t)size < sizeof(json) && glance_at(json, (size_t)size, ret_state);
}

/* Tells whether two absolute paths are of one hierarchy. */
static bool same_hierarchy(const struct cgroup_host *host, const char *a, const char *b)
{
	size_t skip = strlen(host->root) + 1;
	size_t length = strcspn(a + skip, "/");

	return host->unified ||
	       (strcspn(b + skip, "/") == length && strncmp(a + skip, b + skip, length) == 0);
}

int monitor_read_cgroups(int run_dirfd, struct strings *cgroups, struct lxcri_error *err)
{
	const struct cgroup_host host = cgroup_host_get();
	autorun(strings_finish) struct strings all = {};
	struct monitor_state state;

	if (load(run_dirfd, &state, &all, err) < 0)
		return -1;
	/* Behind those of the container come those of its keeper. */
	for (size_t i = 0; i < all.count; i++) {
		bool seen = false;

		for (size_t k = 0; k < i; k++)
			seen = seen || same_hierarchy(&host, all.items[k], all.items[i]);
		if (!seen)
			strings_add(cgroups, all.items[i]);
	}
	return 0;
}

int monitor_await_end(int run_dirfd, int timeout_ms, struct lxcri_error *err)
{
	int r;

	/* Not the end of the process: it gives the lock back first, for its last words. */
	for (int waited = 0; (r = find_holder(run_dirfd, NULL)) > 0; waited += AWAIT_STEP_MS) {
		if (waited >= timeout_ms)
			return fail(err, LXCRI_E_TIMEOUT, "the monitor does not end");
		(void)poll(NULL, 0, AWAIT_STEP_MS);
	}
	return r < 0 ? fail_errno(err, r, WIRE_LOCK) : 0;
}

/* Kills one process and waits until it is gone. What is gone already is fine. */
static int end_process(pid_t pid, uint64_t start_time, struct lxcri_error *err)
{
	autoclose int pidfd = process_open(pid);
	struct pollfd poller = { .fd = pidfd, .events = POLLIN };
	int r = pidfd < 0 ? pidfd : process_signal(pid, start_time, SIGKILL);

	if (r == -ESRCH)
		return 0;
	if (r < 0)
		return fail_errno(err, r, "kill process %d", (int)pid);
	do {
		r = poll(&poller, 1, GONE_TIMEOUT_MS);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return fail_errno(err, errno, "wait for process %d", (int)pid);
	return r > 0 ? 0 : fail(err, LXCRI_E_TIMEOUT, "process %d does not end", (int)pid);
}

/* Adds what runc says of its cgroups, which outlive the process, and removes what libcrun does. */
static void add_recorded_cgroups(struct json_object *object, struct strings *cgroups)
{
	struct json_object *paths = json_get(object, "cgroup_paths");
	const char *name = json_get_text(object, "cgroup-path");

	if (json_object_is_type(paths, json_type_object)) {
		json_object_object_foreach(paths, subsystem, path)
		{
			(void)subsystem;
			add_cgroup(json_object_get_string(path), cgroups);
		}
	}
	if (name && name[0] == '/' && name[1] && !strstr(name, ".."))
		cgroup_remove_empty(name, LEFT_TIMEOUT_MS);
}

/* What a runtime recorded of a container that the monitor could not record any more: libcrun in
 * "status", runc in "state.json". */
static void read_runtime_record(int dirfd, const char *id, struct monitor_state *state,
				struct strings *cgroups)
{
	static const struct {
		const char *file;
		const char *pid;
		const char *start_time;
	} kinds[] = {
		{ "status", "pid", "process-start-time" },
		{ "state.json", "init_process_pid", "init_process_start" },
	};
	struct lxcri_error ignored = {};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		autofree char *path = xformat("%s/%s", id, kinds[i].file);
		autofree char *text = NULL;
		autojson object = NULL;
		size_t size;

		if (file_read(dirfd, path, RUNTIME_BYTES_MAX, &text, &size) < 0 ||
		    json_parse(text, size, &json_limits_spec, &object, &ignored) < 0)
			continue;
		state->pid = (pid_t)json_get_u64(object, kinds[i].pid, 0);
		state->pid_start_time = json_get_u64(object, kinds[i].start_time, 0);
		add_recorded_cgroups(object, cgroups);
		if (state->pid > 0 && state->pid_start_time > 0)
			(void)cgroup_list_own(state->pid, cgroups); /* gone already: none left */
	}
}

/* A monitor that was killed in the middle of the creation has left no record, but the runtime may
 * have. */
static void find_half_made(int run_dirfd, struct monitor_state *state, struct strings *cgroups)
{
	int fd = openat(run_dirfd, "runtime", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		closep(&fd);
		return;
	}
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (entry->d_name[0] != '.')
			read_runtime_record(dirfd(dir), entry->d_name, state, cgroups);
	closedir(dir);
}

/* Tells whether the arguments in @line (each ended by NUL) have @name with @value behind it. */
static bool has_option(const char *line, size_t size, const char *name, const char *value)
{
	size_t skip = strlen(name) + 1;

	for (size_t at = 0; at + skip < size; at += strlen(line + at) + 1)
		if (strcmp(line + at, name) == 0)
			return strcmp(line + at + skip, value) == 0;
	return false;
}

enum belonging { BELONGS_NOT, BELONGS, BELONGS_MAYBE };

/* A process that just executes a program has no command line for a moment, but a program, which
 * kernel threads and dead processes have not. */
static enum belonging belongs_soon(const char *pid)
{
	autofree char *path = xformat("/proc/%s/exe", pid);
	char target[16];

	return readlink(path, target, sizeof(target)) < 0 ? BELONGS_NOT : BELONGS_MAYBE;
}

/* Children of the monitor that it forked for libcrun, and a container's first process before it
 * has become the user's program, bear the monitor's own command line; a runtime's command has its
 * directory. */
static enum belonging find_belonging(const char *pid, const char *run_dir)
{
	autofree char *path = xformat("/proc/%s/cmdline", pid);
	autofree char *root = xformat("%s/runtime", run_dir);
	autofree char *line = NULL;
	size_t size;

	bool is_ours;

	if (file_read(AT_FDCWD, path, STATE_BYTES_MAX, &line, &size) < 0)
		return BELONGS_NOT;
	if (size == 0)
		return belongs_soon(pid);
	if (strcmp(line, "lxcri-monitor") == 0 || strcmp(line, "lxcri-lxc") == 0)
		is_ours = has_option(line, size, "--run-dir", run_dir);
	else
		is_ours = has_option(line, size, "--root", root);
	return is_ours ? BELONGS : BELONGS_NOT;
}

/* Processes, by the names that they have for ever. */
struct family {
	struct {
		pid_t pid;
		uint64_t start_time;
	} members[FAMILY_MAX];
	size_t count;
	int waited_ms; /* for them to stop */
};

static void add_member(struct family *family, pid_t pid, struct strings *cgroups)
{
	if (family->count == FAMILY_MAX ||
	    process_start_time(pid, &family->members[family->count].start_time) < 0)
		return;
	family->members[family->count++].pid = pid;
	(void)cgroup_list_own(pid, cgroups); /* gone already: none left */
}

/* Adds the children of one thread, which are not those of the others of its process. */
static void add_children(struct family *family, pid_t pid, const char *thread,
			 struct strings *cgroups)
{
	autofree char *path = xformat("/proc/%d/task/%s/children", (int)pid, thread);
	autofree char *text = NULL;
	size_t size;

	if (file_read(AT_FDCWD, path, STATE_BYTES_MAX, &text, &size) < 0)
		return;
	for (char *at = text, *end;; at = end) {
		pid_t child = (pid_t)strtol(at, &end, 10);

		if (end == at)
			return;
		add_member(family, child, cgroups);
	}
}

/* Tells whether the thread will make no more children before it is told to go on. */
static bool has_stopped(pid_t pid, const char *thread)
{
	autofree char *path = xformat("/proc/%d/task/%s/stat", (int)pid, thread);
	autofree char *text = NULL;
	size_t size;

	if (file_read(AT_FDCWD, path, STATE_BYTES_MAX, &text, &size) < 0)
		return true; /* gone */

	const char *behind = strrchr(text, ')');

	/* Behind whatever D waits for comes the stop first. */
	return behind && strchr("TtZXD", behind[2]);
}

/* Waits until a process that was told to stop has, and adds all children that it has then. */
static void add_all_children(struct family *family, pid_t pid, struct strings *cgroups)
{
	autofree char *path = xformat("/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);

	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		if (entry->d_name[0] == '.')
			continue;
		while (!has_stopped(pid, entry->d_name) && family->waited_ms++ < STOP_TIMEOUT_MS)
			(void)poll(NULL, 0, 1);
		add_children(family, pid, entry->d_name, cgroups);
	}
	if (dir)
		closedir(dir);
}

/* Kills and thaws what is in @cgroups. That it worked is told by their removal. */
static void kill_cgroups(const struct strings *cgroups)
{
	for (size_t i = 0; i < cgroups->count; i++)
		(void)cgroup_kill(cgroups->items[i]);
}

/* Ends the process @pid and all below it: a hook that a runtime waits for has no name that tells
 * whose it is. All are looked at before the first is killed, with which others may go; and each is
 * stopped before its children are looked at, of which it could have one more behind our back. */
static int end_family(pid_t pid, struct strings *cgroups, struct lxcri_error *err)
{
	struct family family = {};

	add_member(&family, pid, cgroups);
	for (size_t i = 0; i < family.count; i++) {
		(void)process_signal(family.members[i].pid, family.members[i].start_time, SIGSTOP);
		add_all_children(&family, family.members[i].pid, cgroups);
	}
	for (size_t i = 0; i < family.count; i++)
		(void)process_signal(family.members[i].pid, family.members[i].start_time, SIGKILL);
	kill_cgroups(cgroups); /* what is frozen cannot die */
	for (size_t i = 0; i < family.count; i++)
		if (end_process(family.members[i].pid, family.members[i].start_time, err) < 0)
			return -1;
	return 0;
}

/* Returns how many processes could not be told yet, or -1. */
static int end_told_helpers(const char *run_dir, struct strings *cgroups, struct lxcri_error *err)
{
	DIR *dir = opendir("/proc");
	int untold = 0;
	int r = 0;

	if (!dir)
		return fail_errno(err, errno, "/proc");
	for (struct dirent *entry = readdir(dir); r == 0 && entry; entry = readdir(dir)) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		enum belonging found =
			pid > 0 ? find_belonging(entry->d_name, run_dir) : BELONGS_NOT;

		if (found == BELONGS)
			r = end_family(pid, cgroups, err);
		untold += found == BELONGS_MAYBE;
	}
	closedir(dir);
	return r < 0 ? -1 : untold;
}

static int end_helpers(const char *run_dir, struct strings *cgroups, struct lxcri_error *err)
{
	int untold;

	/* Somebody may hide his command line for good. */
	for (int waited_ms = 0; (untold = end_told_helpers(run_dir, cgroups, err)) > 0 &&
				waited_ms < EXECUTE_TIMEOUT_MS;
	     waited_ms++)
		(void)poll(NULL, 0, 1);
	return untold < 0 ? -1 : 0;
}

static int remove_cgroups(const struct strings *cgroups, struct lxcri_error *err)
{
	for (size_t i = 0; i < cgroups->count; i++) {
		int r = cgroup_remove(cgroups->items[i], GONE_TIMEOUT_MS);

		if (r < 0)
			return fail_errno(err, r, "remove %s", cgroups->items[i]);
	}
	return 0;
}

int monitor_end_strays(const char *run_dir, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings cgroups = {};

	if (end_helpers(run_dir, &cgroups, err) < 0)
		return -1;
	kill_cgroups(&cgroups);
	return remove_cgroups(&cgroups, err);
}

/* A runtime that was killed in the middle of a creation may have made the cgroup that the bundle
 * names, else the one that we name (after its run directory, whose name is the container's id), and
 * recorded nothing yet. Only the empty cgroup itself is removed: the bundle could name any. */
static void remove_named_cgroup(const char *bundle, const char *run_dir)
{
	autofree char *path = xformat("%s/config.json", bundle);
	autofree char *ours = cgroup_name(CGROUP_PAYLOAD, strrchr(run_dir, '/') + 1, run_dir);
	autofree char *by_default = xformat("/%s", ours);
	autofree char *text = NULL;
	autojson spec = NULL;
	struct lxcri_error ignored = {};
	const char *name;
	size_t size;

	if (file_read(AT_FDCWD, path, json_limits_spec.bytes_max, &text, &size) < 0 ||
	    json_parse(text, size, &json_limits_spec, &spec, &ignored) < 0)
		return;
	name = json_get_text(json_get(spec, "linux"), "cgroupsPath");
	if (!name)
		name = by_default;
	if (name && name[0] == '/' && name[1] && !strstr(name, ".."))
		cgroup_remove_empty(name, GONE_TIMEOUT_MS);
}

/* One that names no cgroup gets one of its id from a command-line runtime, in what the monitor has
 * written behind the bundle in @text. */
static void remove_default_cgroups(const char *text, size_t size, const char *run_dir)
{
	for (size_t at = strlen(text) + 1; at < size; at += strlen(text + at) + 1) {
		autofree char *path = xformat("%s%s", text + at, strrchr(run_dir, '/'));

		if (text_starts_with(path, "/sys/fs/cgroup/") && !strstr(path, "/../"))
			(void)cgroup_remove_one(path, LEFT_TIMEOUT_MS); /* or is another's */
	}
}

/* Of a state that is damaged is known what is known of a creation that was killed. */
static int load_or_guess(int run_dirfd, struct monitor_state *state, struct strings *cgroups,
			 struct lxcri_error *err)
{
	if (load(run_dirfd, state, cgroups, err) == 0)
		return 0;
	if (err->code != LXCRI_E_INVALID_JSON)
		return -1;
	*err = (struct lxcri_error){};
	*state = (struct monitor_state){ .phase = MONITOR_CREATING };
	return 0;
}

static int end_everything(int run_dirfd, const char *run_dir, struct monitor_state *state,
			  struct lxcri_error *err)
{
	const struct cgroup_host host = cgroup_host_get();
	autorun(strings_finish) struct strings cgroups = {};
	autofree char *bundle = NULL;
	size_t size;

	if (load_or_guess(run_dirfd, state, &cgroups, err) < 0)
		return -1;
	/* One that stopped names cgroups that it could not remove. */
	if (state->phase == MONITOR_STOPPED && cgroups.count == 0)
		return 0;
	if (end_helpers(run_dir, &cgroups, err) < 0)
		return -1;
	if (state->phase == MONITOR_CREATING)
		find_half_made(run_dirfd, state, &cgroups);
	state->oom_kills = cgroup_oom_kills(&host, &cgroups);
	kill_cgroups(&cgroups);
	if (end_process(state->keeper, state->keeper_start_time, err) < 0)
		return -1;
	/* On its own way out the keeper may have frozen again what we had thawed. */
	kill_cgroups(&cgroups);
	if (end_process(state->pid, state->pid_start_time, err) < 0)
		return -1;
	if (lxc_clean(run_dir, err) < 0)
		return -1;
	if (remove_cgroups(&cgroups, err) < 0)
		return -1;
	if (state->phase == MONITOR_CREATING &&
	    file_read(run_dirfd, WIRE_BUNDLE, STATE_BYTES_MAX, &bundle, &size) == 0) {
		remove_named_cgroup(bundle, run_dir);
		remove_default_cgroups(bundle, size, run_dir);
	}

	/* What a runtime remembers there would stand in the way of another start. */
	int r = path_remove_tree(run_dirfd, "runtime");

	return r < 0 ? fail_errno(err, r, "remove %s/runtime", run_dir) : 0;
}

static int write_lost(int run_dirfd, const struct monitor_state *state, struct lxcri_error *err)
{
	autofree char *json = xformat(
		"{\"version\":%d,\"phase\":\"stopped\",\"lost\":true,\"pid\":0,"
		"\"exit_code\":%d,\"oom_kills\":%llu,\"started_ns\":%lld,\"finished_ns\":%lld}\n",
		MONITOR_STATE_VERSION, EXIT_CODE_LOST, (unsigned long long)state->oom_kills,
		(long long)state->started_ns, (long long)moment_now());
	int r = file_write_atomic(run_dirfd, WIRE_STATE, json, strlen(json), 0600, FILE_VOLATILE);

	return r < 0 ? fail_errno(err, r, "write " WIRE_STATE) : 0;
}

int monitor_exclude(int run_dirfd, int *ret_lock, struct lxcri_error *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	autoclose int fd =
		openat(run_dirfd, WIRE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -1 : 0;

	/* Of the open file, so that another close in this process does not give it up. */
	while (fd >= 0 && (r = fcntl(fd, F_OFD_SETLKW, &lock)) < 0 && errno == EINTR)
		continue;
	if (r < 0)
		return fail_errno(err, errno, "wait for " WIRE_LOCK);
	*ret_lock = steal_fd(&fd);
	return 0;
}

int monitor_cleanup_lost(int run_dirfd, const char *run_dir, struct lxcri_error *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	autoclose int fd =
		openat(run_dirfd, WIRE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct monitor_state state;

	if (fd < 0)
		return fail_errno(err, errno, WIRE_LOCK);
	if (fcntl(fd, F_SETLK, &lock) < 0)
		return fail(err, LXCRI_E_INVALID_STATE, "the container's monitor is alive");
	if (end_everything(run_dirfd, run_dir, &state, err) < 0)
		return fail_while(err, "clean up after a killed monitor");
	if (state.phase == MONITOR_STOPPED)
		return 0;
	(void)unlinkat(run_dirfd, WIRE_SOCKET, 0);
	return write_lost(run_dirfd, &state, err);
}
