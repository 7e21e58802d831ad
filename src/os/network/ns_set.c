/* SPDX-License-Identifier: MIT */
/* Namespaces that are there without a process. */

#include "os/network/ns_set.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define DIR_MODE     0700
#define RETURN_TRIES 3

static const struct kind {
	const char *name; /* as below /proc/PID/ns */
	int flag;
} kinds[] = {
	{ "net", CLONE_NEWNET },
	{ "ipc", CLONE_NEWIPC },
	{ "uts", CLONE_NEWUTS },
};
#define KINDS ((int)ARRAY_LEN(kinds))

static bool is_held(const char *path)
{
	struct statfs status;

	return statfs(path, &status) == 0 && status.f_type == NSFS_MAGIC;
}

bool ns_set_is_there(const char *dir)
{
	for (int i = 0; i < KINDS; i++) {
		autofree char *path = xformat("%s/%s", dir, kinds[i].name);

		if (!is_held(path))
			return false;
	}
	return true;
}

int ns_set_open_net(const char *dir)
{
	autofree char *path = xformat("%s/net", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Takes one away. Several mounts are there where who made them was killed and another one did it
 * again. */
static int let_go(const char *dir, const struct kind *kind)
{
	autofree char *path = xformat("%s/%s", dir, kind->name);

	while (is_held(path))
		if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return -errno;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int ns_set_break(const char *dir)
{
	int r = 0;

	for (int i = 0; r == 0 && i < KINDS; i++)
		if (kinds[i].flag != CLONE_NEWNET)
			r = let_go(dir, &kinds[i]);
	return r;
}

int ns_set_remove(const char *dir)
{
	int r = 0;

	for (int i = 0; r == 0 && i < KINDS; i++)
		r = let_go(dir, &kinds[i]);
	if (r == 0 && rmdir(dir) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

static int raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

/* Who has ids of its own has no right over a namespace of the host's: it would be refused port 80,
 * and echoes of ping. A kernel without one of them needs nothing. */
static int set_free(const char *path, const char *value)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int hold(const char *dir, const char *name)
{
	autofree char *source = xformat("/proc/thread-self/ns/%s", name);
	autofree char *target = xformat("%s/%s", dir, name);
	autoclose int file = open(target, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return file < 0 || mount(source, target, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

/* In the new namespaces. */
static int furnish(const char *dir, const char *hostname)
{
	int r = sethostname(hostname, strlen(hostname)) < 0 ? -errno : raise_loopback();

	if (r == 0)
		r = set_free("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
	if (r == 0)
		r = set_free("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
	for (int i = 0; r == 0 && i < KINDS; i++)
		r = hold(dir, kinds[i].name);
	return r;
}

/* Another thread's namespaces are no place to go on in. */
static void go_back(const int own[static ARRAY_LEN(kinds)])
{
	static const char lost[] = "cannot return to the host's namespaces\n";

	for (int i = 0; i < KINDS; i++)
		for (int tries = 0; setns(own[i], kinds[i].flag) < 0; tries++) {
			if (tries < RETURN_TRIES)
				continue;
			(void)!write(STDERR_FILENO, lost, sizeof(lost) - 1);
			abort();
		}
}

static int create(const char *dir, const char *hostname)
{
	int own[ARRAY_LEN(kinds)];
	int flags = 0;
	int opened = 0;
	int r = 0;

	for (; r == 0 && opened < KINDS; opened++) {
		autofree char *path = xformat("/proc/thread-self/ns/%s", kinds[opened].name);

		own[opened] = open(path, O_RDONLY | O_CLOEXEC);
		r = own[opened] < 0 ? -errno : 0;
		flags |= kinds[opened].flag;
	}
	if (r == 0)
		r = unshare(flags) < 0 ? -errno : 0;
	if (r == 0) {
		r = furnish(dir, hostname);
		go_back(own);
	}
	for (int i = 0; i < opened; i++)
		closep(&own[i]);
	return r;
}

int ns_set_create(const char *dir, const char *hostname)
{
	int r = ns_set_remove(dir);

	if (r == 0)
		r = path_make_dirs(dir, DIR_MODE);
	if (r == 0)
		r = create(dir, hostname);
	if (r < 0)
		(void)ns_set_remove(dir); /* the failure is the one that counts */
	return r;
}
