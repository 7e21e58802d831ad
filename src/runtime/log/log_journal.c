/* SPDX-License-Identifier: MIT */
/* Reading the log of a container from the journal.
 *
 * journalctl counts entries, of which a long line has several: to find the last lines their entries
 * are looked at first. Its --follow does not end with the container: when that has stopped, the
 * journal is brought up to date and read once more behind the last entry that was seen. */

#include "runtime/log/log_journal.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/strings.h"
#include "os/process.h"
#include "runtime/log/journal_export.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TAIL_FACTOR 8

/* More entries are not counted for the last lines. */
#define TAIL_ENTRIES_MAX (1 << 24)

struct reader {
	const char *log_id;
	const struct log_read_options *options;
	struct log_sink sink;
	char *buffer; /* JOURNAL_ENTRY_MAX */
	size_t size;
	pid_t child; /* 0: none */
	int output;  /* of the child */
	char cursor[JOURNAL_CURSOR_MAX];
};

static const char *find_program(void)
{
	static const char *const paths[] = { "/usr/bin/journalctl", "/bin/journalctl" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	return NULL;
}

/* Starts journalctl with @extra arguments, its output in a pipe. */
static int start(struct reader *reader, const struct strings *extra, struct lxcri_error *err)
{
	static char *const env[] = { "LANG=C", NULL };
	const char *program = find_program();
	autorun(strings_finish) struct strings argv = {};
	int ends[2];

	if (!program)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "the log is in the journal, and journalctl, which reads it, is not "
			    "installed");
	strings_add(&argv, "journalctl");
	strings_add(&argv, "--quiet");
	strings_add(&argv, "--no-pager");
	strings_add_all(&argv, extra);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, errno, "make a pipe");

	const int fds[] = { -1, ends[1], STDERR_FILENO };
	const struct spawn spawn = {
		.path = program, .argv = argv.items, .env = env, .fds = fds, .n_fds = 3
	};
	pid_t child = process_spawn(&spawn);

	(void)close(ends[1]);
	if (child < 0) {
		(void)close(ends[0]);
		return fail_errno(err, child, "start %s", program);
	}
	reader->child = child;
	reader->output = ends[0];
	reader->size = 0;
	return 0;
}

/* Ends the child, by force where it has not ended by itself. Returns its exit code. */
static int finish_child(struct reader *reader)
{
	int code = 0;

	closep(&reader->output);
	if (reader->child > 0) {
		int status = process_wait(reader->child);

		code = status < 0 ? 1 : process_exit_code(status);
	}
	reader->child = 0;
	return code;
}

static void reader_finish(struct reader *reader)
{
	if (reader->child > 0)
		(void)kill(reader->child, SIGKILL);
	(void)finish_child(reader);
	log_sink_finish(&reader->sink);
	freep(&reader->buffer);
}

static void add_match(const struct reader *reader, struct strings *argv)
{
	strings_add(argv, "--output=export");
	strings_addf(argv, "LXCRI_LOG=%s", reader->log_id);
	strings_add(argv, "_UID=0"); /* others can write what they want into theirs */
}

/* Reads what the child has written. Returns 1, 0 at the end, or -errno. */
static int fill(struct reader *reader)
{
	ssize_t got;

	do
		got = read(reader->output, reader->buffer + reader->size,
			   JOURNAL_ENTRY_MAX - reader->size);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	reader->size += (size_t)got;
	return got > 0;
}

/* Takes the entries that are in the buffer. Returns 0, what @take returned below 0, or -EINVAL. */
static int take_entries(struct reader *reader,
			int (*take)(struct reader *reader, const struct journal_entry *entry,
				    void *userdata),
			void *userdata)
{
	size_t at = 0;
	ssize_t length = 0;
	int r = 0;

	while (r >= 0 && at < reader->size) {
		struct journal_entry entry;

		length = journal_export_parse(reader->buffer + at, reader->size - at, &entry);
		if (length <= 0)
			break;
		r = take(reader, &entry, userdata);
		at += (size_t)length;
	}
	memmove(reader->buffer, reader->buffer + at, reader->size - at);
	reader->size -= at;
	if (r < 0)
		return r;
	return length < 0 ? (int)length : 0;
}

static int show_entry(struct reader *reader, const struct journal_entry *entry, void *userdata)
{
	int r = log_sink_add(&reader->sink, &entry->record);

	if (entry->cursor) {
		memcpy(reader->cursor, entry->cursor, entry->cursor_size);
		reader->cursor[entry->cursor_size] = '\0';
	}
	return r < 0 ? r : 0;
}

/* Which of the last entries end a line that was asked for. */
struct tail {
	uint8_t *ends; /* a ring of @most */
	size_t most;
	size_t count; /* of all entries that came */
};

static int count_entry(struct reader *reader, const struct journal_entry *entry, void *userdata)
{
	struct tail *tail = userdata;

	tail->ends[tail->count++ % tail->most] =
		!entry->record.is_partial && log_sink_wants(&reader->sink, &entry->record) > 0;
	return 0;
}

static int fail_carry(const struct reader *reader, int r, struct lxcri_error *err)
{
	return fail_errno(err, r, reader->sink.is_refused ? "write the log" : "read the journal");
}

