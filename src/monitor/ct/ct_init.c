/* SPDX-License-Identifier: MIT */
/* The first process of a container of Proxmox VE: /.lxcri/init BLOB
 *
 * What an image says of its process has no place in such a container's configuration, or not the
 * exact one: an entry point is split at blanks without a way to quote, and there is neither user
 * nor working directory nor stop signal. So BLOB has all that (engine/ct/ct_process.h writes it),
 * in letters that nothing splits. This program makes the process what it is to be as process 2,
 * passes signals on to it (that by which the container is halted as the stop signal), takes its
 * output into a log, reaps what ends, and ends as that did. How it ended it writes down where the
 * node can read it, since Proxmox VE keeps neither. It is static and allocates nothing. */

#include "monitor/ct/ct_output.h"

#include "base/version.h"
#include "runtime/ct_signal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_NOT_FOUND      127
#define EXIT_NOT_EXECUTABLE 126

#define BLOB_BYTES_MAX 196608
#define LIST_MAX       8192
#define GROUPS_MAX     1024
#define TMPFS_MAX      64
/* More than there are: the numbers are bits. */
#define CAPABILITIES_MAX 63
#define STARTED_FILE     "/.lxcri/started"
/* By which liblxc halts who blocks it, as systemd does: SIGRTMIN + 3 of glibc, with which liblxc is
 * built. That of another C library, such as this program may have, is another. */
#define HALT_SIGNAL 37
/* In a variable of that name and a number stands one that Proxmox VE cannot express. */
#define HIDDEN_PREFIX "LXCRI_ENV_"

static char blob[BLOB_BYTES_MAX];
static char hidden[BLOB_BYTES_MAX]; /* the texts of such variables */
static char *env[LIST_MAX + 1];
static char *args[LIST_MAX + 1];
static gid_t groups[GROUPS_MAX];

static struct {
	const char *target;
	unsigned long flags;
	const char *options;
} tmpfs[TMPFS_MAX];

struct process {
	int stop_signal;
	uid_t uid;
	gid_t gid;
	size_t n_groups;
	const char *cwd;
	const char *hosts; /* the files of these names in /etc; "" leaves one alone */
	const char *hostname;
	const char *resolv_conf;
	struct log_limits log; /* files is 0: there is none */
	bool has_console;      /* its streams are the console */
	bool no_new_privileges;
	bool has_bounds;            /* there are capabilities that it may not have */
	unsigned long capabilities; /* those that it may; bit n is number n */
	size_t n_tmpfs;
};

[[gnu::noreturn]] static void die(const char *what, const char *why, int code)
{
	(void)fprintf(stderr, "lxcri-ct-init: %s: %s\n", what, why);
	_exit(code);
}

static int digit_value(char digit)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = digit ? strchr(digits, digit) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Decodes @text to @to, ended by a NUL. Returns the number of bytes, or -1. */
static ssize_t decode(const char *text, char *to, size_t size)
{
	unsigned int bits = 0, n_bits = 0;
	size_t length = 0;

	for (; *text && *text != '='; text++) {
		int value = digit_value(*text);

		if (value < 0)
			return -1;
		bits = (bits << 6 | (unsigned int)value) & 0xffff;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		if (length + 1 >= size)
			return -1;
		to[length++] = (char)(bits >> n_bits & 0xff);
	}
	to[length] = '\0';
	return (ssize_t)length;
}

/* What is left of the blob: texts, each ended by NUL. */
struct rest {
	char *at;
	char *end;
};

static char *take_text(struct rest *rest)
{
	char *text = rest->at;

	if (text >= rest->end)
		die("its argument", "ends early", EXIT_NOT_EXECUTABLE);
	rest->at += strlen(text) + 1;
	return text;
}

static unsigned long take_number(struct rest *rest, unsigned long max)
{
	const char *text = take_text(rest);
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (!*text || *end || number > max)
		die("its argument", "has a number that is none", EXIT_NOT_EXECUTABLE);
	return number;
}

/* Sets env[] to the variables of the process, in its order, and to nothing else: those that liblxc
 * adds are not the image's. */
static void take_env(struct rest *rest)
{
	unsigned long count = take_number(rest, LIST_MAX);
	size_t used = 0, n = 0;

	for (unsigned long i = 0; i < count; i++) {
		const char *name = take_text(rest);
		size_t length = strlen(name);

		for (char **variable = environ; variable && *variable; variable++) {
			if (strncmp(*variable, name, length) != 0 || (*variable)[length] != '=')
				continue;
			if (strncmp(name, HIDDEN_PREFIX, strlen(HIDDEN_PREFIX)) != 0) {
				env[n++] = *variable;
				break;
			}

			ssize_t size = decode(*variable + length + 1, hidden + used,
					      sizeof(hidden) - used);

			if (size > 0) {
				env[n++] = hidden + used;
				used += (size_t)size + 1;
			}
			break;
		}
	}
	env[n] = NULL;
}

