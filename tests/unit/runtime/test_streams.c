/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include "os/terminal.h"

#include <pty.h>

/* What a child does with a connection of its own, its streams being ours to read and write. */
typedef int (*child_fn)(struct scene *scene, struct monitor *monitor);

struct child {
	pid_t pid;
	int input;  /* -1 with a terminal */
	int output; /* or the terminal's master */
	int error;
};

static void become(struct scene *scene, child_fn run)
{
	struct monitor *monitor = NULL;
	int code = 99;

	if (monitor_connect(scene->run_dirfd, &monitor, &scene->err) == 0)
		code = run(scene, monitor);
	if (code < 0)
		dprintf(STDERR_FILENO, "%s: %s\n", lxcri_code_name(scene->err.code),
			scene->err.text);
	_exit(code < 0 ? 100 + (int)(scene->err.code == LXCRI_E_COMMAND_NOT_FOUND) : code & 0xff);
}

static struct child start_child(struct scene *scene, child_fn run)
{
	int in[2];
	int out[2];
	int err[2];

	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);

	pid_t pid = fork();

	if (pid == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)dup2(err[1], 2);
		(void)close(in[1]);
		become(scene, run);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	(void)close(err[1]);
	return (struct child){ .pid = pid, .input = in[1], .output = out[0], .error = err[0] };
}

static struct child start_child_on_terminal(struct scene *scene, child_fn run)
{
	struct winsize size = { .ws_row = 33, .ws_col = 77 };
	int master;
	pid_t pid = forkpty(&master, NULL, NULL, &size);

	if (pid == 0)
		become(scene, run);
	assert_true(pid > 0);
	return (struct child){ .pid = pid, .input = master, .output = master, .error = -1 };
}

static int end_child(struct child *child)
{
	int status;

	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	if (child->input != child->output)
		closep(&child->input);
	closep(&child->output);
	closep(&child->error);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Reads until @text was seen; what came is in *@seen. */
static void expect(int fd, struct text *seen, const char *text)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	char bytes[4096];

	while (!seen->data || !strstr(seen->data, text)) {
		ssize_t got = poll(&poller, 1, SCENE_TIMEOUT_MS) > 0
				      ? read(fd, bytes, sizeof(bytes))
				      : -1;

		if (got <= 0)
			fail_msg("expected %s, got %s", text, seen->data ? seen->data : "nothing");
		text_append(seen, bytes, (size_t)got);
	}
}

static char *read_all(int fd)
{
	char *text = NULL;
	size_t size;

	assert_int_equal(file_read_fd(fd, 16u << 20, &text, &size), 0);
	return text;
}

static void put(int fd, const char *text)
{
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static int attach_with(struct monitor *monitor, const struct monitor_attach_options *options,
		       struct scene *scene)
{
	return monitor_attach(monitor, options, &scene->err);
}

static int attach_and_start(struct scene *scene, struct monitor *monitor)
{
	const struct monitor_attach_options options = { .start = true,
							.want_stdin = scene->options.open_stdin,
							.pass_signals = true };

	return attach_with(monitor, &options, scene);
}

static int attach_late(struct scene *scene, struct monitor *monitor)
{
	const struct monitor_attach_options options = { .pass_signals = true };

	return attach_with(monitor, &options, scene);
}

static int attach_terminal(struct scene *scene, struct monitor *monitor)
{
	const struct monitor_attach_options options = { .start = true,
							.want_stdin = true,
							.terminal = true };

	return attach_with(monitor, &options, scene);
}

static void both_outputs_and_the_exit_code_reach_the_attached(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "echo out; echo problem >&2; exit 5");
	scene_create(&scene);

	struct child child = start_child(&scene, attach_and_start);
	autofree char *out = read_all(child.output);
	autofree char *err = read_all(child.error);

	assert_int_equal(end_child(&child), 5);
	assert_string_equal(out, "out\n");
	assert_string_equal(err, "problem\n");
	assert_int_equal(scene_wait(&scene), 5);
	scene_finish(&scene);
}

