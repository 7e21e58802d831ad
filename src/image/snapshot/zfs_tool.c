/* SPDX-License-Identifier: MIT */
/* The program "zfs". What it prints goes into files without a name: it can be read when the program
 * has ended. */

#include "image/snapshot/zfs_tool.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_BYTES_MAX ((size_t)64 << 20)
#define ERROR_BYTES_MAX  ((size_t)64 << 10)

/* Not by PATH, which the caller's environment decides about. */
static const char *find_program(void)
{
	static const char *const places[] = { "/usr/sbin/zfs", "/sbin/zfs", "/usr/local/sbin/zfs" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

/* Returns what was written to @fd, owned by the caller, or NULL. */
static char *read_back(int fd, size_t limit)
{
	autofree char *path = xformat("/proc/self/fd/%d", fd);
	char *text = NULL;
	size_t size;

	return file_read(AT_FDCWD, path, limit, &text, &size) == 0 ? text : NULL;
}

static void split(char *text, struct strings *lines)
{
	char *at = NULL;

	for (char *line = strtok_r(text, "\n", &at); line; line = strtok_r(NULL, "\n", &at))
		strings_add(lines, line);
}

/* Fails with the first line of what it said. */
static int explain(const char *const *args, int errors, struct lxcri_error *err)
{
	autofree char *said = read_back(errors, ERROR_BYTES_MAX);

	if (said)
		said[strcspn(said, "\n")] = '\0';
	return fail(err, LXCRI_E_ZFS_ERROR, "zfs %s: %s", args[0],
		    said && *said ? said : "it failed and did not say why");
}

int zfs_tool(const char *const *args, int lock, struct strings *ret_lines, struct lxcri_error *err)
{
	static char *const environment[] = { (char *)"LC_ALL=C", NULL };
	const char *path = find_program();
	autorun(strings_finish) struct strings argv = {};
	autoclose int output = memfd_create("output", MFD_CLOEXEC);
	autoclose int errors = memfd_create("errors", MFD_CLOEXEC);
	const int fds[] = { -1, output, errors, lock };
	int status;

	if (!path)
		return fail(err, LXCRI_E_ZFS_ERROR,
			    "the program zfs is missing; install zfsutils-linux");
	if (output < 0 || errors < 0)
		return fail_code_errno(err, LXCRI_E_ZFS_ERROR, errno, "run zfs");
	strings_add(&argv, "zfs");
	for (const char *const *arg = args; *arg; arg++)
		strings_add(&argv, *arg);

	const struct spawn spawn = { .path = path,
				     .argv = argv.items,
				     .env = environment,
				     .fds = fds,
				     .n_fds = lock < 0 ? 3 : 4 };
	pid_t pid = process_spawn(&spawn);

	status = pid < 0 ? pid : process_wait(pid);
	if (status < 0)
		return fail_code_errno(err, LXCRI_E_ZFS_ERROR, status, "run %s", path);
	if (process_exit_code(status) != 0)
		return explain(args, errors, err);

	autofree char *text = read_back(output, OUTPUT_BYTES_MAX);

	if (!text)
		return fail(err, LXCRI_E_ZFS_ERROR, "zfs %s: it printed too much", args[0]);
	if (ret_lines)
		split(text, ret_lines);
	return 0;
}
