/* SPDX-License-Identifier: MIT */
/* Reading a container's log.
 *
 * A follower is woken by inotify on the directory of the log, and by the descriptor that tells of
 * the end. */

#include "runtime/log/log_file.h"

#include "base/moment.h"
#include "base/scope.h"
#include "runtime/log/log_chain.h"
#include "runtime/log/log_wait.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Where the search for the last lines begins, from the end; then it looks further back. */
#define TAIL_WINDOW_FIRST  (64u << 10)
#define TAIL_WINDOW_FACTOR 8

struct reader {
	const struct log_read_options *options;
	struct log_chain chain;
	struct log_sink sink;
	struct log_wait wait;
};

static void reader_finish(struct reader *reader)
{
	log_chain_finish(&reader->chain);
	log_sink_finish(&reader->sink);
	log_wait_finish(&reader->wait);
}

/* Says so where files were removed before they could be read. */
static int tell_of_gap(struct reader *reader)
{
	static const char text[] =
		"[output is missing here: its file was removed before it was read]";
	const struct log_record record = { .text = text,
					   .text_size = sizeof(text) - 1,
					   .is_stderr = true };
	int r;

	if (!reader->chain.has_gap)
		return 0;
	reader->chain.has_gap = false;
	r = log_sink_add(&reader->sink, &record);
	return r < 0 ? r : 0;
}

/* Emits all lines that are there. Returns 0, -ERANGE when the last of them is too late, or another
 * -errno. */
static int emit_all(struct reader *reader)
{
	const char *line;
	size_t size;
	int r;

	while ((r = log_chain_next(&reader->chain, &line, &size)) > 0) {
		struct log_record record;

		log_sink_parse(line, size, &record);
		r = tell_of_gap(reader);
		if (r == 0)
			r = log_sink_add(&reader->sink, &record);
		if (r < 0)
			break;
	}

	int flushed = log_sink_flush(&reader->sink);

	return r < 0 ? r : flushed;
}

/* Tells whether a line ends at this record, if it is one that is chosen. */
static int ends_a_line(const struct reader *reader, const char *line, size_t size)
{
	struct log_record record;

	log_sink_parse(line, size, &record);
	return !record.is_partial && log_sink_wants(&reader->sink, &record) > 0;
}

/* Skips records of the file until @count ends of lines have passed. Returns how many did, or
 * -errno. */
static int64_t skip_lines(struct reader *reader, int64_t count)
{
	int64_t passed = 0;
	const char *line;
	size_t size;
	int r = 1;

	while (passed < count && (r = log_chain_next_here(&reader->chain, &line, &size)) > 0)
		passed += ends_a_line(reader, line, size);
	return r < 0 ? r : passed;
}

/* Goes behind the first line end at or after @offset; 0 is the start of a line already. */
static int seek_to_line(struct log_chain *chain, off_t offset)
{
	const char *line;
	size_t size;
	int r = 0;

	log_chain_seek(chain, offset);
	if (offset > 0)
		r = log_chain_next_here(chain, &line, &size);
	return r < 0 ? r : 0;
}

/* Tells whether nothing in the file is late enough. */
static bool is_too_old(const struct reader *reader, const struct stat *status)
{
	return moment_of(status->st_mtim) < reader->options->choice.since_ns;
}

/* Finds the last @tail lines of the file, and leaves the reader where they begin, or at the start
 * of the file. Returns how many lines end there, or -errno. More than @tail are asked for: what
 * precedes the first line may be a piece of it. */
static int64_t seek_tail_here(struct reader *reader, int64_t tail, off_t file_size)
{
	struct log_chain *chain = &reader->chain;
	off_t window = TAIL_WINDOW_FIRST;
	off_t start;
	int64_t count;
	int64_t r;

	do {
		start = file_size > window ? file_size - window : 0;
		window *= TAIL_WINDOW_FACTOR;
		r = seek_to_line(chain, start);
		count = r < 0 ? r : skip_lines(reader, INT64_MAX);
	} while (start > 0 && count >= 0 && count <= tail);
	if (count < 0)
		return count;
	r = seek_to_line(chain, start);
	if (r == 0 && count > tail)
		r = skip_lines(reader, count - tail);
	return r < 0 ? r : count;
}

/* Puts the reader where its last lines begin, file by file from the newest. */
static int seek_tail(struct reader *reader)
{
	int64_t left = reader->options->tail;
	int r = log_chain_go_newest(&reader->chain);

	while (r > 0) {
		struct stat status;

		if (fstat(reader->chain.fd, &status) < 0)
			return -errno;
		if (is_too_old(reader, &status))
			return 0;

		int64_t count = seek_tail_here(reader, left, status.st_size);

		if (count < 0)
			return (int)count;
		if (count > left)
			return 0;
		left -= count;
		r = log_chain_go_back(&reader->chain);
	}
	return r;
}

/* Passes over files that are older than what is wanted: nothing is added to one with a number. */
static int skip_old(struct reader *reader)
{
	struct log_chain *chain = &reader->chain;
	int r = 1;

	if (reader->options->choice.since_ns == 0)
		return 0;
	for (r = log_chain_advance(chain); r > 0 && chain->number > 0;
	     r = log_chain_advance(chain)) {
		struct stat status;

		if (fstat(chain->fd, &status) < 0)
			return -errno;
		if (!is_too_old(reader, &status))
			break;
	}
	return r < 0 ? r : 0;
}

/* What was written before the end was told is read after it was. */
static int follow(struct reader *reader)
{
	bool is_over = reader->options->end_fd < 0;
	int r = emit_all(reader);

	while (r == 0 && !is_over) {
		r = log_wait_more(&reader->wait, reader->options->choice.until_ns);
		if (r < 0)
			break;
		is_over = r > 0;
		r = emit_all(reader);
	}
	return r;
}

static int read_all(struct reader *reader)
{
	int r = reader->options->tail >= 0 ? seek_tail(reader) : skip_old(reader);

	if (r == 0)
		r = reader->options->follow ? follow(reader) : emit_all(reader);
	return r == -ERANGE || r == -EPIPE ? 0 : r;
}

int log_file_read(const char *path, const struct log_read_options *options, int fd_out, int fd_err,
		  struct lxcri_error *err)
{
	autorun(reader_finish) struct reader reader = {
		.options = options,
		.chain = LOG_CHAIN_NULL,
		.wait = LOG_WAIT_NULL,
	};
	int r = 0;

	log_sink_init(&reader.sink, &options->choice, fd_out, fd_err);
	/* The watch begins before the first reading, so that nothing is missed in between. */
	if (options->follow)
		r = log_wait_init(&reader.wait, path, options->end_fd, fd_out);
	if (r == 0)
		r = log_chain_open(&reader.chain, path);
	if (r == 0)
		r = read_all(&reader);
	if (r < 0 && reader.sink.is_refused)
		return fail_errno(err, r, "write what is in the log %s", path);
	return r < 0 ? fail_errno(err, r, "read the log %s", path) : 0;
}
