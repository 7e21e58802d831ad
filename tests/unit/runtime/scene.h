/* SPDX-License-Identifier: MIT */
#pragma once

/* A real container for a test: a bundle of busybox, run by a real monitor. Every scene has a
 * directory of its own, and ends with nothing left: no process, no mount, no cgroup. */

#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/path.h"
#include "runtime/monitor.h"
#include "host.h"
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* Longer than anything here takes on a busy machine. */
#define SCENE_TIMEOUT_MS 20000

struct scene_backend {
	enum lxcri_container_type type;
	const char *runtime_path;
};

struct scene {
	const struct scene_backend *backend;
	char *id;
	char *dir; /* bundle/, run/, exit/, log */
	char *run_dir;
	char *log;
	int run_dirfd;
	struct monitor_options options;
	struct monitor *monitor;
	struct lxcri_error err;
	pid_t pid;
};

static inline char *scene_read(const struct scene *scene, const char *name)
{
	autofree char *path = xformat("%s/%s", scene->dir, name);
	char *text = NULL;
	size_t size;

	return file_read(AT_FDCWD, path, 64u << 20, &text, &size) < 0 ? NULL : text;
}

static inline bool scene_has(const struct scene *scene, const char *name)
{
	autofree char *path = xformat("%s/%s", scene->dir, name);

	return access(path, F_OK) == 0;
}

/* Writes a config.json whose process runs @script in busybox's shell; @more is further members of
 * "process", each with a comma behind it. */
static inline void scene_write_spec(const struct scene *scene, const char *const *args,
				    const char *more)
{
	static const char caps[] = "[\"CAP_KILL\",\"CAP_DAC_OVERRIDE\"]";
	autorun(text_finish) struct text list = {};

	for (; *args; args++) {
		autojson quoted = json_object_new_string(*args);
		autofree char *text = json_format_line(quoted);

		text[strcspn(text, "\n")] = '\0';
		text_addf(&list, "%s%s", list.length ? "," : "", text);
	}

	autofree char *spec = xformat(
		"{\"ociVersion\":\"1.0.2\",\"process\":{%s\"user\":{\"uid\":0,\"gid\":0},"
		"\"args\":[%s],\"env\":[\"PATH=/bin\"],\"cwd\":\"/\",\"noNewPrivileges\":true,"
		"\"capabilities\":{\"bounding\":%s,\"effective\":%s,\"permitted\":%s}},"
		"\"root\":{\"path\":\"rootfs\"},\"hostname\":\"scene\",\"mounts\":["
		"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
		"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
		"\"options\":[\"nosuid\",\"mode=755\"]},"
		"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
		"\"options\":[\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"]}],"
		"\"linux\":{\"cgroupsPath\":\"/%s\",\"namespaces\":[{\"type\":\"pid\"},"
		"{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}],"
		"\"resources\":{\"memory\":{\"limit\":67108864},\"pids\":{\"limit\":64}}}}",
		more, list.data, caps, caps, caps, scene->id);
	autofree char *bundle = xformat("%s/bundle", scene->dir);

	host_write(bundle, "config.json", spec);
}

static inline void scene_copy_busybox(const char *rootfs)
{
	static const char *const names[] = {
		"sh", "true", "cat", "sleep", "ls", "dd", "tty", "stty"
	};
	autofree char *bytes = NULL;
	size_t size;
	autofree char *path = xformat("%s/bin/busybox", rootfs);
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	assert_int_equal(file_read(AT_FDCWD, test_busybox(), 16u << 20, &bytes, &size), 0);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, bytes, size), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		autofree char *link = xformat("%s/bin/%s", rootfs, names[i]);

		assert_int_equal(symlink("busybox", link), 0);
	}
}

