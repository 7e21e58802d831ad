/* SPDX-License-Identifier: MIT */
/* Credential helpers. */

#include "image/registry/helper.h"

#include "base/mem.h"
#include "base/strings.h"
#include "base/text.h"
#include "os/file.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define ANSWER_BYTES_MAX ((size_t)64 << 10)

extern char **environ;

/* Returns the path of @program on PATH, owned by the caller, or NULL. */
static char *find_program(const char *program)
{
	const char *path = getenv("PATH");
	const char *at = path ? path : "/usr/local/bin:/usr/bin:/bin";

	while (*at) {
		size_t length = strcspn(at, ":");
		autofree char *candidate = xformat("%.*s/%s", (int)length, at, program);

		if (*at == '/' && access(candidate, X_OK) == 0)
			return steal(candidate);
		at += length + (at[length] == ':');
	}
	return NULL;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads until the end, a bound or the deadline. Returns 0, -ETIMEDOUT or another -errno. */
static int read_until(int fd, int64_t deadline_ms, struct text *ret)
{
	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int64_t left = deadline_ms - now_ms();
		char bytes[4096];
		ssize_t got;

		if (left <= 0 || ret->length > ANSWER_BYTES_MAX)
			return left <= 0 ? -ETIMEDOUT : -EFBIG;
		if (poll(&ready, 1, (int)left) <= 0)
			continue;
		got = read(fd, bytes, sizeof(bytes));
		if (got <= 0)
			return got < 0 && errno != EINTR ? -errno : 0;
		text_append(ret, bytes, (size_t)got);
		explicit_bzero(bytes, sizeof(bytes));
	}
}

static int start(const char *path, const char *server, int *ret_from, pid_t *ret_pid)
{
	char *const argv[] = { (char *)path, (char *)"get", NULL };
	int in[2];
	int out[2];

	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;

	autoclose int in_read = in[0];
	autoclose int in_write = in[1];

	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;

	autoclose int out_read = out[0];
	autoclose int out_write = out[1];
	const int fds[] = { in_read, out_write, -1 };
	const struct spawn spawn = { .path = path,
				     .argv = argv,
				     .env = environ,
				     .fds = fds,
				     .n_fds = 3,
				     .dies_with_us = true };
	pid_t pid = process_spawn(&spawn);

	if (pid < 0)
		return pid;
	(void)file_write_all(in_write, server, strlen(server));
	*ret_from = steal_fd(&out_read);
	*ret_pid = pid;
	return 0;
}

static int read_answer(const char *bytes, size_t size, struct credentials *ret,
		       struct lxcri_error *err)
{
	autojson answer = NULL;

	if (json_parse(bytes, size, &json_limits_config, &answer, err) < 0)
		return -1;

	const char *user = json_get_text(answer, "Username");
	const char *secret = json_get_text(answer, "Secret");

	if (!user || !secret || text_has_control(user) || text_has_control(secret))
		return fail(err, LXCRI_E_AUTHENTICATION_FAILED,
			    "its answer has no user name and secret");
	if (strcmp(user, "<token>") == 0) {
		ret->identity_token = xstrdup(secret);
		return 1;
	}
	ret->user = xstrdup(user);
	ret->password = xstrdup(secret);
	return 1;
}

int helper_get(const char *name, const char *server, int64_t timeout_ms, struct credentials *ret,
	       struct lxcri_error *err)
{
	autofree char *program = xformat("docker-credential-%s", name);
	autofree char *path = find_program(program);
	autorun(text_finish) struct text answer = {};
	autoclose int from = -1;
	pid_t pid = -1;

	if (!path)
		return fail(err, LXCRI_E_COMMAND_NOT_FOUND, "%s is not on PATH", program);

	int r = start(path, server, &from, &pid);

	if (r < 0)
		return fail_errno(err, r, "start %s", path);
	r = read_until(from, now_ms() + timeout_ms, &answer);
	if (r < 0)
		(void)kill(pid, SIGKILL);

	int status = process_wait(pid);

	if (r == -ETIMEDOUT)
		return fail(err, LXCRI_E_TIMEOUT, "%s did not answer in the time allowed", path);
	if (r < 0)
		return fail_errno(err, r, "read the answer of %s", path);
	if (process_exit_code(status) != 0) {
		if (answer.data && strstr(answer.data, "credentials not found"))
			return 0;
		return fail(err, LXCRI_E_AUTHENTICATION_FAILED, "%s ended with code %d: %.100s",
			    path, process_exit_code(status), answer.data ? answer.data : "");
	}
	r = read_answer(answer.data ? answer.data : "", answer.length, ret, err);
	if (answer.data)
		explicit_bzero(answer.data, answer.length);
	return r < 0 ? fail_while(err, "%s", path) : r;
}
