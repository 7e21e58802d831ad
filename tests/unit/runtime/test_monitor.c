/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <sys/file.h>
#include <sys/mount.h>

static void the_exit_code_is_that_of_the_process(void **state)
{
	static const struct {
		const char *script;
		int code;
	} cases[] = { { "exit 0", 0 }, { "exit 7", 7 }, { "kill -9 $$; exit 1", 1 } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct monitor_state recorded;
		struct scene scene;

		scene_init(&scene, state, cases[i].script);
		scene_start(&scene);
		assert_int_equal(scene_wait(&scene), cases[i].code);
		assert_int_equal(monitor_read_state(scene.run_dirfd, &recorded, &scene.err), 0);
		assert_int_equal(recorded.phase, MONITOR_STOPPED);
		assert_int_equal(recorded.exit_code, cases[i].code);
		assert_int_equal(recorded.pid, 0);
		assert_false(recorded.alive);
		assert_true(recorded.started_ns > 0 && recorded.finished_ns >= recorded.started_ns);
		scene_finish(&scene);
	}
}

static void a_glance_tells_of_a_monitor_that_is_alive(void **state)
{
	struct monitor_state recorded;
	struct scene scene;

	scene_init(&scene, state, "trap : USR1; sleep 100");
	scene_create(&scene);

	autoclose int above = open(scene.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(monitor_glance(above, "run", &recorded));
	assert_true(recorded.alive && recorded.phase == MONITOR_CREATED &&
		    recorded.started_ns == 0);
	assert_int_equal(monitor_begin(scene.monitor, &scene.err), 0);
	assert_true(monitor_glance(above, "run", &recorded));
	assert_true(recorded.phase == MONITOR_RUNNING && recorded.started_ns > 0);
	assert_false(monitor_glance(above, "bundle", &recorded));
	assert_false(monitor_glance(above, "none", &recorded));
	assert_false(monitor_glance(-1, "run", &recorded));
	assert_int_equal(monitor_kill(scene.monitor, SIGKILL, false, &scene.err), 0);
	assert_int_equal(scene_wait(&scene), 128 + SIGKILL);
	scene_until(monitor_find(scene.run_dirfd) == 0);
	assert_false(monitor_glance(above, "run", &recorded));
	scene_finish(&scene);
}

static void a_signal_counts_as_128_and_its_number(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "trap : USR1; sleep 100");
	scene_start(&scene);
	assert_int_equal(monitor_kill(scene.monitor, SIGKILL, false, &scene.err), 0);
	assert_int_equal(scene_wait(&scene), 128 + SIGKILL);
	scene_finish(&scene);
}

static void created_means_that_nothing_of_the_user_runs_yet(void **state)
{
	struct monitor_state recorded;
	struct scene scene;

	scene_init(&scene, state, "echo > /marker");
	scene_create(&scene);
	assert_int_equal(monitor_read_state(scene.run_dirfd, &recorded, &scene.err), 0);
	assert_int_equal(recorded.phase, MONITOR_CREATED);
	assert_int_equal(recorded.pid, scene.pid);
	assert_true(recorded.alive);
	assert_true(host_has_cgroup(scene.id));
	scene_sleep(50);
	assert_false(scene_has(&scene, "bundle/rootfs/marker"));
	assert_int_equal(monitor_begin(scene.monitor, &scene.err), 0);
	assert_int_equal(scene_wait(&scene), 0);
	assert_true(scene_has(&scene, "bundle/rootfs/marker"));
	scene_finish(&scene);
}

static void a_container_is_started_once(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "sleep 100");
	scene_start(&scene);
	assert_true(monitor_begin(scene.monitor, &scene.err) < 0);
	assert_int_equal(scene.err.code, LXCRI_E_INVALID_STATE);
	assert_int_equal(monitor_kill(scene.monitor, SIGKILL, false, &scene.err), 0);
	assert_int_equal(scene_wait(&scene), 137);
	scene_finish(&scene);
}

static size_t count_lines(const char *log, const char *stream)
{
	size_t count = 0;

	for (const char *at = log; (at = strstr(at, stream)); at++)
		count++;
	return count;
}

