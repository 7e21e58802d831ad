/* SPDX-License-Identifier: MIT */
#pragma once

/* Fault points, which a build with -Dfault_points=true has and no other: a name before and after
 * each call to the system, at which a test has the process killed or the call fail.
 *
 *     LXCRI_FAULT=engine/home.c:enter_run_dir:mkdir:kill        instead of the call
 *     LXCRI_FAULT=engine/home.c:enter_run_dir:mkdir:kill-after  directly behind it
 *     LXCRI_FAULT=engine/home.c:enter_run_dir:mkdir:ENOSPC      it fails so: or EIO, EMFILE, ...
 *     LXCRI_FAULT=list                                          prints the names and ends
 *
 * A name may have "@PROGRAM" behind it, which is the only one then, and "#N", for the Nth time that
 * one process gets there instead of the first. All helpers are told. LXCRI_FAULT_TRACE names a file
 * of zeroes of the size that it may have, in which is written who got where: 8 bytes with the
 * length, 8 with the number of faults, and lines of "PROGRAM POINT#N". Of all processes with the
 * same trace only one has the fault, once.
 *
 * The source knows nothing of it: the compiler includes this header before everything else, and the
 * macros below stand in for the functions of the C library. */

#ifndef LXCRI_FAULT_POINTS

#include <stddef.h>

/* Returns what lxcri-shim needs in its environment, "NAME=VALUE", ended by NULL. */
static inline const char *const *fault_settings(void)
{
	static const char *const none[] = { NULL };

	return none;
}

#else

/* All that declare one of the functions below: a macro must not meet a prototype. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Of the kernel, by way of sys/mount.h; others have a use for the name. */
#undef BLOCK_SIZE

struct fault_point {
	const char *file;
	const char *function;
	const char *call;
	int line;
	unsigned int hits; /* in this process */
};

/* Returns what lxcri-shim needs in its environment, "NAME=VALUE", ended by NULL. */
const char *const *fault_settings(void);

/* Returns 0, or -1 with errno set when the call at @point is to fail; or does not return. */
int fault_before(struct fault_point *point);

/* Keeps errno. May not return. */
void fault_after(struct fault_point *point);

/* Returns @env with what a helper needs to know of faults. Of static memory: for execve() only. */
char *const *fault_environment(char *const *env);

/* The linker makes one array of the section. */
#define FAULT_POINT(name_)                                                                       \
	({                                                                                       \
		static struct fault_point here_ = { __FILE__, __func__, name_, __LINE__, 0 };    \
		[[gnu::section("lxcri_faults"), gnu::used]] static struct fault_point *listed_ = \
			&here_;                                                                  \
		&here_;                                                                          \
	})

#define FAULT_CALL_NAMED(name_, failure_, call_, ...)                                 \
	({                                                                            \
		struct fault_point *point_ = FAULT_POINT(name_);                      \
		__auto_type result_ =                                                 \
			fault_before(point_) < 0 ? (failure_) : (call_)(__VA_ARGS__); \
		fault_after(point_);                                                  \
		result_;                                                              \
	})
#define FAULT_CALL(call_, ...)    FAULT_CALL_NAMED(#call_, -1, call_, __VA_ARGS__)
#define FAULT_POINTER(call_, ...) FAULT_CALL_NAMED(#call_, NULL, call_, __VA_ARGS__)

