/* SPDX-License-Identifier: MIT */
/* Where the records of a log go. */

#include "runtime/log/log_sink.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "os/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Output is gathered up to this before it is written. */
#define OUT_BYTES (64u << 10)

void log_sink_init(struct log_sink *sink, const struct log_choice *choice, int fd_out, int fd_err)
{
	struct stat out, err;

	*sink = (struct log_sink){ .choice = choice, .outputs = { { fd_out }, { fd_err } } };
	for (size_t i = 0; i < ARRAY_LEN(sink->outputs); i++)
		sink->outputs[i].bytes = xcalloc(OUT_BYTES, 1);
	sink->is_one = fstat(fd_out, &out) == 0 && fstat(fd_err, &err) == 0 &&
		       out.st_dev == err.st_dev && out.st_ino == err.st_ino;
}

void log_sink_finish(struct log_sink *sink)
{
	for (size_t i = 0; i < ARRAY_LEN(sink->outputs); i++)
		freep(&sink->outputs[i].bytes);
}

void log_sink_parse(const char *line, size_t size, struct log_record *ret_record)
{
	if (log_record_parse(line, size, ret_record) < 0)
		*ret_record =
			(struct log_record){ .text = line, .text_size = size, .is_stderr = true };
}

int log_sink_wants(const struct log_sink *sink, const struct log_record *record)
{
	const struct log_choice *choice = sink->choice;
	int64_t when;

	if (record->is_stderr ? choice->no_stderr : choice->no_stdout)
		return 0;
	if ((choice->since_ns == 0 && choice->until_ns == 0) || !record->time ||
	    moment_parse_rfc3339(record->time, record->time_size, &when) < 0)
		return 1;
	if (choice->until_ns > 0 && when > choice->until_ns)
		return -ERANGE;
	return when >= choice->since_ns;
}

static int put(struct log_sink *sink, const struct log_output *output, const char *bytes,
	       size_t size)
{
	int r = file_write_all(output->fd, bytes, size);

	sink->is_refused |= r < 0;
	return r;
}

static int flush(struct log_sink *sink, struct log_output *output)
{
	int r = put(sink, output, output->bytes, output->size);

	output->size = 0;
	return r;
}

static int add(struct log_sink *sink, struct log_output *output, const char *bytes, size_t size)
{
	int r = output->size + size > OUT_BYTES ? flush(sink, output) : 0;

	if (r < 0 || size > OUT_BYTES)
		return r < 0 ? r : put(sink, output, bytes, size);
	memcpy(output->bytes + output->size, bytes, size);
	output->size += size;
	return 0;
}

int log_sink_add(struct log_sink *sink, const struct log_record *record)
{
	struct log_output *output = &sink->outputs[record->is_stderr];
	struct log_output *other = &sink->outputs[!record->is_stderr];
	int wants = log_sink_wants(sink, record);
	int r = 0;

	if (wants <= 0)
		return wants;
	if (sink->is_one && other->size > 0)
		r = flush(sink, other);
	if (r == 0 && sink->choice->timestamps && !output->in_line && record->time_size > 0) {
		r = add(sink, output, record->time, record->time_size);
		if (r == 0)
			r = add(sink, output, " ", 1);
	}
	if (r == 0)
		r = add(sink, output, record->text, record->text_size);
	if (r == 0 && !record->is_partial)
		r = add(sink, output, "\n", 1);
	output->in_line = record->is_partial;
	return r < 0 ? r : 1;
}

int log_sink_flush(struct log_sink *sink)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(sink->outputs); i++)
		r = flush(sink, &sink->outputs[i]);
	return r;
}
