/* SPDX-License-Identifier: MIT */
/* Scopes of systemd. */

#include "runtime/scope.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/cgroup/cgroup_file.h"
#include "os/file.h"
#include "os/process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"

/* What lxcri-scope says is one line. */
#define MESSAGE_BYTES_MAX 4096

bool scope_is_possible(void)
{
	return access("/run/systemd/system", F_OK) == 0 &&
	       access(ROOT "/cgroup.controllers", F_OK) == 0;
}

int scope_check_slice(const char *slice, struct lxcri_error *err)
{
	size_t length = strlen(slice);
	bool good = length > 6 && length < 200 && strcmp(slice + length - 6, ".slice") == 0 &&
		    *slice != '-' && slice[length - 7] != '-' && !strstr(slice, "--");

	for (const char *c = slice; good && *c; c++)
		good = isalnum((unsigned char)*c) || strchr("-_.:@\\", *c);
	return good ? 0
		    : fail(err, LXCRI_E_INVALID_ARGUMENT,
			   "\"%s\" is not the name of a slice of systemd, such as web.slice",
			   slice);
}

char *scope_cgroup(const char *slice, const char *scope)
{
	size_t length = strlen(slice) - strlen(".slice");
	char *path = xstrdup("");

	for (size_t i = 1; i <= length; i++) {
		char *longer;

		if (i < length && slice[i] != '-')
			continue;
		longer = xformat("%s/%.*s.slice", path, (int)i, slice);
		free(path);
		path = longer;
	}

	char *whole = xformat("%s/%s", path, scope);

	free(path);
	return whole;
}

/* Runs lxcri-scope. */
static int run(const char *program, const struct strings *argv, const char *scope,
	       struct lxcri_error *err)
{
	int pipe_fds[2];
	autofree char *message = NULL;
	size_t size = 0;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail_errno(err, errno, "make a pipe");

	autoclose int reader = pipe_fds[0];
	autoclose int writer = pipe_fds[1];
	const int fds[] = { -1, writer, -1 };
	const struct spawn spawn = { .path = program, .argv = argv->items, .fds = fds, .n_fds = 3 };
	pid_t pid = process_spawn(&spawn);

	if (pid < 0)
		return fail_code_errno(err, LXCRI_E_RUNTIME_NOT_FOUND, pid, "%s", program);
	closep(&writer);

	int r = file_read_fd(reader, MESSAGE_BYTES_MAX, &message, &size);
	int status = process_wait(pid);

	if (status == 0)
		return 0;
	if (r < 0 || size == 0)
		return fail(err, LXCRI_E_RUNTIME_INIT_FAILED,
			    "scope %s: %s ended with status %d (libsystemd is needed)", scope,
			    program, process_exit_code(status));
	message[strcspn(message, "\n")] = '\0';
	return fail(err, LXCRI_E_RUNTIME_INIT_FAILED,
		    "scope %s: %s; runtime.cgroup_manager = cgroupfs does without systemd", scope,
		    message);
}

int scope_enter(const char *helper_dir, const char *slice, const char *scope,
		const struct strings *properties, struct lxcri_error *err)
{
	autofree char *program = xformat("%s/lxcri-scope", helper_dir);
	autofree char *cgroup = scope_cgroup(slice, scope);
	autofree char *own = xformat(ROOT "%s/monitor", cgroup);
	autorun(strings_finish) struct strings argv = {};
	int r;

	strings_add(&argv, "lxcri-scope");
	strings_add(&argv, "start");
	strings_add(&argv, scope);
	strings_add(&argv, slice);
	strings_addf(&argv, "%d", (int)getpid());
	strings_add_all(&argv, properties);
	if (run(program, &argv, scope, err) < 0)
		return -1;
	/* A cgroup with others below it may not have processes itself. */
	r = mkdir(own, 0755) < 0 && errno != EEXIST ? -errno
						    : cgroup_write(own, "cgroup.procs", "0");
	return r < 0 ? fail_code_errno(err, LXCRI_E_RUNTIME_INIT_FAILED, r, "enter %s", own) : 0;
}

int scope_change(const char *helper, const char *scope, const struct strings *properties,
		 struct lxcri_error *err)
{
	autorun(strings_finish) struct strings argv = {};

	strings_add(&argv, "lxcri-scope");
	strings_add(&argv, "set");
	strings_add(&argv, scope);
	strings_add_all(&argv, properties);
	return run(helper, &argv, scope, err);
}
