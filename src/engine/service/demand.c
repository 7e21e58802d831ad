/* SPDX-License-Identifier: MIT */
/* Having `proxmox-lxcri serve` run. */

#include "engine/service/demand.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "os/helper.h"
#include "os/path.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define ROOT_MODE 0711
#define UNIT      "proxmox-lxcri-serve.service"
#define LOOKS_MAX 10000 /* some more than as many milliseconds */

/* Opens the lock's file; -errno. */
static int open_lock(const struct lxcri_engine *engine)
{
	autofree char *path = xformat("%s/" DEMAND_LOCK_FILE, engine->root);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == ENOENT && path_make_dirs(engine->root, ROOT_MODE) == 0)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

/* Tells whether one that hears of what is needed holds the lock of the file @fd. One that was
 * killed keeps it until the kernel has closed all that it had open, and hears of nothing any more.
 * *@ret_pid is 0 where it has not written down yet who it is, or of another pid namespace. */
static bool is_served(int fd, pid_t *ret_pid)
{
	char text[32] = "";
	uint64_t pid = 0;
	ssize_t size;

	/* Shared: several may look at once, and that of a service is not shared. */
	if (flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
		(void)flock(fd, LOCK_UN);
		return false;
	}
	size = pread(fd, text, sizeof(text) - 1, 0);
	text[size > 0 ? size : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (text_parse_u64(text, 2, INT32_MAX, &pid) < 0)
		pid = 0;
	*ret_pid = (pid_t)pid;
	return pid == 0 || kill((pid_t)pid, 0) < 0 || !process_is_ending((pid_t)pid);
}

int demand_lock(const struct lxcri_engine *engine)
{
	static const struct timespec look = { .tv_nsec = 1000000 };
	autoclose int fd = open_lock(engine);
	pid_t pid;

	if (fd < 0)
		return fd;
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK)
			return -errno;
		/* Who looks for one lets go at once, who is ending does soon. */
		if (i == LOOKS_MAX || is_served(fd, &pid))
			return -EWOULDBLOCK;
		(void)nanosleep(&look, NULL);
	}
	/* For who wants to send it a signal. */
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* Tells whether one runs. */
static bool is_met(const struct lxcri_engine *engine)
{
	autoclose int fd = open_lock(engine);
	pid_t pid;

	return fd >= 0 && is_served(fd, &pid);
}

pid_t demand_process(const struct lxcri_engine *engine)
{
	autoclose int fd = open_lock(engine);
	pid_t pid = 0;

	return fd >= 0 && is_served(fd, &pid) ? pid : 0;
}

/* Tells whether systemd is to start it, as the unit that it has for the usual directories. */
static bool has_unit(const struct lxcri_engine *engine)
{
	static const char *const places[] = { "/etc/systemd/system/" UNIT,
					      "/run/systemd/system/" UNIT,
					      "/usr/lib/systemd/system/" UNIT,
					      "/lib/systemd/system/" UNIT };

	if (access("/run/systemd/system", F_OK) < 0 || !config_is_usual(engine->config))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], F_OK) == 0)
			return true;
	return false;
}

static int start_unit(void)
{
	static const int fds[] = { -1, -1, -1 };
	char *argv[] = { "systemctl", "start", "--no-block", "--quiet", UNIT, NULL };
	const struct spawn spawn = {
		.path = "/usr/bin/systemctl", .argv = argv, .fds = fds, .n_fds = ARRAY_LEN(fds)
	};
	pid_t pid = process_spawn(&spawn);

	return pid < 0 ? pid : process_wait(pid) == 0 ? 0 : -ECHILD;
}

static int start_detached(const struct lxcri_engine *engine)
{
	static const int fds[] = { -1, -1, -1 };
	autofree char *path = helper_path("lxcri-serve");
	const char *file = config_file(engine->config);
	autofree char *config = file ? realpath(file, NULL) : NULL;
	char *argv[] = { "lxcri-serve",
			 "--on-demand",
			 "--root",
			 engine->root,
			 "--data",
			 engine->data,
			 config ? "--config" : NULL,
			 config,
			 NULL };
	const struct spawn spawn = { .path = path,
				     .argv = argv,
				     .env = environ,
				     .fds = fds,
				     .n_fds = ARRAY_LEN(fds),
				     .new_group = true };

	return process_spawn_detached(&spawn);
}

int demand_service(const struct lxcri_engine *engine, struct lxcri_error *err)
{
	int r;

	if (is_met(engine) || (has_unit(engine) && start_unit() == 0))
		return 0;
	r = start_detached(engine);
	return r < 0 ? fail_errno(err, r, "start proxmox-lxcri serve") : 0;
}

int demand_look_again(const struct lxcri_engine *engine, struct lxcri_error *err)
{
	autoclose int fd = open_lock(engine);
	pid_t pid;

	/* One that is ending meanwhile is started again. */
	if (fd >= 0 && is_served(fd, &pid) && pid > 0 && kill(pid, SIGHUP) == 0)
		return 0;
	return demand_service(engine, err);
}

void demand_service_of(const struct lxcri_container *container)
{
	struct lxcri_error err = {};

	if (!container->record.restart && !container->record.health && !container->record.probes &&
	    !container->record.networked)
		return;
	if (demand_service(container->engine, &err) < 0)
		log_warning("container %s: %s", container->home.id, err.text);
}