static void a_megabyte_of_output_is_in_the_log_line_by_line(void **state)
{
	struct scene scene;

	scene_init(&scene, state,
		   "i=0; while [ $i -lt 16384 ]; do "
		   "echo 012345678901234567890123456789012345678901234567890123456789012; "
		   "i=$((i+1)); done; echo problem >&2");
	scene_start(&scene);
	assert_int_equal(scene_wait(&scene), 0);

	autofree char *log = scene_read(&scene, "log");

	assert_int_equal(count_lines(log, "Z stdout F 0123456789"), 16384);
	assert_int_equal(count_lines(log, "Z stderr F problem\n"), 1);
	scene_finish(&scene);
}

static void a_creator_that_ends_before_it_commits_leaves_nothing(void **state)
{
	struct scene scene;
	int pipe_fds[2];
	pid_t child;

	scene_init(&scene, state, "sleep 100");
	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	if (child == 0) {
		if (scene_launch(&scene) == 0 &&
		    write(pipe_fds[1], &scene.pid, sizeof(scene.pid)) < 0)
			_exit(1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(pipe_fds[0], &scene.pid, sizeof(scene.pid)), sizeof(scene.pid));
	assert_true(host_has_living(scene.pid));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	scene_until(!host_has_process(scene.run_dir));
	assert_false(scene_has(&scene, "run/state.json"));
	assert_false(scene_has(&scene, "run/monitor.sock"));
	assert_false(scene_has(&scene, "run/monitor.lock"));
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	scene_finish(&scene);
}

static pid_t find_monitor(const struct scene *scene)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	autoclose int fd = openat(scene->run_dirfd, "monitor.lock", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETLK, &lock), 0);
	assert_int_equal(lock.l_type, F_WRLCK);
	return lock.l_pid;
}

static void what_a_killed_monitor_leaves_is_cleaned_up(void **state)
{
	struct monitor_state recorded;
	struct scene scene;

	scene_init(&scene, state, "sleep 100 & sleep 100");
	scene_start(&scene);
	assert_true(monitor_cleanup_lost(scene.run_dirfd, scene.run_dir, &scene.err) < 0);
	assert_int_equal(scene.err.code, LXCRI_E_INVALID_STATE);

	assert_int_equal(kill(find_monitor(&scene), SIGKILL), 0);
	assert_int_equal(monitor_wait(scene.monitor, SCENE_TIMEOUT_MS, &scene.err), -1);
	assert_int_equal(scene.err.code, LXCRI_E_MONITOR_LOST);
	assert_int_equal(monitor_read_state(scene.run_dirfd, &recorded, &scene.err), 0);
	assert_false(recorded.alive);
	assert_int_equal(recorded.phase, MONITOR_RUNNING);

	assert_int_equal(monitor_cleanup_lost(scene.run_dirfd, scene.run_dir, &scene.err), 0);
	assert_int_equal(monitor_read_state(scene.run_dirfd, &recorded, &scene.err), 0);
	assert_int_equal(recorded.phase, MONITOR_STOPPED);
	assert_int_equal(recorded.exit_code, 137);
	assert_true(recorded.lost);
	scene_finish(&scene);
}

static void a_frozen_container_of_a_killed_monitor_is_cleaned_up(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "sleep 100");
	scene_start(&scene);
	assert_int_equal(monitor_pause(scene.monitor, &scene.err), 0);
	assert_int_equal(kill(find_monitor(&scene), SIGKILL), 0);
	scene_until(!host_has_process(scene.run_dir));
	assert_int_equal(monitor_cleanup_lost(scene.run_dirfd, scene.run_dir, &scene.err), 0);
	scene_finish(&scene);
}