/* Runs journalctl to its end. */
static int run(struct reader *reader, const struct strings *argv,
	       int (*take)(struct reader *reader, const struct journal_entry *entry,
			   void *userdata),
	       void *userdata, struct lxcri_error *err)
{
	int r;

	if (start(reader, argv, err) < 0)
		return -1;
	while ((r = fill(reader)) > 0) {
		r = take_entries(reader, take, userdata);
		if (r < 0)
			break;
	}
	if (r < 0)
		(void)kill(reader->child, SIGKILL);

	int code = finish_child(reader);

	if (r == -ERANGE || r == -EPIPE)
		return 0;
	if (r < 0)
		return fail_carry(reader, r, err);
	/* It is 1 as well when there is no entry. */
	return code > 1 ? fail(err, LXCRI_E_SYSTEM, "journalctl failed with exit code %d", code)
			: 0;
}

/* Returns how many entries from the end have the last lines; pieces in front of the first line's
 * end belong to it. -1 when all that came do not suffice. */
static int64_t entries_of(const struct tail *tail, int64_t lines)
{
	size_t there = tail->count < tail->most ? tail->count : tail->most;
	int64_t left = lines;

	for (size_t i = 0; i < there; i++)
		if (tail->ends[(tail->count - 1 - i) % tail->most] && left-- == 0)
			return (int64_t)i;
	return tail->count < tail->most ? (int64_t)there : -1;
}

/* Finds out how many entries the last lines are. */
static int measure_tail(struct reader *reader, int64_t *ret_entries, struct lxcri_error *err)
{
	int64_t tail = reader->options->tail;

	for (int64_t most = tail < TAIL_ENTRIES_MAX ? tail + 64 : TAIL_ENTRIES_MAX;
	     most < TAIL_ENTRIES_MAX; most *= TAIL_FACTOR) {
		autorun(strings_finish) struct strings argv = {};
		autofree uint8_t *ends = xcalloc((size_t)most, 1);
		struct tail last = { .ends = ends, .most = (size_t)most };

		strings_addf(&argv, "--lines=%" PRId64, most);
		add_match(reader, &argv);
		if (run(reader, &argv, count_entry, &last, err) < 0)
			return -1;
		*ret_entries = entries_of(&last, tail);
		if (*ret_entries >= 0)
			return 0;
	}
	*ret_entries = -1;
	return 0;
}

static void add_choice(const struct reader *reader, int64_t entries, struct strings *argv)
{
	int64_t since = reader->options->choice.since_ns;

	if (entries >= 0)
		strings_addf(argv, "--lines=%" PRId64, entries);
	else
		strings_add(argv, "--lines=all");
	/* With both it would show the first lines since then. The journal's time of a line is a
	 * little later than ours. */
	if (entries < 0 && since > 0)
		strings_addf(argv, "--since=@%" PRId64, (int64_t)(since / NS_IN_SECOND));
	add_match(reader, argv);
}

/* Shows what comes until the container has stopped. Returns 0, or 1 when nothing more is wanted. */
static int show_until_end(struct reader *reader, struct lxcri_error *err)
{
	int r = 0;

	while (r == 0) {
		struct pollfd polls[] = {
			{ reader->output, POLLIN, 0 },
			{ reader->options->end_fd, POLLIN, 0 },
			{ reader->sink.outputs[0].fd, 0, 0 },
		};

		if (poll(polls, ARRAY_LEN(polls), -1) < 0 && errno != EINTR)
			return fail_errno(err, errno, "wait for the journal");
		if (polls[2].revents)
			return 1;
		if (polls[1].revents)
			return 0;
		r = polls[0].revents ? fill(reader) : 1;
		if (r == 0)
			return fail(err, LXCRI_E_SYSTEM, "journalctl has ended");
		if (r > 0)
			r = take_entries(reader, show_entry, NULL);
		if (r == 0)
			r = log_sink_flush(&reader->sink);
	}
	return r == -ERANGE || r == -EPIPE ? 1 : fail_carry(reader, r, err);
}

/* Shows what is in the journal behind what has been shown. */
static int show_rest(struct reader *reader, int64_t entries, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings sync = {};
	autorun(strings_finish) struct strings argv = {};

	strings_add(&sync, "--sync");
	if (run(reader, &sync, show_entry, NULL, err) < 0)
		return -1;
	if (*reader->cursor) {
		strings_addf(&argv, "--after-cursor=%s", reader->cursor);
		add_match(reader, &argv);
	} else {
		add_choice(reader, entries, &argv);
	}
	return run(reader, &argv, show_entry, NULL, err);
}

static int follow(struct reader *reader, int64_t entries, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings argv = {};
	int r;

	if (reader->options->end_fd < 0)
		return show_rest(reader, entries, err);
	strings_add(&argv, "--follow");
	add_choice(reader, entries, &argv);
	if (start(reader, &argv, err) < 0)
		return -1;
	r = show_until_end(reader, err);
	(void)kill(reader->child, SIGKILL);
	(void)finish_child(reader);
	return r == 0 ? show_rest(reader, entries, err) : r < 0 ? -1 : 0;
}

int log_journal_read(const char *log_id, const struct log_read_options *options, int fd_out,
		     int fd_err, struct lxcri_error *err)
{
	autorun(reader_finish) struct reader reader = {
		.log_id = log_id,
		.options = options,
		.buffer = xcalloc(JOURNAL_ENTRY_MAX, 1),
		.output = -1,
	};
	int64_t entries = -1;
	int r;

	log_sink_init(&reader.sink, &options->choice, fd_out, fd_err);
	if (options->tail >= 0 && measure_tail(&reader, &entries, err) < 0)
		return -1;
	r = options->follow ? follow(&reader, entries, err) : show_rest(&reader, entries, err);
	if (r < 0)
		return -1;
	r = log_sink_flush(&reader.sink);
	return r < 0 && r != -EPIPE ? fail_errno(err, r, "write the log") : 0;
}
