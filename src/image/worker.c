/* SPDX-License-Identifier: MIT */
/* The worker process, as the command sees it. */

#include "image/worker.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/strings.h"
#include "os/file.h"
#include "os/helper.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#define ANSWER_BYTES_MAX ((size_t)16 << 10)

/* Returns the code called @name. */
static enum lxcri_code find_code(const char *name)
{
#define X(code_, text_, class_)       \
	if (strcmp(name, text_) == 0) \
		return LXCRI_E_##code_;
	LXCRI_ERRORS(X)
#undef X
	return LXCRI_E_SYSTEM;
}

/* A worker that answers nothing is known by what it was to do. */
static int explain_end(const char *const *args, int status, struct lxcri_error *err)
{
	if (WIFSIGNALED(status))
		return fail(err, LXCRI_E_STORAGE_ERROR, "%s %s: the worker died of signal %d",
			    args[0], args[2], WTERMSIG(status));
	return fail(err, LXCRI_E_STORAGE_ERROR,
		    "%s %s: the worker ended with code %d and no answer", args[0], args[2],
		    process_exit_code(status));
}

static int read_answer(struct json_object *answer, char **ret_name, char **ret_digest,
		       struct lxcri_error *err)
{
	const char *code = json_get_text(answer, WORKER_CODE);
	const char *text = json_get_text(answer, WORKER_TEXT);
	const char *name = json_get_text(answer, WORKER_NAME);
	const char *digest = json_get_text(answer, WORKER_DIGEST);

	if (code) {
		(void)fail(err, find_code(code), "%s", text ? text : "the worker failed");
		err->errnum = (int)json_get_i64(answer, WORKER_ERRNUM, 0);
		return -1;
	}
	if (!name || !digest)
		return fail(err, LXCRI_E_STORAGE_ERROR, "the worker gave no digest");
	if (ret_name)
		*ret_name = xstrdup(name);
	*ret_digest = xstrdup(digest);
	return 0;
}

int worker_run(const char *const *args, char **ret_name, char **ret_digest, struct lxcri_error *err)
{
	autofree char *path = helper_path("lxcri-worker");
	autofree char *bytes = NULL;
	autojson answer = NULL;
	struct lxcri_error ignored;
	struct strings argv = {};
	int ends[2];
	size_t size = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, errno, "%s %s: make a pipe to the worker", args[0], args[2]);

	autoclose int from = ends[0];
	autoclose int to = ends[1];
	const int fds[] = { -1, to, STDERR_FILENO };

	strings_add(&argv, path);
	for (size_t i = 0; args[i]; i++)
		strings_add(&argv, args[i]);

	const struct spawn spawn = { .path = path, .argv = argv.items, .fds = fds, .n_fds = 3 };
	pid_t pid = process_spawn(&spawn);

	strings_finish(&argv);
	if (pid < 0)
		return fail_errno(err, pid, "%s %s: start %s", args[0], args[2], path);
	closep(&to);

	int r = file_read_fd(from, ANSWER_BYTES_MAX, &bytes, &size);
	int status = process_wait(pid);

	if (r < 0)
		return fail_errno(err, r, "%s %s: read the answer of the worker", args[0], args[2]);
	if (status < 0)
		return fail_errno(err, status, "%s %s: wait for the worker", args[0], args[2]);
	if (size == 0 || json_parse(bytes, size, &json_limits_config, &answer, &ignored) < 0)
		return explain_end(args, status, err);
	return read_answer(answer, ret_name, ret_digest, err);
}
