/* SPDX-License-Identifier: MIT */
/* Fault points below SQLite: its calls to the system go through functions of ours, which fault.h
 * watches like all others. Only in a build with fault points. */

#include "base/scope.h"

#include <sqlite3.h>

static int faulty_open(const char *path, int flags, int mode)
{
	return open(path, flags, mode);
}

static ssize_t faulty_pwrite(int fd, const void *bytes, size_t size, off_t at)
{
	return pwrite(fd, bytes, size, at);
}

static ssize_t faulty_pread(int fd, void *bytes, size_t size, off_t at)
{
	return pread(fd, bytes, size, at);
}

static int faulty_ftruncate(int fd, off_t size)
{
	return ftruncate(fd, size);
}

static int faulty_unlink(const char *path)
{
	return unlink(path);
}

static int faulty_fstat(int fd, struct stat *status)
{
	return fstat(fd, status);
}

[[gnu::constructor]] static void watch_sqlite(void)
{
	static const struct {
		const char *name;
		sqlite3_syscall_ptr function;
	} calls[] = {
		{ "open", (sqlite3_syscall_ptr)faulty_open },
		{ "pwrite", (sqlite3_syscall_ptr)faulty_pwrite },
		{ "pwrite64", (sqlite3_syscall_ptr)faulty_pwrite },
		{ "pread", (sqlite3_syscall_ptr)faulty_pread },
		{ "pread64", (sqlite3_syscall_ptr)faulty_pread },
		{ "ftruncate", (sqlite3_syscall_ptr)faulty_ftruncate },
		{ "unlink", (sqlite3_syscall_ptr)faulty_unlink },
		{ "fstat", (sqlite3_syscall_ptr)faulty_fstat },
	};
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	for (size_t i = 0; vfs && i < ARRAY_LEN(calls); i++)
		(void)vfs->xSetSystemCall(vfs, calls[i].name, calls[i].function);
}