static void a_monitor_killed_while_it_creates_leaves_what_can_be_cleaned_up(void **state)
{
	/* From before the program runs to well after the container is created. */
	for (int us = 0; us < 12000; us += 800) {
		const struct timespec delay = { .tv_nsec = us * 1000L };
		autoclose int exclusive = -1;
		struct scene scene;
		pid_t child;

		scene_init(&scene, state, "sleep 100");
		child = fork();
		if (child == 0) {
			/* As a command does, so that it is known when all of it is gone. */
			if (flock(open(scene.run_dir, O_RDONLY | O_CLOEXEC), LOCK_EX) < 0)
				_exit(1);
			(void)scene_launch(&scene);
			(void)pause();
			_exit(0);
		}
		(void)nanosleep(&delay, NULL);

		autoclose int fd = openat(scene.run_dirfd, "monitor.lock", O_RDWR | O_CLOEXEC);
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

		if (fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK)
			(void)kill(lock.l_pid, SIGKILL);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_int_equal(flock(scene.run_dirfd, LOCK_EX), 0);
		scene_until(monitor_cleanup_lost(scene.run_dirfd, scene.run_dir, &scene.err) == 0);
		/* One that has not begun yet ends by itself. */
		assert_int_equal(monitor_exclude(scene.run_dirfd, &exclusive, &scene.err), 0);
		scene_until(!host_has_process(scene.id));
		scene_finish(&scene);
	}
}

static void a_terminated_monitor_ends_its_container_and_records_it(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "sleep 100");
	scene_start(&scene);
	assert_int_equal(kill(find_monitor(&scene), SIGTERM), 0);
	assert_int_equal(scene_wait(&scene), 137);
	scene_finish(&scene);
}

static void pausing_stops_the_processes_and_resuming_lets_them_go(void **state)
{
	struct monitor_state recorded;
	struct scene scene;

	scene_init(&scene, state, "while :; do echo x >> /beats; sleep 0.01; done");
	scene_start(&scene);
	assert_true(monitor_resume(scene.monitor, &scene.err) < 0);
	assert_int_equal(scene.err.code, LXCRI_E_NOT_PAUSED);
	scene_until(scene_has(&scene, "bundle/rootfs/beats"));
	assert_int_equal(monitor_pause(scene.monitor, &scene.err), 0);
	assert_true(monitor_pause(scene.monitor, &scene.err) < 0);
	assert_int_equal(scene.err.code, LXCRI_E_ALREADY_PAUSED);
	assert_int_equal(monitor_read_state(scene.run_dirfd, &recorded, &scene.err), 0);
	assert_int_equal(recorded.phase, MONITOR_PAUSED);

	autofree char *before = scene_read(&scene, "bundle/rootfs/beats");

	scene_sleep(100);

	autofree char *after = scene_read(&scene, "bundle/rootfs/beats");

	assert_string_equal(before, after);
	assert_int_equal(monitor_resume(scene.monitor, &scene.err), 0);
	scene_sleep(100);

	autofree char *later = scene_read(&scene, "bundle/rootfs/beats");

	assert_true(strlen(later) > strlen(after));
	assert_int_equal(monitor_pause(scene.monitor, &scene.err), 0);
	/* A frozen one can be killed, too. */
	assert_int_equal(monitor_kill(scene.monitor, SIGKILL, false, &scene.err), 0);
	assert_int_equal(scene_wait(&scene), 137);
	scene_finish(&scene);
}

static void waiting_ends_when_its_time_is_up(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "sleep 100");
	scene_start(&scene);
	assert_int_equal(monitor_wait(scene.monitor, 50, &scene.err), -1);
	assert_int_equal(scene.err.code, LXCRI_E_TIMEOUT);
	assert_int_equal(monitor_kill(scene.monitor, SIGKILL, true, &scene.err), 0);
	assert_int_equal(scene_wait(&scene), 137);
	scene_finish(&scene);
}

static void a_program_that_is_not_there_is_told_and_leaves_nothing(void **state)
{
	const char *const args[] = { "no-such-program", NULL };
	struct scene scene;

	scene_init_args(&scene, *state, args, "");
	assert_int_equal(scene_launch(&scene), -1);
	assert_int_equal(scene.err.code, LXCRI_E_COMMAND_NOT_FOUND);
	assert_non_null(strstr(scene.err.text, "no-such-program"));
	assert_false(scene_has(&scene, "run/state.json"));
	scene_finish(&scene);
}

static void a_program_that_is_not_executable_is_told(void **state)
{
	const char *const args[] = { "/dull", NULL };
	struct scene scene;

	scene_init_args(&scene, *state, args, "");

	autofree char *rootfs = xformat("%s/bundle/rootfs", scene.dir);
	autofree char *file = xformat("%s/dull", rootfs);

	host_write(rootfs, "dull", "no program");
	assert_int_equal(chmod(file, 0644), 0);
	assert_int_equal(scene_launch(&scene), -1);
	assert_int_equal(scene.err.code, LXCRI_E_COMMAND_NOT_EXECUTABLE);
	scene_finish(&scene);
}