static void input_reaches_the_container_to_its_end(void **state)
{
	autorun(text_finish) struct text sent = {};
	struct scene scene;

	scene_init(&scene, state, "cat");
	scene.options.open_stdin = true;
	scene_create(&scene);
	for (int i = 0; i < 30000; i++)
		text_addf(&sent, "line %d\n", i);

	struct child child = start_child(&scene, attach_and_start);
	pid_t writer = fork();

	if (writer == 0)
		_exit(file_write_all(child.input, sent.data, sent.length) == 0 ? 0 : 1);
	closep(&child.input);

	autofree char *got = read_all(child.output);

	assert_int_equal(end_child(&child), 0);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	assert_true(strcmp(got, sent.data) == 0);
	scene_finish(&scene);
}

static void who_does_not_read_holds_the_container_up_and_loses_nothing(void **state)
{
	struct scene scene;

	scene_init(&scene, state,
		   "dd if=/dev/zero bs=1000 count=3000 2>/tmp/said; cat /tmp/said >&2");
	scene_create(&scene);

	struct child child = start_child(&scene, attach_and_start);

	scene_sleep(300);
	assert_true(host_has_living(scene.pid));

	char bytes[65536];
	size_t total = 0;
	ssize_t got;

	while ((got = read(child.output, bytes, sizeof(bytes))) > 0)
		total += (size_t)got;
	assert_int_equal(total, 3000000);
	assert_int_equal(end_child(&child), 0);
	scene_finish(&scene);
}

static void one_that_hangs_up_does_not_stop_the_others(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "sleep 0.3; dd if=/dev/zero bs=1000 count=1000; exit 4");
	scene_create(&scene);

	struct child gone = start_child(&scene, attach_late);
	struct child child = start_child(&scene, attach_and_start);

	scene_sleep(100);
	assert_int_equal(kill(gone.pid, SIGKILL), 0);
	(void)end_child(&gone);

	autofree char *out = read_all(child.output);

	assert_int_equal(end_child(&child), 4);
	scene_finish(&scene);
}

static bool log_has(const struct scene *scene, const char *text)
{
	autofree char *log = scene_read(scene, "log");

	return log && strstr(log, text);
}

static void who_attaches_late_gets_what_comes_from_then_on(void **state)
{
	autorun(text_finish) struct text seen = {};
	struct scene scene;

	scene_init(&scene, state,
		   "trap 'echo second; exit 6' TERM; echo first; while :; do sleep 0.02; done");
	scene_start(&scene);
	scene_until(log_has(&scene, "first"));

	struct child child = start_child(&scene, attach_late);

	scene_sleep(100);
	/* The signal is passed on. */
	assert_int_equal(kill(child.pid, SIGTERM), 0);
	expect(child.output, &seen, "second\n");
	assert_null(strstr(seen.data, "first"));
	assert_int_equal(end_child(&child), 6);
	scene_finish(&scene);
}

static void a_terminal_is_one_stream_with_a_size_and_input(void **state)
{
	const char *const args[] = { "sh", "-c", "tty; read x; echo got $x; stty size; exit 8",
				     NULL };
	autorun(text_finish) struct text seen = {};
	struct scene scene;

	scene_init_args(&scene, *state, args, "\"terminal\":true,");
	scene.options.terminal = true;
	scene_create(&scene);

	struct child child = start_child_on_terminal(&scene, attach_terminal);

	expect(child.output, &seen, "/dev/pts/0\r\n");
	put(child.input, "hello\r");
	expect(child.output, &seen, "got hello\r\n");
	expect(child.output, &seen, "33 77\r\n");
	assert_int_equal(end_child(&child), 8);
	scene_finish(&scene);
}

