/* SPDX-License-Identifier: MIT */
/* Starting programs and holding processes.
 *
 * vfork() shares the memory until exec, so the cost does not follow the size of the caller; the
 * child below calls only what is safe then, and touches no variable that the parent reads
 * afterwards but the one that carries its failure. posix_spawn() cannot close "all but these". */

#include "os/process.h"

#include "base/calls.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* The kernel's, with those that the C library keeps for itself. */
#define SIGNAL_MAX 64

#define SPAWN_FDS_MAX 16

/* Of the kernel's include/linux/sched.h, the same since Linux 2.6. */
#define PF_EXITING  0x4u
#define PF_SIGNALED 0x400u

/* Enough for what run_child() calls, in an instrumented build too. */
#define DETACHED_STACK_BYTES (64u << 10)

/* Puts @fds at 0..n-1: first all above the range, so that none overwrites another. */
static int arrange_fds(const struct spawn *spawn)
{
	int high[SPAWN_FDS_MAX];

	for (unsigned int i = 0; i < spawn->n_fds; i++) {
		int from = spawn->fds[i];

		high[i] = from < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : from;
		if (high[i] >= 0)
			high[i] = fcntl(high[i], F_DUPFD_CLOEXEC, SPAWN_FDS_MAX);
		if (high[i] < 0)
			return -errno;
	}
	for (unsigned int i = 0; i < spawn->n_fds; i++)
		if (dup2(high[i], (int)i) < 0)
			return -errno;
	return close_range(spawn->n_fds, ~0u, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

void process_reset_signals(void)
{
	/* What the kernel calls struct sigaction, with SIG_DFL and nothing else. */
	static const unsigned long by_default[4];

	for (int i = 1; i <= SIGNAL_MAX; i++) /* KILL and STOP refuse, as they should */
		(void)syscall(SYS_rt_sigaction, i, by_default, NULL, SIGNAL_MAX / 8);
}

int process_fill_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		/* The lowest that is free is this one. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
			return -errno;
	return 0;
}

/* Who waits in vfork(). */
static pid_t spawner;

_Noreturn static void run_child(const struct spawn *spawn, volatile int *problem)
{
	static char *const no_env[] = { NULL };
	sigset_t none;

	process_reset_signals();
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);

	int r = spawn->new_group && setpgid(0, 0) < 0 ? -errno : arrange_fds(spawn);

	/* The caller may have been killed since vfork(). */
	if (r == 0 && spawn->dies_with_us &&
	    (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != spawner))
		r = -ESRCH;
	if (r == 0) {
		(void)execve(spawn->path, spawn->argv, spawn->env ? spawn->env : no_env);
		r = -errno;
	}
	*problem = r;
	_exit(127);
}

/* A program and where its failure goes. */
struct detached {
	const struct spawn *spawn;
	volatile int *problem;
};

static int run_detached(void *argument)
{
	const struct detached *detached = argument;

	run_child(detached->spawn, detached->problem);
}

/* Starts the program from a process that ends at once: whose parent ends, passes to the nearest
 * subreaper. This process has a stack of its own, because vfork() inside of a vfork() is more than
 * sanitizers understand. */
_Noreturn static void run_middle(const struct spawn *spawn, volatile int *problem)
{
	__attribute__((uninitialized)) alignas(16) char stack[DETACHED_STACK_BYTES];
	struct detached detached = { .spawn = spawn, .problem = problem };
	pid_t pid = clone(run_detached, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
			  &detached);

	if (pid < 0)
		*problem = -errno;
	_exit(0);
}

static pid_t spawn_by(const struct spawn *spawn,
		      void (*child)(const struct spawn *spawn, volatile int *problem))
{
	volatile int problem = 0;
	sigset_t all;
	sigset_t before;
	pid_t pid;

	if (spawn->n_fds > SPAWN_FDS_MAX)
		return -EINVAL;
	/* No handler of the parent may run in the child that shares its memory. */
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	spawner = getpid();
	pid = vfork();
	if (pid == 0)
		child(spawn, &problem);

	int error = errno;

	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return -error;
	if (problem < 0) {
		(void)process_wait(pid);
		return problem;
	}
	return pid;
}

pid_t process_spawn(const struct spawn *spawn)
{
	return spawn_by(spawn, run_child);
}

int process_spawn_detached(const struct spawn *spawn)
{
	pid_t pid = spawn_by(spawn, run_middle);

	return pid < 0 ? pid : process_wait(pid) < 0 ? -ECHILD : 0;
}

int process_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

int process_wait_for(pid_t pid, int timeout_ms)
{
	autoclose int pidfd = pidfd_open(pid, 0);
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int ready;
	int status;

	do {
		ready = pidfd < 0 ? 1 : poll(&end, 1, timeout_ms);
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		(void)kill(pid, SIGKILL);
	status = process_wait(pid);
	return ready == 0 ? -ETIMEDOUT : status;
}

int process_exit_code(int wait_status)
{
	if (WIFEXITED(wait_status))
		return WEXITSTATUS(wait_status);
	return 128 + WTERMSIG(wait_status);
}

/* Reads a field of /proc/PID/stat, which are counted from 1; the name in field 2 may hold anything,
 * so counting begins behind its last parenthesis. */
static int read_field(pid_t pid, int number, uint64_t *ret)
{
	char path[32];
	autofree char *line = NULL;
	size_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);

	int r = file_read(AT_FDCWD, path, 4096, &line, &size);

	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;

	char *field = strrchr(line, ')');

	for (int i = 2; field && i < number; i++)
		field = strchr(field + 1, ' ');
	if (!field)
		return -ESRCH;
	field[1 + strcspn(field + 1, " ")] = '\0';
	return text_parse_u64(field + 1, 0, UINT64_MAX, ret) < 0 ? -ESRCH : 0;
}

int process_start_time(pid_t pid, uint64_t *ret_ticks)
{
	return read_field(pid, 22, ret_ticks);
}

/* Tells whether a signal that nobody can refuse is on its way to @pid: 1, 0 or -errno. That for a
 * whole process stays until it has been reaped. */
static int is_killed(pid_t pid)
{
	static const char *const keys[] = { "\nSigPnd:\t", "\nShdPnd:\t" };
	char path[32];
	autofree char *text = NULL;
	size_t size;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	r = file_read(AT_FDCWD, path, 8192, &text, &size);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *value = strstr(text, keys[i]);

		if (value && strtoull(value + strlen(keys[i]), NULL, 16) & 1u << (SIGKILL - 1))
			return 1;
	}
	return 0;
}

bool process_is_ending(pid_t pid)
{
	uint64_t flags = 0;
	int r = is_killed(pid);

	if (r == 0)
		r = read_field(pid, 9, &flags);
	return r > 0 || r == -ESRCH || (r == 0 && (flags & (PF_EXITING | PF_SIGNALED)));
}

int process_open(pid_t pid)
{
	int pidfd = pidfd_open(pid, 0);

	if (pidfd >= 0)
		return pidfd;
	/* Before Linux 6.15 it says so of a number that is that of a group or session alone. */
	return errno == EINVAL ? -ESRCH : -errno;
}

int process_signal(pid_t pid, uint64_t start_time, int signal)
{
	autoclose int pidfd = process_open(pid);
	uint64_t started = 0;

	/* The start time is read after the fd is held: from then on the number cannot pass on. */
	int r = pidfd < 0 ? pidfd : process_start_time(pid, &started);

	if (r < 0)
		return r;
	if (started != start_time)
		return -ESRCH;
	return pidfd_send_signal(pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

bool process_has_threads(void)
{
	struct stat tasks;

	/* A directory's links: its own two, and one of each directory in it. */
	return stat("/proc/self/task", &tasks) < 0 || tasks.st_nlink != 3;
}
