/* SPDX-License-Identifier: MIT */
/* The kernel: what is needed of it is tried, not guessed from its version. */

#include "engine/doctor/doctor.h"
#include "engine/doctor/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/* Idmapped mounts came with 5.12 (mount_setattr(2)). */
#define MAJOR_MIN 5
#define MINOR_MIN 12

static void check_version(struct doctor *doctor)
{
	static const struct advice advice = {
		"kernel.version", "it is older than 5.12, from which on this program works",
		"install a newer kernel and boot it"
	};
	struct utsname name;
	int major = 0;
	int minor = 0;

	if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2) {
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &advice, "not readable");
		return;
	}

	bool good = major > MAJOR_MIN || (major == MAJOR_MIN && minor >= MINOR_MIN);

	doctor_report(doctor, good ? LXCRI_HEALTH_OK : LXCRI_HEALTH_FAULT, &advice, "%s %s",
		      name.release, name.machine);
}

/* Yields 0 for a descriptor, which it closes, or -errno. */
static int settle(long fd)
{
	if (fd < 0)
		return -errno;
	(void)close((int)fd);
	return 0;
}

/* Yields 0 where a call that was made wrongly on purpose failed as it does where it is known. */
static int known_by(long r, int expected)
{
	return r >= 0 || errno == expected ? 0 : -errno;
}

static int try_overlay(void)
{
	return settle(fsopen("overlay", FSOPEN_CLOEXEC));
}

static int try_user_namespace(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) < 0 ? errno : 0);
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static int try_seccomp(void)
{
	return probe_seccomp() ? 0 : -ENOSYS;
}

static int try_memfd(void)
{
	return settle(memfd_create("lxcri-doctor", MFD_CLOEXEC));
}

static int try_openat2(void)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };

	return settle(syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how)));
}

static int try_pidfd(void)
{
	return settle(syscall(SYS_pidfd_open, getpid(), 0));
}

static int try_clone3(void)
{
	return known_by(syscall(SYS_clone3, NULL, 0), EINVAL);
}

static int try_mount_setattr(void)
{
	struct mount_attr attributes = {};

	return known_by(
		syscall(SYS_mount_setattr, -1, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)),
		EBADF);
}

static int try_mount_api(void)
{
	return settle(syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLOEXEC));
}

static int try_close_range(void)
{
	return known_by(syscall(SYS_close_range, ~0u, ~0u, 0), EINVAL);
}

/* Renaming between directories, which the worker needs, came with the second version. */
static int try_landlock(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? -errno : version < 2 ? -EOPNOTSUPP : 0;
}

#define NEWER_KERNEL "boot a kernel that has it, or lift the filter of system calls that denies it"

static const struct feature {
	struct advice advice;
	int (*try)(void);
	enum lxcri_health health; /* when it is missing */
} features[] = {
	{ { "kernel.overlay", "layers are copied for every container instead of shared",
	    "boot a kernel with CONFIG_OVERLAY_FS, or load the module overlay" },
	  try_overlay,
	  LXCRI_HEALTH_WARNING },
	{ { "kernel.user_namespaces", "containers cannot run unprivileged",
	    "boot a kernel with CONFIG_USER_NS, and raise user.max_user_namespaces" },
	  try_user_namespace,
	  LXCRI_HEALTH_WARNING },
	{ { "kernel.mount_setattr", "mounts can be neither idmapped nor made read-only as a tree",
	    NEWER_KERNEL },
	  try_mount_setattr,
	  LXCRI_HEALTH_FAULT },
	{ { "kernel.open_tree", "the LXC backend cannot prepare mounts", NEWER_KERNEL },
	  try_mount_api,
	  LXCRI_HEALTH_FAULT },
	{ { "kernel.seccomp", "no filter can keep containers from dangerous system calls",
	    "boot a kernel with CONFIG_SECCOMP_FILTER" },
	  try_seccomp,
	  LXCRI_HEALTH_FAULT },
	{ { "kernel.memfd", "libcrun and runc cannot protect themselves from containers",
	    NEWER_KERNEL },
	  try_memfd,
	  LXCRI_HEALTH_FAULT },
	{ { "kernel.openat2", "paths inside a container cannot be opened safely", NEWER_KERNEL },
	  try_openat2,
	  LXCRI_HEALTH_FAULT },
	{ { "kernel.pidfd", "processes cannot be held without a race", NEWER_KERNEL },
	  try_pidfd,
	  LXCRI_HEALTH_FAULT },
	{ { "kernel.clone3", "liblxc and libcrun take slower ways", NEWER_KERNEL },
	  try_clone3,
	  LXCRI_HEALTH_WARNING },
	{ { "kernel.close_range", "no helper can be started", NEWER_KERNEL },
	  try_close_range,
	  LXCRI_HEALTH_FAULT },
	{ { "kernel.landlock", "what unpacks images is not confined to the store",
	    "boot a kernel of 5.19 or later with landlock in CONFIG_LSM or lsm=" },
	  try_landlock,
	  LXCRI_HEALTH_WARNING },
};

void doctor_kernel(struct doctor *doctor)
{
	check_version(doctor);
	for (size_t i = 0; i < ARRAY_LEN(features); i++) {
		const struct feature *feature = &features[i];
		int r = feature->try();

		if (r == 0)
			doctor_report(doctor, LXCRI_HEALTH_OK, &feature->advice, "works");
		else
			doctor_report(doctor, feature->health, &feature->advice, "missing: %s",
				      strerror(-r));
	}
}