static void take_process(char *text, size_t size, struct process *process)
{
	struct rest rest = { text, text + size };
	unsigned long count;

	if (strcmp(take_text(&rest), "3") != 0)
		die("its argument", "is of another version", EXIT_NOT_EXECUTABLE);
	process->stop_signal = (int)take_number(&rest, 64);
	process->uid = (uid_t)take_number(&rest, UINT32_MAX);
	process->gid = (gid_t)take_number(&rest, UINT32_MAX);
	process->n_groups = take_number(&rest, GROUPS_MAX);
	for (size_t i = 0; i < process->n_groups; i++)
		groups[i] = (gid_t)take_number(&rest, UINT32_MAX);
	process->cwd = take_text(&rest);
	process->hosts = take_text(&rest);
	process->hostname = take_text(&rest);
	process->resolv_conf = take_text(&rest);
	process->log.file_bytes = take_number(&rest, INT64_MAX);
	process->log.files = (unsigned int)take_number(&rest, 1000);
	process->has_console = take_number(&rest, 1) > 0;
	process->no_new_privileges = take_number(&rest, 1) > 0;
	process->has_bounds = take_number(&rest, 1) > 0;
	process->capabilities = take_number(&rest, INT64_MAX);
	process->n_tmpfs = take_number(&rest, TMPFS_MAX);
	for (size_t i = 0; i < process->n_tmpfs; i++) {
		tmpfs[i].target = take_text(&rest);
		tmpfs[i].flags = take_number(&rest, UINT32_MAX);
		tmpfs[i].options = take_text(&rest);
	}
	take_env(&rest);
	count = take_number(&rest, LIST_MAX);
	for (unsigned long i = 0; i < count; i++)
		args[i] = take_text(&rest);
	args[count] = NULL;
	if (count == 0)
		die("its argument", "names no program", EXIT_NOT_FOUND);
}

/* What a link in the image leads to is not ours to write. */
static void write_etc(const char *path, const char *text)
{
	size_t size = strlen(text);
	int fd;

	if (size == 0)
		return;
	(void)mkdir("/etc", 0755);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 && errno == ELOOP && unlink(path) == 0)
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, size) != (ssize_t)size)
		(void)fprintf(stderr, "lxcri-ct-init: write %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
}

/* Once: what is changed there later stays. */
static void prepare_files(const struct process *process)
{
	int fd;

	write_etc("/etc/hosts", process->hosts);
	write_etc("/etc/hostname", process->hostname);
	write_etc("/etc/resolv.conf", process->resolv_conf);
	fd = open(STARTED_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0)
		(void)close(fd);
}

/* Makes the directory @path and those above it. */
static void make_dirs(const char *path)
{
	char part[4096];
	size_t length = strlen(path);

	if (length >= sizeof(part))
		return;
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		(void)mkdir(part, 0755);
	}
}

/* Returns the number of the mount that @fd is in, or 0. */
static long mount_of(int fd)
{
	char path[64], text[512];
	const char *at;
	ssize_t size = -1;
	int info;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	if (info >= 0) {
		size = read(info, text, sizeof(text) - 1);
		(void)close(info);
	}
	if (size <= 0)
		return 0;
	text[size] = '\0';
	at = strstr(text, "mnt_id:");
	return at ? strtol(at + strlen("mnt_id:"), NULL, 10) : 0;
}

/* Gives the directory of a volume the owner and the mode that the image has for it; one that has
 * others than those of a new one is left alone. What has no owners belongs to all anyway. */
static void give_away(int fd, const char *options)
{
	struct stat status;
	uid_t uid;
	gid_t gid;
	mode_t mode;

	if (sscanf(options, CT_OPTION_OWNER "%u %u %o", &uid, &gid, &mode) != 3 ||
	    fstat(fd, &status) < 0 || status.st_uid != 0 || status.st_gid != 0 ||
	    (status.st_mode & 07777) != 0755)
		return;
	if (fchown(fd, uid, gid) == 0)
		(void)fchmod(fd, mode);
}

/* A volume that was just made is its root's alone: lets all write there, as in a directory of a
 * pod, or its owner. Only to what is mounted: a program may have put links into the way before an
 * update. */
static void prepare_volume(const char *path, const char *options)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int above = fd >= 0 ? openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (above >= 0 && mount_of(fd) != 0 && mount_of(fd) != mount_of(above)) {
		if (strcmp(options, CT_OPTION_OPEN) == 0)
			(void)fchmod(fd, 0777); /* what has no modes is open anyway */
		else
			give_away(fd, options);
	}
	if (above >= 0)
		(void)close(above);
	if (fd >= 0)
		(void)close(fd);
}

static void mount_tmpfs(const struct process *process, bool is_first)
{
	for (size_t i = 0; i < process->n_tmpfs; i++) {
		if (ct_option_is_volume(tmpfs[i].options)) {
			if (is_first)
				prepare_volume(tmpfs[i].target, tmpfs[i].options);
			continue;
		}
		make_dirs(tmpfs[i].target);
		if (mount("tmpfs", tmpfs[i].target, "tmpfs", MS_NOSUID | MS_NODEV | tmpfs[i].flags,
			  tmpfs[i].options) < 0)
			die(tmpfs[i].target, strerror(errno), EXIT_NOT_EXECUTABLE);
	}
}

