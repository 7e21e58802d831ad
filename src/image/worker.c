/* SPDX-License-Identifier: MIT */
/* The processes below the command that deal with images, as the command sees them. */

#include "image/worker.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/strings.h"
#include "base/text.h"
#include "os/file.h"
#include "os/helper.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX ((size_t)1 << 20)

/* One that answers nothing is known by what it was to do. */
static int explain_end(const struct worker_call *call, int status, struct lxcri_error *err)
{
	const char *verb = call->args[0];

	if (WIFSIGNALED(status))
		return fail(err, LXCRI_E_STORAGE_ERROR, "%s %s: the worker died of signal %d", verb,
			    call->object, WTERMSIG(status));
	return fail(err, LXCRI_E_STORAGE_ERROR,
		    "%s %s: the worker ended with code %d and no answer", verb, call->object,
		    process_exit_code(status));
}

/* Fails as the worker did. */
static int check_answer(struct json_object *answer, struct lxcri_error *err)
{
	const char *code = json_get_text(answer, WORKER_CODE);
	const char *text = json_get_text(answer, WORKER_TEXT);

	if (code) {
		(void)fail(err, fail_find_code(code), "%s", text ? text : "the worker failed");
		err->errnum = (int)json_get_i64(answer, WORKER_ERRNUM, 0);
		return -1;
	}
	return 0;
}

static void tell(const struct worker_call *call, const char *line, size_t size)
{
	autojson news = NULL;
	struct lxcri_error ignored;

	if (call->news && json_parse(line, size, &json_limits_config, &news, &ignored) == 0)
		call->news(call->userdata, news);
}

/* Passes the whole lines of @text on and leaves the rest. */
static void pass_lines(const struct worker_call *call, struct text *text)
{
	size_t start = 0;
	char *end;

	while ((end = memchr(text->data + start, '\n', text->length - start))) {
		tell(call, text->data + start, (size_t)(end - text->data) - start);
		start = (size_t)(end - text->data) + 1;
	}
	text->length -= start;
	memmove(text->data, text->data + start, text->length + 1);
}

/* Reads to the end; what follows the last line is the answer. Returns 0 or -errno. */
static int read_all(const struct worker_call *call, int fd, struct text *answer)
{
	for (;;) {
		char bytes[4096];
		ssize_t got = read(fd, bytes, sizeof(bytes));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : 0;
		text_append(answer, bytes, (size_t)got);
		pass_lines(call, answer);
		if (answer->length > ANSWER_BYTES_MAX)
			return -EFBIG;
	}
}

/* Makes @text a file to be read; -1 for none. Returns 0 or -errno. */
static int make_input(const char *text, int *ret_fd)
{
	autoclose int fd = text ? memfd_create("request", MFD_CLOEXEC) : -1;
	int r;

	if (!text)
		return 0;
	if (fd < 0)
		return -errno;
	r = file_write_all_at(fd, text, strlen(text), 0);
	if (r == 0)
		*ret_fd = steal_fd(&fd);
	return r;
}

static pid_t start(const struct worker_call *call, const char *path, const int *fds,
		   unsigned int n_fds)
{
	struct strings argv = {};

	strings_add(&argv, path);
	if (call->workers) {
		strings_add(&argv, WORKER_WORKERS);
		strings_add(&argv, call->workers);
	}
	for (size_t i = 0; call->args[i]; i++)
		strings_add(&argv, call->args[i]);

	const struct spawn spawn = { .path = path,
				     .argv = argv.items,
				     .fds = fds,
				     .n_fds = n_fds,
				     .env = call->input ? environ : NULL };
	pid_t pid = process_spawn(&spawn);

	strings_finish(&argv);
	return pid;
}

int worker_start(const struct worker_call *call, int fd, struct worker *ret,
		 struct lxcri_error *err)
{
	const char *verb = call->args[0];
	autofree char *path = helper_path(call->program);
	autoclose int input = -1;
	int ends[2];
	int r = make_input(call->input, &input);

	if (r < 0)
		return fail_errno(err, r, "%s %s: write the request", verb, call->object);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, errno, "%s %s: make a pipe to the worker", verb,
				  call->object);

	autoclose int from = ends[0];
	autoclose int to = ends[1];
	const int fds[] = { input, to, STDERR_FILENO, fd };
	pid_t pid = start(call, path, fds, fd < 0 ? 3 : 4);

	if (pid < 0)
		return fail_errno(err, pid, "%s %s: start %s", verb, call->object, path);
	*ret = (struct worker){ pid, steal_fd(&from) };
	return 0;
}

int worker_finish(const struct worker_call *call, struct worker *worker,
		  struct json_object **ret_answer, struct lxcri_error *err)
{
	const char *verb = call->args[0];
	autorun(text_finish) struct text bytes = {};
	autojson answer = NULL;
	struct lxcri_error ignored;
	int r = read_all(call, worker->answers, &bytes);

	closep(&worker->answers);

	int status = process_wait(worker->pid);

	*worker = WORKER_NULL;
	if (r < 0)
		return fail_errno(err, r, "%s %s: read the answer of the worker", verb,
				  call->object);
	if (status < 0)
		return fail_errno(err, status, "%s %s: wait for the worker", verb, call->object);
	if (bytes.length == 0 ||
	    json_parse(bytes.data, bytes.length, &json_limits_config, &answer, &ignored) < 0)
		return explain_end(call, status, err);
	if (check_answer(answer, err) < 0)
		/* What fails before a helper has read its request does not know the object. */
		return strstr(err->text, call->object)
			       ? -1
			       : fail_while(err, "%s %s", verb, call->object);
	*ret_answer = steal(answer);
	return 0;
}

int worker_ask(const struct worker_call *call, int fd, struct json_object **ret_answer,
	       struct lxcri_error *err)
{
	struct worker worker = WORKER_NULL;

	if (worker_start(call, fd, &worker, err) < 0)
		return -1;
	return worker_finish(call, &worker, ret_answer, err);
}

int worker_run(const struct worker_call *call, int fd, struct worker_answer *ret,
	       struct lxcri_error *err)
{
	autojson answer = NULL;

	if (worker_ask(call, fd, &answer, err) < 0)
		return -1;
	if (!json_get_text(answer, WORKER_NAME))
		return fail(err, LXCRI_E_STORAGE_ERROR, "the worker gave no name");
	ret->name = xstrdup(json_get_text(answer, WORKER_NAME));
	ret->digest = xstrdup(json_get_text(answer, WORKER_DIGEST));
	ret->media_type = xstrdup(json_get_text(answer, WORKER_TYPE));
	return 0;
}

void worker_answer_finish(struct worker_answer *answer)
{
	free(answer->name);
	free(answer->digest);
	free(answer->media_type);
	*answer = (struct worker_answer){};
}
