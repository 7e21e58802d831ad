/* SPDX-License-Identifier: MIT */
/* Tries what a container must not be able to do, once for each argument NAME[=VALUE], and prints
 * "NAME RESULT" a line: "done", or the name of the error. Nothing is harmed where it is possible:
 * files are opened for writing, not written. */

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

static int result_of(long r)
{
	return r < 0 ? -errno : 0;
}

static int open_once(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	(void)close(fd);
	return 0;
}

static int try_read(const char *path)
{
	return open_once(path, O_RDONLY);
}

static int try_write(const char *path)
{
	return open_once(path, O_WRONLY);
}

static int try_list(const char *path)
{
	return open_once(path, O_RDONLY | O_DIRECTORY);
}

/* TYPE:MAJOR:MINOR, made and opened: a device file alone is no device. */
static int try_device(const char *value)
{
	unsigned int major;
	unsigned int minor;
	char type;
	int r;

	if (sscanf(value, "%c:%u:%u", &type, &major, &minor) != 3)
		return -EINVAL;
	(void)unlink("/dev/escape");
	if (mknod("/dev/escape", (type == 'b' ? S_IFBLK : S_IFCHR) | 0666, makedev(major, minor)) <
	    0)
		return -errno;
	r = open_once("/dev/escape", O_RDONLY);
	(void)unlink("/dev/escape");
	return r;
}

static int try_mount(const char *type)
{
	(void)mkdir("/tmp/target", 0700);
	if (mount("none", "/tmp/target", type, 0, NULL) < 0)
		return -errno;
	(void)umount("/tmp/target");
	return 0;
}

/* A mount of what the container was shown read-only. */
static int try_remount(const char *path)
{
	if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
		return -errno;
	return result_of(access(path, W_OK));
}

static int try_umount(const char *path)
{
	return result_of(umount2(path, MNT_DETACH));
}

/* Code that is none: who may load modules is told so. */
static int try_module(const char *unused)
{
	return result_of(syscall(SYS_init_module, "not a module", 12, ""));
}

static int try_kexec(const char *unused)
{
	return result_of(syscall(SYS_kexec_load, 0, 1, (void *)1, 0xffff));
}

static int try_iopl(const char *unused)
{
#ifdef __x86_64__
	return result_of(iopl(3));
#else
	return -ENOSYS;
#endif
}

static int try_ioperm(const char *unused)
{
#ifdef __x86_64__
	return result_of(ioperm(0x80, 1, 1));
#else
	return -ENOSYS;
#endif
}

static int try_swapon(const char *unused)
{
	return result_of(swapon("/tmp", 0));
}

/* A rate that no clock has: only who may change it is told so. */
static int try_clock(const char *unused)
{
	struct timex impossible = { .modes = ADJ_TICK, .tick = 1 };

	return result_of(adjtimex(&impossible));
}

static int try_syslog(const char *unused)
{
	return result_of(syscall(SYS_syslog, 10, NULL, 0));
}

static int try_bpf(const char *unused)
{
	return result_of(syscall(SYS_bpf, 5, "", 0));
}

static int try_handle(const char *path)
{
	struct {
		struct file_handle handle;
		unsigned int inode[2];
	} root = { .handle = { .handle_bytes = 8, .handle_type = 1 }, .inode = { 2, 0 } };
	int dir = open(path, O_RDONLY | O_CLOEXEC);
	int fd = open_by_handle_at(dir, &root.handle, O_RDONLY | O_CLOEXEC);

	return result_of(fd);
}

static int try_kill(const char *pid)
{
	return result_of(kill(atoi(pid), 0));
}

static int try_trace(const char *pid)
{
	if (ptrace(PTRACE_SEIZE, atoi(pid), NULL, NULL) < 0)
		return -errno;
	(void)ptrace(PTRACE_DETACH, atoi(pid), NULL, NULL);
	return 0;
}

/* In a child: a namespace of the host that was entered is not left again. */
static int try_setns(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : result_of(setns(fd, 0));
}

static int try_keyring(const char *unused)
{
	return result_of(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0));
}

static int try_add_key(const char *unused)
{
	return result_of(
		syscall(SYS_add_key, "user", "escape", "x", 1, KEY_SPEC_USER_SESSION_KEYRING));
}

/* Out of a chroot into the file that a host has and the container has not. */
static int try_chroot(const char *file)
{
	char path[4096];

	(void)mkdir("/tmp/jail", 0700);

	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (chroot("/tmp/jail") < 0 || fchdir(root) < 0)
		return -errno;
	for (int i = 0; i < 64; i++)
		(void)!chdir("..");
	(void)!chroot(".");
	(void)snprintf(path, sizeof(path), ".%s", file);
	return open_once(path, O_RDONLY);
}

/* As a set-user-ID program. */
static int try_root(const char *unused)
{
	return geteuid() == 0 ? 0 : -EPERM;
}

static int try_userns(const char *unused)
{
	return result_of(unshare(CLONE_NEWUSER | CLONE_NEWNS));
}

static const struct attempt {
	const char *name;
	int (*run)(const char *value);
} attempts[] = {
	{ "read", try_read },     { "write", try_write },     { "list", try_list },
	{ "device", try_device }, { "mount", try_mount },     { "remount", try_remount },
	{ "umount", try_umount }, { "module", try_module },   { "kexec", try_kexec },
	{ "iopl", try_iopl },     { "ioperm", try_ioperm },   { "swapon", try_swapon },
	{ "clock", try_clock },   { "syslog", try_syslog },   { "bpf", try_bpf },
	{ "handle", try_handle }, { "kill", try_kill },       { "trace", try_trace },
	{ "setns", try_setns },   { "keyring", try_keyring }, { "add_key", try_add_key },
	{ "chroot", try_chroot }, { "userns", try_userns },   { "root", try_root },
};

static int try(const char *word)
{
	size_t length = strcspn(word, "=");

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		if (strlen(attempts[i].name) == length &&
		    strncmp(attempts[i].name, word, length) == 0)
			return attempts[i].run(word[length] ? word + length + 1 : "");
	return -EINVAL;
}

/* Each in a process of its own, which is whatever it was before. */
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int status = 0;
		pid_t child = fork();

		if (child == 0)
			_exit(-try(argv[i]));
		(void)waitpid(child, &status, 0);

		const char *name =
			WIFEXITED(status) ? strerrorname_np(WEXITSTATUS(status)) : "SIGNAL";

		(void)printf("%s %s\n", argv[i], status == 0 ? "done" : name ? name : "UNKNOWN");
	}
	return 0;
}