static void two_keys_end_the_connection_and_not_the_container(void **state)
{
	const char *const args[] = { "sh", "-c", "echo ready; read x; exit 8", NULL };
	autorun(text_finish) struct text seen = {};
	struct scene scene;

	scene_init_args(&scene, *state, args, "\"terminal\":true,");
	scene.options.terminal = true;
	scene_create(&scene);

	struct child child = start_child_on_terminal(&scene, attach_terminal);

	expect(child.output, &seen, "ready");
	put(child.input, "\x10\x11");
	assert_int_equal(end_child(&child), MONITOR_DETACHED & 0xff);
	assert_true(host_has_living(scene.pid));
	assert_int_equal(monitor_kill(scene.monitor, SIGKILL, false, &scene.err), 0);
	assert_int_equal(scene_wait(&scene), 137);
	scene_finish(&scene);
}

/* A process object that runs @script, or the program @script when it holds no blank. */
static char *make_process(const char *script, bool terminal)
{
	const char *shell = strchr(script, ' ') ? "\"sh\",\"-c\"," : "";

	return xformat("{\"terminal\":%s,\"user\":{\"uid\":0,\"gid\":0},\"args\":[%s\"%s\"],"
		       "\"env\":[\"PATH=/bin\"],\"cwd\":\"/\",\"noNewPrivileges\":true}",
		       terminal ? "true" : "false", shell, script);
}

static const char *exec_script; /* of the next child */

static int exec_plain(struct scene *scene, struct monitor *monitor)
{
	autofree char *process = make_process(exec_script, false);
	const struct monitor_exec_options options = { .process_json = process,
						      .run_dirfd = scene->run_dirfd,
						      .run_dir = scene->run_dir,
						      .open_stdin = true };

	return monitor_exec(monitor, &options, &scene->err);
}

static int exec_terminal(struct scene *scene, struct monitor *monitor)
{
	autofree char *process = make_process(exec_script, true);
	const struct monitor_exec_options options = { .process_json = process,
						      .run_dirfd = scene->run_dirfd,
						      .run_dir = scene->run_dir,
						      .terminal = true,
						      .open_stdin = true };

	return monitor_exec(monitor, &options, &scene->err);
}

static void end_scene(struct scene *scene)
{
	assert_int_equal(monitor_kill(scene->monitor, SIGKILL, false, &scene->err), 0);
	assert_int_equal(scene_wait(scene), 137);
	scene_finish(scene);
}

static void a_further_process_has_our_streams_and_its_own_exit_code(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "sleep 100");
	scene_start(&scene);
	exec_script = "cat; echo problem >&2; ls /proc/$$/fd; exit 9";

	struct child child = start_child(&scene, exec_plain);

	put(child.input, "input\n");
	closep(&child.input);

	autofree char *out = read_all(child.output);
	autofree char *err = read_all(child.error);

	assert_int_equal(end_child(&child), 9);
	assert_string_equal(out, "input\n0\n1\n2\n");
	assert_string_equal(err, "problem\n");
	end_scene(&scene);
}

static void a_further_process_that_cannot_run_is_told(void **state)
{
	struct monitor *monitor = NULL;
	struct scene scene;

	scene_init(&scene, state, "sleep 100");
	scene_start(&scene);
	assert_int_equal(monitor_connect(scene.run_dirfd, &monitor, &scene.err), 0);
	exec_script = "no-such-program";
	assert_int_equal(exec_plain(&scene, monitor), -1);
	assert_int_equal(scene.err.code, LXCRI_E_COMMAND_NOT_FOUND);
	exec_script = "/proc";
	assert_int_equal(exec_plain(&scene, monitor), -1);
	assert_int_equal(scene.err.code, LXCRI_E_COMMAND_NOT_EXECUTABLE);
	/* The connection serves on. */
	exec_script = "true";
	assert_int_equal(exec_plain(&scene, monitor), 0);
	monitor_free(monitor);
	end_scene(&scene);
}

static void a_further_process_survives_who_asked_for_it(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "sleep 100");
	scene_start(&scene);
	exec_script = "sleep 0.3; echo > /survived";

	struct child child = start_child(&scene, exec_plain);

	scene_sleep(150);
	assert_int_equal(kill(child.pid, SIGKILL), 0);
	(void)end_child(&child);
	scene_until(scene_has(&scene, "bundle/rootfs/survived"));
	end_scene(&scene);
}

