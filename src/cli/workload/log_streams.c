/* SPDX-License-Identifier: MIT */
/* The logs of several containers at once. */

#include "cli/workload/log_streams.h"

#include "base/mem.h"
#include "base/moment.h"
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
/* How often others are looked for. */
#define LOOK_MS 500

static const char *const colours[] = { "36", "33", "32", "35", "34", "31" };

struct stream {
	char *id;
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
	freep(&stream->prefix);
	freep(&stream->id);
}

static int begin(struct cli *cli, const char *id, const struct strings *flags, size_t number,
		 struct stream *ret)
{
	autofree char *program = helper_command_path();
	autorun(strings_finish) struct strings words = {};
	int pipes[2];

	*ret = (struct stream){ .fd = -1, .id = xstrdup(id) };
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
	strings_add_all(&words, flags);
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

/* All that were begun. */
struct carrying {
	struct cli *cli;
	const struct log_streams *streams;
	struct stream *items;
	size_t count;
	char *failed; /* the first whose command failed, or NULL */
};

static void carrying_finish(struct carrying *carrying)
{
	for (size_t i = 0; i < carrying->count; i++)
		stream_finish(&carrying->items[i]);
	free(carrying->items);
	free(carrying->failed);
}

static int add(struct carrying *carrying, const char *id, const struct strings *flags,
	       struct lxcri_error *err)
{
	int r;

	carrying->items =
		xreallocarray(carrying->items, carrying->count + 1, sizeof(*carrying->items));
	r = begin(carrying->cli, id, flags, carrying->count, &carrying->items[carrying->count]);
	carrying->count++;
	return r < 0 ? fail_errno(err, r, "print the log of %s", id) : 0;
}

/* Waits for the command of one that has ended; what it had to say of its failure is printed. */
static void note_end(struct carrying *carrying, struct stream *stream)
{
	int status = process_wait(stream->pid);

	stream->pid = 0;
	if (!carrying->failed && (status < 0 || process_exit_code(status) != 0))
		carrying->failed = xstrdup(stream->id);
}

/* Gives back what those hold that have ended; a new one may take the place. */
static size_t count_open(struct carrying *carrying)
{
	size_t open = 0;

	for (size_t i = 0; i < carrying->count; i++)
		if (carrying->items[i].fd >= 0) {
			carrying->items[open++] = carrying->items[i];
		} else {
			note_end(carrying, &carrying->items[i]);
			stream_finish(&carrying->items[i]);
		}
	carrying->count = open;
	return open;
}

static int add_later(struct carrying *carrying, const char *id, const char *since,
		     struct lxcri_error *err)
{
	autorun(strings_finish) struct strings flags = {};

	strings_add_all(&flags, carrying->streams->flags_of_later);
	if (*since) {
		strings_add(&flags, "--since");
		strings_add(&flags, since);
	}
	return add(carrying, id, &flags, err);
}

static int look_for_others(struct carrying *carrying, struct lxcri_error *err)
{
	const struct log_streams *streams = carrying->streams;
	autorun(strings_finish) struct strings later = {};
	int r;

	r = streams->find(streams->userdata, &later, err);
	if (r < 0)
		return -1;
	for (size_t i = 0; i + 1 < later.count && carrying->count < STREAMS_MAX; i += 2)
		if (add_later(carrying, later.items[i], later.items[i + 1], err) < 0)
			return -1;
	return r;
}

static void carry_open(struct carrying *carrying, int timeout_ms)
{
	const size_t count = carrying->count;
	autofree struct pollfd *polled = xcalloc(count + 1, sizeof(*polled));

	for (size_t i = 0; i < count; i++)
		polled[i] = (struct pollfd){ .fd = carrying->items[i].fd, .events = POLLIN };
	if (poll(polled, count, timeout_ms) < 0)
		return; /* a signal */
	for (size_t i = 0; i < count; i++)
		if (polled[i].revents)
			(void)carry(&carrying->items[i]);
}

/* Until all have ended, or nobody reads any more. */
static int carry_all(struct carrying *carrying, struct lxcri_error *err)
{
	int64_t looked_ns = moment_now();
	int others = carrying->streams->find != NULL;

	while ((count_open(carrying) > 0 || others) && !ferror(stdout)) {
		carry_open(carrying, others ? LOOK_MS : -1);
		if (!others || moment_now() - looked_ns < LOOK_MS * NS_IN_MS)
			continue;
		others = look_for_others(carrying, err);
		if (others < 0)
			return -1;
		looked_ns = moment_now();
	}
	return 0;
}

int log_streams_print(struct cli *cli, const struct log_streams *streams, struct lxcri_error *err)
{
	autorun(carrying_finish) struct carrying carrying = { .cli = cli, .streams = streams };

	if (streams->ids->count > STREAMS_MAX)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED, "more than %d logs at once", STREAMS_MAX);
	for (size_t i = 0; i < streams->ids->count; i++)
		if (add(&carrying, streams->ids->items[i], streams->flags, err) < 0 ||
		    (!streams->together && carry_all(&carrying, err) < 0))
			return -1;
	if (streams->together && carry_all(&carrying, err) < 0)
		return -1;
	/* Of those that come and go one may have gone before it was looked at, and of a reader that
	 * has gone not all was wanted. */
	if (carrying.failed && !streams->find && !ferror(stdout))
		return fail(err, LXCRI_E_SYSTEM,
			    "the log of %s was not printed whole, as its command said above",
			    carrying.failed);
	return 0;
}
