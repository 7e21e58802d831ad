/* SPDX-License-Identifier: MIT */
/* The logs of several containers at once. */

#include "cli/workload/log_streams.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/engine.h"
#include "os/helper.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What has no end of a line is given out in such pieces. */
#define LINE_BYTES_MAX (64u << 10)
#define STREAMS_MAX    256

static const char *const colours[] = { "36", "33", "32", "35", "34", "31" };

struct stream {
	char *prefix;
	pid_t pid;
	int fd;
	struct text line;
};

/* Containers are POD.NAME. */
static char *make_prefix(const char *id, size_t number)
{
	const char *dot = strrchr(id, '.');
	autofree char *pod = dot ? xstrndup(id, (size_t)(dot - id)) : xstrdup(id);
	autofree char *plain = dot ? xformat("[pod/%s/%s] ", pod, dot + 1) : xformat("[%s] ", id);

	return isatty(STDOUT_FILENO)
		       ? xformat("\x1b[%sm%s\x1b[0m", colours[number % ARRAY_LEN(colours)], plain)
		       : steal(plain);
}

static void stream_finish(struct stream *stream)
{
	closep(&stream->fd);
	if (stream->pid > 0)
		(void)process_wait(stream->pid);
	stream->pid = 0;
	text_finish(&stream->line);
	free(stream->prefix);
	stream->prefix = NULL;
}

static int begin(struct cli *cli, const struct log_streams *streams, size_t number,
		 struct stream *ret)
{
	const char *id = streams->ids->items[number];
	autofree char *program = helper_command_path();
	autorun(strings_finish) struct strings words = {};
	int pipes[2];

	*ret = (struct stream){ .fd = -1 };
	strings_add(&words, program);
	if (config_file(cli->engine->config)) {
		strings_add(&words, "--config");
		strings_add(&words, config_file(cli->engine->config));
	}
	strings_add(&words, "--root");
	strings_add(&words, cli->engine->root);
	strings_add(&words, "--data");
	strings_add(&words, cli->engine->data);
	strings_add(&words, "logs");
	strings_add_all(&words, streams->flags);
	strings_add(&words, id);
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;

	const int fds[] = { -1, pipes[1], pipes[1] };
	const struct spawn spawn = { .path = program,
				     .argv = words.items,
				     .env = environ,
				     .fds = fds,
				     .n_fds = ARRAY_LEN(fds),
				     .dies_with_us = true };

	ret->pid = process_spawn(&spawn);
	(void)close(pipes[1]);
	ret->fd = pipes[0];
	ret->prefix = make_prefix(id, number);
	return ret->pid < 0 ? ret->pid : 0;
}

static void print_line(struct stream *stream, size_t size)
{
	(void)fputs(stream->prefix, stdout);
	(void)fwrite(stream->line.data, 1, size, stdout);
	(void)fputc('\n', stdout);
}

static void print_lines(struct stream *stream)
{
	struct text rest = {};
	char *end;
	size_t done = 0;

	while (done < stream->line.length &&
	       (end = memchr(stream->line.data + done, '\n', stream->line.length - done))) {
		(void)fputs(stream->prefix, stdout);
		(void)fwrite(stream->line.data + done, 1,
			     (size_t)(end - stream->line.data) + 1 - done, stdout);
		done = (size_t)(end - stream->line.data) + 1;
	}
	if (done > 0) {
		text_append(&rest, stream->line.data + done, stream->line.length - done);
		text_finish(&stream->line);
		stream->line = rest;
	}
	if (stream->line.length >= LINE_BYTES_MAX) {
		print_line(stream, stream->line.length);
		text_finish(&stream->line);
	}
	(void)fflush(stdout);
}

/* Returns 1 while there may be more. */
static int carry(struct stream *stream)
{
	char bytes[8192];
	ssize_t size = read(stream->fd, bytes, sizeof(bytes));

	if (size < 0 && errno == EINTR)
		return 1;
	if (size > 0) {
		text_append(&stream->line, bytes, (size_t)size);
		print_lines(stream);
		return 1;
	}
	if (stream->line.length > 0)
		print_line(stream, stream->line.length);
	(void)fflush(stdout);
	closep(&stream->fd);
	return 0;
}

/* Until all have ended, or nobody reads any more. */
static void carry_all(struct stream *items, size_t count)
{
	autofree struct pollfd *polled = xcalloc(count, sizeof(*polled));
	size_t open = count;

	while (open > 0 && !ferror(stdout)) {
		for (size_t i = 0; i < count; i++)
			polled[i] = (struct pollfd){ .fd = items[i].fd, .events = POLLIN };
		if (poll(polled, count, -1) < 0)
			continue; /* a signal */
		for (size_t i = 0; i < count; i++)
			if (items[i].fd >= 0 && polled[i].revents && carry(&items[i]) == 0)
				open--;
	}
}

int log_streams_print(struct cli *cli, const struct log_streams *streams, struct lxcri_error *err)
{
	const size_t count = streams->ids->count;
	autofree struct stream *items = xcalloc(count + 1, sizeof(*items));
	size_t begun = 0;
	int r = 0;

	if (count > STREAMS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "more than %d logs at once", STREAMS_MAX);
	while (r == 0 && begun < count) {
		r = begin(cli, streams, begun, &items[begun]);
		begun++;
		if (r == 0 && !streams->together)
			carry_all(&items[begun - 1], 1);
	}
	if (r == 0 && streams->together)
		carry_all(items, count);
	for (size_t i = 0; i < begun; i++)
		stream_finish(&items[i]);
	return r < 0 ? fail_errno(err, r, "print the log of %s", streams->ids->items[begun - 1])
		     : 0;
}