static void a_broken_bundle_is_told_and_leaves_nothing(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "true");
	host_write(scene.options.bundle, "config.json", "{ \"ociVersion\": ");
	assert_int_equal(scene_launch(&scene), -1);
	assert_true(scene.err.code == LXCRI_E_INVALID_SPEC ||
		    scene.err.code == LXCRI_E_INVALID_JSON ||
		    scene.err.code == LXCRI_E_CONTAINER_CREATE_FAILED);
	scene_finish(&scene);
}

static void a_second_monitor_is_refused(void **state)
{
	struct lxcri_error err = {};
	struct monitor *second = NULL;
	struct scene scene;
	pid_t pid;

	scene_init(&scene, state, "sleep 100");
	scene_start(&scene);
	assert_int_equal(monitor_launch(&scene.options, &second, &pid, &err), -1);
	assert_int_equal(err.code, LXCRI_E_CONTAINER_EXISTS);
	assert_int_equal(monitor_kill(scene.monitor, SIGKILL, false, &scene.err), 0);
	assert_int_equal(scene_wait(&scene), 137);
	scene_finish(&scene);
}

static void a_container_that_has_stopped_has_no_monitor(void **state)
{
	struct monitor *late = NULL;
	struct scene scene;

	scene_init(&scene, state, "exit 3");
	scene_start(&scene);
	assert_int_equal(scene_wait(&scene), 3);
	assert_int_equal(monitor_connect(scene.run_dirfd, &late, &scene.err), -1);
	assert_int_equal(scene.err.code, LXCRI_E_MONITOR_LOST);
	scene_finish(&scene);
}

static void the_end_is_recorded_where_it_was_asked_for(void **state)
{
	struct monitor_state recorded;
	struct scene scene;

	scene_init(&scene, state, "exit 9");
	scene_start(&scene);
	assert_int_equal(scene_wait(&scene), 9);

	autoclose int dir = open(scene.options.exit_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(monitor_read_state(dir, &recorded, &scene.err), 0);
	assert_int_equal(recorded.phase, MONITOR_STOPPED);
	assert_int_equal(recorded.exit_code, 9);
	scene_finish(&scene);
}

static void writes_go_to_the_upper_directory_and_the_host_sees_no_mount(void **state)
{
	struct mount_root rootfs = {};
	struct scene scene;

	scene_init(&scene, state, "echo new > /file; cat /file");

	autofree char *lower = xformat("%s/lower,a:b", scene.dir);
	autofree char *bundle_rootfs = xformat("%s/bundle/rootfs", scene.dir);
	autofree char *upper = xformat("%s/upper", scene.dir);
	autofree char *work = xformat("%s/work", scene.dir);

	assert_int_equal(rename(bundle_rootfs, lower), 0);
	assert_int_equal(mkdir(bundle_rootfs, 0755), 0);
	assert_int_equal(mkdir(upper, 0755), 0);
	assert_int_equal(mkdir(work, 0755), 0);
	rootfs.target = bundle_rootfs;
	strings_add(&rootfs.lowers, lower);
	rootfs.upper = upper;
	rootfs.work = work;
	scene.options.rootfs = &rootfs;
	scene_create(&scene);
	assert_false(scene_has(&scene, "bundle/rootfs/bin"));
	assert_int_equal(monitor_begin(scene.monitor, &scene.err), 0);
	assert_int_equal(scene_wait(&scene), 0);
	assert_true(scene_has(&scene, "upper/file"));
	assert_false(scene_has(&scene, "lower,a:b/file"));
	strings_finish(&rootfs.lowers);
	scene_finish(&scene);
}

static void the_process_has_its_three_streams_and_nothing_else(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "ls /proc/$$/fd; true");
	scene_start(&scene);
	assert_int_equal(scene_wait(&scene), 0);

	autofree char *log = scene_read(&scene, "log");

	assert_int_equal(count_lines(log, "stdout F"), 3);
	assert_non_null(strstr(log, "F 0\n"));
	assert_non_null(strstr(log, "F 1\n"));
	assert_non_null(strstr(log, "F 2\n"));
	scene_finish(&scene);
}