/* clang-format off */
#define open(...) FAULT_CALL(open, __VA_ARGS__)
#define openat(...) FAULT_CALL(openat, __VA_ARGS__)
#define mkdir(...) FAULT_CALL(mkdir, __VA_ARGS__)
#define mkdirat(...) FAULT_CALL(mkdirat, __VA_ARGS__)
#define mknodat(...) FAULT_CALL(mknodat, __VA_ARGS__)
#define unlink(...) FAULT_CALL(unlink, __VA_ARGS__)
#define unlinkat(...) FAULT_CALL(unlinkat, __VA_ARGS__)
#define rmdir(...) FAULT_CALL(rmdir, __VA_ARGS__)
#define renameat(...) FAULT_CALL(renameat, __VA_ARGS__)
#define renameat2(...) FAULT_CALL(renameat2, __VA_ARGS__)
#define linkat(...) FAULT_CALL(linkat, __VA_ARGS__)
#define symlinkat(...) FAULT_CALL(symlinkat, __VA_ARGS__)
#define chmod(...) FAULT_CALL(chmod, __VA_ARGS__)
#define fchmod(...) FAULT_CALL(fchmod, __VA_ARGS__)
#define fchmodat(...) FAULT_CALL(fchmodat, __VA_ARGS__)
#define chown(...) FAULT_CALL(chown, __VA_ARGS__)
#define fchown(...) FAULT_CALL(fchown, __VA_ARGS__)
#define fchownat(...) FAULT_CALL(fchownat, __VA_ARGS__)
#define utimensat(...) FAULT_CALL(utimensat, __VA_ARGS__)
#define fsetxattr(...) FAULT_CALL(fsetxattr, __VA_ARGS__)
#define setxattr(...) FAULT_CALL(setxattr, __VA_ARGS__)
#define copy_file_range(...) FAULT_CALL(copy_file_range, __VA_ARGS__)
#define read(...) FAULT_CALL(read, __VA_ARGS__)
#define pread(...) FAULT_CALL(pread, __VA_ARGS__)
#define recvmsg(...) FAULT_CALL(recvmsg, __VA_ARGS__)
#define write(...) FAULT_CALL(write, __VA_ARGS__)
#define pwrite(...) FAULT_CALL(pwrite, __VA_ARGS__)
#define writev(...) FAULT_CALL(writev, __VA_ARGS__)
#define ftruncate(...) FAULT_CALL(ftruncate, __VA_ARGS__)
#define fallocate(...) FAULT_CALL(fallocate, __VA_ARGS__)
#define fsync(...) FAULT_CALL(fsync, __VA_ARGS__)
#define syncfs(...) FAULT_CALL(syncfs, __VA_ARGS__)
#define stat(...) FAULT_CALL(stat, __VA_ARGS__)
#define fstat(...) FAULT_CALL(fstat, __VA_ARGS__)
#define fstatat(...) FAULT_CALL(fstatat, __VA_ARGS__)
#define access(...) FAULT_CALL(access, __VA_ARGS__)
#define faccessat(...) FAULT_CALL(faccessat, __VA_ARGS__)
#define fcntl(...) FAULT_CALL(fcntl, __VA_ARGS__)
#define flock(...) FAULT_CALL(flock, __VA_ARGS__)
#define dup2(...) FAULT_CALL(dup2, __VA_ARGS__)
#define dup3(...) FAULT_CALL(dup3, __VA_ARGS__)
#define close_range(...) FAULT_CALL(close_range, __VA_ARGS__)
#define mount(...) FAULT_CALL(mount, __VA_ARGS__)
#define umount2(...) FAULT_CALL(umount2, __VA_ARGS__)
#define fsopen(...) FAULT_CALL(fsopen, __VA_ARGS__)
#define fsconfig(...) FAULT_CALL(fsconfig, __VA_ARGS__)
#define fsmount(...) FAULT_CALL(fsmount, __VA_ARGS__)
#define move_mount(...) FAULT_CALL(move_mount, __VA_ARGS__)
#define open_tree(...) FAULT_CALL(open_tree, __VA_ARGS__)
#define mount_setattr(...) FAULT_CALL(mount_setattr, __VA_ARGS__)
#define unshare(...) FAULT_CALL(unshare, __VA_ARGS__)
#define setns(...) FAULT_CALL(setns, __VA_ARGS__)
#define chdir(...) FAULT_CALL(chdir, __VA_ARGS__)
#define fchdir(...) FAULT_CALL(fchdir, __VA_ARGS__)
#define fork(...) FAULT_CALL(fork, __VA_ARGS__)
#define vfork(...) FAULT_CALL(vfork, __VA_ARGS__)
#define clone(...) FAULT_CALL(clone, __VA_ARGS__)
#define kill(...) FAULT_CALL(kill, __VA_ARGS__)
#define prctl(...) FAULT_CALL(prctl, __VA_ARGS__)
#define setsid(...) FAULT_CALL(setsid, __VA_ARGS__)
#define signalfd(...) FAULT_CALL(signalfd, __VA_ARGS__)
#define sethostname(...) FAULT_CALL(sethostname, __VA_ARGS__)
#define setdomainname(...) FAULT_CALL(setdomainname, __VA_ARGS__)
#define pipe2(...) FAULT_CALL(pipe2, __VA_ARGS__)
#define socketpair(...) FAULT_CALL(socketpair, __VA_ARGS__)
#define socket(...) FAULT_CALL(socket, __VA_ARGS__)
#define listen(...) FAULT_CALL(listen, __VA_ARGS__)
#define accept4(...) FAULT_CALL(accept4, __VA_ARGS__)
#define setsockopt(...) FAULT_CALL(setsockopt, __VA_ARGS__)
#define ioctl(...) FAULT_CALL(ioctl, __VA_ARGS__)
#define sendmsg(...) FAULT_CALL(sendmsg, __VA_ARGS__)
#define send(...) FAULT_CALL(send, __VA_ARGS__)
#define memfd_create(...) FAULT_CALL(memfd_create, __VA_ARGS__)
#define poll(...) FAULT_CALL(poll, __VA_ARGS__)
#define opendir(...) FAULT_POINTER(opendir, __VA_ARGS__)
#define fdopendir(...) FAULT_POINTER(fdopendir, __VA_ARGS__)
#define fopen(...) FAULT_POINTER(fopen, __VA_ARGS__)
#define realpath(...) FAULT_POINTER(realpath, __VA_ARGS__)
#define syscall(number_, ...) FAULT_CALL_NAMED(#number_, -1, syscall, number_, __VA_ARGS__)
#define lzc_snapshot(...) FAULT_CALL_NAMED("lzc_snapshot", errno, lzc_snapshot, __VA_ARGS__)
#define lzc_clone(...) FAULT_CALL_NAMED("lzc_clone", errno, lzc_clone, __VA_ARGS__)
#define lzc_rename(...) FAULT_CALL_NAMED("lzc_rename", errno, lzc_rename, __VA_ARGS__)
#define lzc_destroy(...) FAULT_CALL_NAMED("lzc_destroy", errno, lzc_destroy, __VA_ARGS__)
#define execve(path_, argv_, env_) FAULT_CALL(execve, path_, argv_, fault_environment(env_))
/* clang-format on */
#endif