static void a_further_process_ends_with_the_container(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "sleep 100");
	scene_start(&scene);
	exec_script = "echo ready; sleep 100";

	autorun(text_finish) struct text seen = {};
	struct child child = start_child(&scene, exec_plain);

	expect(child.output, &seen, "ready");
	assert_int_equal(monitor_kill(scene.monitor, SIGKILL, false, &scene.err), 0);
	assert_int_equal(end_child(&child), 137);
	assert_int_equal(scene_wait(&scene), 137);
	scene_finish(&scene);
}

static void a_further_process_can_have_a_terminal(void **state)
{
	autorun(text_finish) struct text seen = {};
	struct scene scene;

	scene_init(&scene, state, "sleep 100");
	scene_start(&scene);
	exec_script = "tty; read x; echo got $x; stty size; exit 11";

	struct child child = start_child_on_terminal(&scene, exec_terminal);

	expect(child.output, &seen, "/dev/pts/");
	put(child.input, "hello\r");
	expect(child.output, &seen, "got hello\r\n");
	expect(child.output, &seen, "33 77\r\n");
	assert_int_equal(end_child(&child), 11);
	end_scene(&scene);
}

static void nothing_is_executed_in_a_container_that_does_not_run(void **state)
{
	struct scene scene;

	scene_init(&scene, state, "sleep 100");
	scene_create(&scene);
	exec_script = "true";
	assert_int_equal(exec_plain(&scene, scene.monitor), -1);
	assert_int_equal(scene.err.code, LXCRI_E_INVALID_STATE);
	assert_int_equal(monitor_begin(scene.monitor, &scene.err), 0);
	assert_int_equal(monitor_pause(scene.monitor, &scene.err), 0);
	assert_int_equal(exec_plain(&scene, scene.monitor), -1);
	assert_int_equal(scene.err.code, LXCRI_E_INVALID_STATE);
	end_scene(&scene);
}

static void inherited_streams_are_the_containers_own(void **state)
{
	struct scene scene;
	int out[2];

	scene_init(&scene, state, "echo direct; cat <&3");
	scene.options.stdio = MONITOR_STDIO_INHERIT;
	scene.options.log_path = NULL;
	scene.options.preserve_fds = 1;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);

	pid_t child = fork();

	if (child == 0) {
		int extra[2];

		if (pipe(extra) < 0 || write(extra[1], "extra\n", 6) != 6)
			_exit(98);
		(void)close(extra[1]);
		(void)dup2(extra[0], 50);
		(void)dup2(out[1], 1);
		(void)close_range(3, 49, 0);
		(void)dup2(50, 3);
		(void)close(50);
		scene_start(&scene);
		_exit(scene_wait(&scene));
	}
	closep(&out[1]);

	autofree char *got = read_all(out[0]);
	struct child waited = { .pid = child, .input = -1, .output = out[0], .error = -1 };

	assert_int_equal(end_child(&waited), 0);
	assert_string_equal(got, "direct\nextra\n");
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
		ON_ALL(both_outputs_and_the_exit_code_reach_the_attached),
		ON_ALL(input_reaches_the_container_to_its_end),
		ON_ALL(who_does_not_read_holds_the_container_up_and_loses_nothing),
		ON_ALL(one_that_hangs_up_does_not_stop_the_others),
		ON_ALL(who_attaches_late_gets_what_comes_from_then_on),
		ON_ALL(a_terminal_is_one_stream_with_a_size_and_input),
		ON_ALL(two_keys_end_the_connection_and_not_the_container),
		ON_ALL(a_further_process_has_our_streams_and_its_own_exit_code),
		ON_ALL(a_further_process_that_cannot_run_is_told),
		ON_ALL(a_further_process_survives_who_asked_for_it),
		ON_ALL(a_further_process_ends_with_the_container),
		ON_ALL(a_further_process_can_have_a_terminal),
		ON_ALL(nothing_is_executed_in_a_container_that_does_not_run),
		ON_ALL(inherited_streams_are_the_containers_own),
	};

	return scene_prepare() ? cmocka_run_group_tests(tests, NULL, NULL) : SCENE_SKIPPED;
}