/* Makes the directories of a scene whose process runs @args. */
static inline void scene_init_args(struct scene *scene, const struct scene_backend *backend,
				   const char *const *args, const char *more)
{
	static unsigned int count;
	static const char *const dirs[] = { "bin", "proc", "dev", "sys", "tmp" };
	char template[] = "/tmp/lxcri-scene-XXXXXX";

	*scene = (struct scene){ .backend = backend };
	scene->id = xformat("lxcri-scene-%d-%u", (int)getpid(), count++);
	assert_non_null(mkdtemp(template));
	scene->dir = xstrdup(template);
	scene->run_dir = xformat("%s/run", scene->dir);
	scene->log = xformat("%s/log", scene->dir);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		autofree char *path = xformat("%s/bundle/rootfs/%s", scene->dir, dirs[i]);

		assert_int_equal(path_make_dirs(path, 0755), 0);
	}

	autofree char *rootfs = xformat("%s/bundle/rootfs", scene->dir);
	autofree char *exit_dir = xformat("%s/exit", scene->dir);

	scene_copy_busybox(rootfs);
	scene_write_spec(scene, args, more);
	assert_int_equal(mkdir(scene->run_dir, 0700), 0);
	assert_int_equal(mkdir(exit_dir, 0700), 0);
	scene->run_dirfd = open(scene->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(scene->run_dirfd >= 0);
	scene->options = (struct monitor_options){
		.id = scene->id,
		.type = backend->type,
		.runtime_path = backend->runtime_path,
		.bundle = xformat("%s/bundle", scene->dir),
		.run_dir = scene->run_dir,
		.exit_dir = steal(exit_dir),
		.log_path = scene->log,
	};
}

static inline void scene_init(struct scene *scene, void *const *state, const char *script)
{
	const char *const args[] = { "sh", "-c", script, NULL };

	scene_init_args(scene, *state, args, "");
}

static inline int scene_launch(struct scene *scene)
{
	return monitor_launch(&scene->options, &scene->monitor, &scene->pid, &scene->err);
}

/* Launches and commits. */
static inline void scene_create(struct scene *scene)
{
	if (scene_launch(scene) < 0)
		fail_msg("%s", scene->err.text);
	assert_int_equal(monitor_commit(scene->monitor, &scene->err), 0);
}

/* Launches, commits and starts. */
static inline void scene_start(struct scene *scene)
{
	scene_create(scene);
	if (monitor_begin(scene->monitor, &scene->err) < 0)
		fail_msg("%s", scene->err.text);
}

static inline int scene_wait(struct scene *scene)
{
	int code = monitor_wait(scene->monitor, SCENE_TIMEOUT_MS, &scene->err);

	if (code < 0)
		fail_msg("%s", scene->err.text);
	return code;
}

static inline void scene_sleep(int ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	(void)nanosleep(&time, NULL);
}

/* Waits until @condition holds. */
#define scene_until(condition)                                                   \
	do {                                                                     \
		int waited_ = 0;                                                 \
		bool holds_;                                                     \
		while (!(holds_ = (condition)) && waited_ < SCENE_TIMEOUT_MS) {  \
			scene_sleep(5);                                          \
			waited_ += 5;                                            \
		}                                                                \
		if (!holds_)                                                     \
			fail_msg("this did not come true in time: " #condition); \
	} while (0)

/* Asserts that of the container nothing is left, and removes the directories. */
static inline void scene_finish(struct scene *scene)
{
	monitor_free(steal(scene->monitor));
	scene_until(!host_has_process(scene->run_dir));
	assert_false(host_has_living(scene->pid));
	assert_false(host_has_cgroup(scene->id));
	closep(&scene->run_dirfd);
	assert_int_equal(path_remove_tree(AT_FDCWD, scene->dir), 0);
	free((char *)scene->options.bundle);
	free((char *)scene->options.exit_dir);
	freep(&scene->id);
	freep(&scene->dir);
	freep(&scene->run_dir);
	freep(&scene->log);
}

/* The exit code of a test that cannot run here. */
#define SCENE_SKIPPED 77

/* Finds the programs that scenes need; false, and says why, where containers cannot be made. */
static inline bool scene_prepare(void)
{
	if (geteuid() != 0) {
		puts("1..0 # skip: containers need root");
		return false;
	}
	host_find_helper("lxcri-monitor");
	host_find_helper("lxcri-lxc");
	host_find_helper("lxcri-shim");
	return true;
}