/* With version 1 of cgroups, with version 2, and with both. On LXC they are the creator's to write.
 */
static void a_runtime_puts_limits_in_force(void **state)
{
	struct scene scene;
	size_t size;

	scene_init(&scene, state, "sleep 100");
	scene_start(&scene);

	autofree char *old = xformat("/sys/fs/cgroup/memory/%s/memory.limit_in_bytes", scene.id);
	autofree char *new = xformat("/sys/fs/cgroup/%s/memory.max", scene.id);
	autofree char *limit = NULL;

	assert_true(file_read(AT_FDCWD, old, 64, &limit, &size) == 0 ||
		    file_read(AT_FDCWD, new, 64, &limit, &size) == 0);
	assert_string_equal(limit, "67108864\n");
	assert_int_equal(monitor_kill(scene.monitor, SIGKILL, false, &scene.err), 0);
	assert_int_equal(scene_wait(&scene), 137);
	scene_finish(&scene);
}

static void the_monitors_program_cannot_be_overwritten(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "sleep 100");
	scene_start(&scene);

	autofree char *exe = xformat("/proc/%d/exe", (int)find_monitor(&scene));

	assert_true(open(exe, O_WRONLY | O_CLOEXEC) < 0);
	assert_true(errno == ETXTBSY || errno == EROFS || errno == EPERM);
	assert_int_equal(monitor_kill(scene.monitor, SIGKILL, false, &scene.err), 0);
	assert_int_equal(scene_wait(&scene), 137);
	scene_finish(&scene);
}

static const struct scene_backend crun = { LXCRI_CRUN, NULL };
static const struct scene_backend runc = { LXCRI_RUNC, "/usr/sbin/runc" };

static const struct scene_backend lxc = { LXCRI_LXC, NULL };

#define ON_ALL(test)                                                 \
	{ "crun: " #test, test, NULL, NULL, (void *)&crun },         \
		{ "runc: " #test, test, NULL, NULL, (void *)&runc }, \
	{                                                            \
		"lxc: " #test, test, NULL, NULL, (void *)&lxc        \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_ALL(the_exit_code_is_that_of_the_process),
		ON_ALL(a_glance_tells_of_a_monitor_that_is_alive),
		ON_ALL(a_signal_counts_as_128_and_its_number),
		ON_ALL(created_means_that_nothing_of_the_user_runs_yet),
		ON_ALL(a_container_is_started_once),
		ON_ALL(a_megabyte_of_output_is_in_the_log_line_by_line),
		ON_ALL(a_creator_that_ends_before_it_commits_leaves_nothing),
		ON_ALL(what_a_killed_monitor_leaves_is_cleaned_up),
		ON_ALL(a_frozen_container_of_a_killed_monitor_is_cleaned_up),
		ON_ALL(a_monitor_killed_while_it_creates_leaves_what_can_be_cleaned_up),
		ON_ALL(a_terminated_monitor_ends_its_container_and_records_it),
		ON_ALL(pausing_stops_the_processes_and_resuming_lets_them_go),
		ON_ALL(waiting_ends_when_its_time_is_up),
		ON_ALL(a_program_that_is_not_there_is_told_and_leaves_nothing),
		ON_ALL(a_program_that_is_not_executable_is_told),
		ON_ALL(a_broken_bundle_is_told_and_leaves_nothing),
		ON_ALL(a_second_monitor_is_refused),
		ON_ALL(a_container_that_has_stopped_has_no_monitor),
		ON_ALL(the_end_is_recorded_where_it_was_asked_for),
		ON_ALL(writes_go_to_the_upper_directory_and_the_host_sees_no_mount),
		ON_ALL(the_process_has_its_three_streams_and_nothing_else),
		{ "crun: a runtime puts limits in force", a_runtime_puts_limits_in_force, NULL,
		  NULL, (void *)&crun },
		{ "runc: a runtime puts limits in force", a_runtime_puts_limits_in_force, NULL,
		  NULL, (void *)&runc },
		ON_ALL(the_monitors_program_cannot_be_overwritten),
	};

	return scene_prepare() ? cmocka_run_group_tests(tests, NULL, NULL) : SCENE_SKIPPED;
}