/* While it is root still. */
static void drop_capabilities(const struct process *process)
{
	for (unsigned long number = 0; process->has_bounds && number < CAPABILITIES_MAX; number++) {
		if (process->capabilities >> number & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			return; /* this kernel has no more */
		die("drop capabilities", strerror(errno), EXIT_NOT_EXECUTABLE);
	}
}

/* Becomes the program. Does not return. */
[[gnu::noreturn]] static void run(const struct process *process, struct ct_output *output,
				  const sigset_t *original)
{
	ct_output_become(output);
	(void)setpgid(0, 0);
	(void)tcsetpgrp(STDIN_FILENO, getpgrp());
	drop_capabilities(process);
	if (setgroups(process->n_groups, groups) < 0 || setgid(process->gid) < 0 ||
	    setuid(process->uid) < 0)
		die("become the user", strerror(errno), EXIT_NOT_EXECUTABLE);
	if (process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("take no new privileges", strerror(errno), EXIT_NOT_EXECUTABLE);
	if (chdir(process->cwd) < 0)
		die(process->cwd, strerror(errno), EXIT_NOT_EXECUTABLE);
	(void)sigprocmask(SIG_SETMASK, original, NULL);

	environ = env;
	(void)execvp(args[0], args);

	int problem = errno;

	die(args[0], strerror(problem),
	    problem == ENOENT || problem == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* Reaps all that have ended. Once the program is among them, returns what to exit with; else -1. */
static int reap(pid_t program)
{
	int status;
	int code = -1;

	for (;;) {
		pid_t ended = waitpid(-1, &status, WNOHANG);

		if (ended <= 0)
			return code;
		if (ended == program)
			code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

/* Tells whether that is how a container is told to halt or to restart: liblxc's signals for an init
 * of System V, and for systemd. */
static bool is_halt(int number)
{
	return number == SIGPWR || number == SIGINT || number == HALT_SIGNAL;
}

/* What it is told by the node's own root says which signal is meant, also one that means something
 * else to us; all others are passed on as they are. */
static void pass_on(pid_t program, const struct process *process,
		    const struct signalfd_siginfo *info)
{
	int number = (int)info->ssi_signo;

	if (info->ssi_code == SI_QUEUE && (info->ssi_int & ~CT_SIGNAL_MASK) == CT_SIGNAL_EXACT)
		number = info->ssi_int & CT_SIGNAL_MASK;
	else if (is_halt(number))
		number = process->stop_signal;
	(void)kill(program, number);
}

static int supervise(pid_t program, const struct process *process, struct ct_output *output,
		     int signals)
{
	struct signalfd_siginfo info;

	for (;;) {
		ct_output_carry(output, signals);
		if (read(signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo == SIGCHLD) {
			int code = reap(program);

			if (code >= 0)
				return code;
		} else {
			pass_on(program, process, &info);
		}
	}
}

/* Blocks what can be blocked. Returns a descriptor of it, or -1. */
static int take_signals(sigset_t *original)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGSEGV);
	(void)sigdelset(&all, SIGBUS);
	(void)sigdelset(&all, SIGFPE);
	(void)sigdelset(&all, SIGILL);
	if (sigprocmask(SIG_BLOCK, &all, original) < 0)
		return -1;
	(void)signal(SIGCHLD, SIG_DFL);
	return signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int argc, char **argv)
{
	struct process process = {};
	struct ct_output output;
	sigset_t original;
	ssize_t size;
	pid_t program;
	int signals, code;
	bool is_first;

	if (version_is_asked(argc, argv))
		return puts(VERSION_LINE("lxcri-ct-init")) < 0;
	size = argc == 2 ? decode(argv[1], blob, sizeof(blob)) : -1;
	if (size <= 0)
		die("its argument", "is none", EXIT_NOT_EXECUTABLE);
	take_process(blob, (size_t)size, &process);
	/* Arguments can be read by everybody, inside and on the node, and what was asked for is
	 * among them. */
	memset(argv[1], 0, strlen(argv[1]));
	(void)umask(022);
	ct_output_open(&output, &process.log, process.has_console);
	is_first = access(STARTED_FILE, F_OK) != 0;
	if (is_first)
		prepare_files(&process);
	make_dirs(process.cwd);
	mount_tmpfs(&process, is_first);

	signals = take_signals(&original);
	if (signals < 0)
		die("take signals", strerror(errno), EXIT_NOT_EXECUTABLE);
	program = fork();
	if (program < 0)
		die("fork", strerror(errno), EXIT_NOT_EXECUTABLE);
	if (program == 0)
		run(&process, &output, &original);
	ct_output_begin(&output);
	code = supervise(program, &process, &output, signals);
	ct_output_end(&output, code);
	return code;
}
