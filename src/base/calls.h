/* SPDX-License-Identifier: MIT */
#pragma once

/* Calls of the kernel that glibc has functions for, and a smaller C library not yet: with the same
 * names and meanings, as in their manual pages of section 2. */

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <sys/pidfd.h>
#else
#include <linux/close_range.h>
#include <linux/mount.h>
#include <sys/syscall.h>

/* The names stand in brackets because a build with fault points has macros of them. */

static inline int(close_range)(unsigned int first, unsigned int last, int flags)
{
	return (int)(syscall)(SYS_close_range, first, last, flags);
}

static inline int(fsopen)(const char *type, unsigned int flags)
{
	return (int)(syscall)(SYS_fsopen, type, flags);
}

static inline int(fsconfig)(int fd, unsigned int command, const char *key, const void *value,
			    int aux)
{
	return (int)(syscall)(SYS_fsconfig, fd, command, key, value, aux);
}

static inline int(fsmount)(int fd, unsigned int flags, unsigned int attributes)
{
	return (int)(syscall)(SYS_fsmount, fd, flags, attributes);
}

static inline int(open_tree)(int dirfd, const char *path, unsigned int flags)
{
	return (int)(syscall)(SYS_open_tree, dirfd, path, flags);
}

static inline int(move_mount)(int from, const char *from_path, int to, const char *to_path,
			      unsigned int flags)
{
	return (int)(syscall)(SYS_move_mount, from, from_path, to, to_path, flags);
}

static inline int(mount_setattr)(int dirfd, const char *path, unsigned int flags,
				 struct mount_attr *attributes, size_t size)
{
	return (int)(syscall)(SYS_mount_setattr, dirfd, path, flags, attributes, size);
}

static inline int(pidfd_open)(pid_t pid, unsigned int flags)
{
	return (int)(syscall)(SYS_pidfd_open, pid, flags);
}

static inline int(pidfd_send_signal)(int pidfd, int signal, void *info, unsigned int flags)
{
	return (int)(syscall)(SYS_pidfd_send_signal, pidfd, signal, info, flags);
}

#ifndef STATX_TYPE
#include <linux/stat.h>

static inline int(statx)(int dirfd, const char *path, int flags, unsigned int mask,
			 struct statx *status)
{
	return (int)(syscall)(SYS_statx, dirfd, path, flags, mask, status);
}
#endif

#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000
#endif
#endif
