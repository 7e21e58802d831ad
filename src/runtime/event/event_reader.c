/* SPDX-License-Identifier: MIT */
/* Reading what happened. */

#include "runtime/event/event_reader.h"

#include "base/mem.h"
#include "base/moment.h"
#include "runtime/event/event_file.h"
#include "runtime/log/log_chain.h"
#include "runtime/log/log_wait.h"

#include <errno.h>
#include <string.h>

int event_record_parse(const char *line, size_t size, struct json_object **ret_object,
		       struct event_record *ret_record)
{
	struct lxcri_error ignored = {};
	autojson object = NULL;
	struct event_record record = {};
	const char *time;

	if (json_parse(line, size, &json_limits_config, &object, &ignored) < 0)
		return -EINVAL;
	time = json_get_text(object, "time");
	record.type = json_get_text(object, "type");
	record.name = json_get_text(object, "event");
	record.id = json_get_text(object, "id");
	record.attributes = json_get(object, "attributes");
	record.object = object;
	if (!time || !record.type || !record.name || !record.id ||
	    moment_parse_rfc3339(time, strlen(time), &record.time_ns) < 0)
		return -EINVAL;
	if (!json_object_is_type(record.attributes, json_type_object))
		record.attributes = NULL;
	*ret_record = record;
	*ret_object = steal(object);
	return 0;
}

struct reader {
	const struct event_read_options *options;
	struct log_chain chain;
	struct log_wait wait;
};

static void reader_finish(struct reader *reader)
{
	log_chain_finish(&reader->chain);
	log_wait_finish(&reader->wait);
}

/* Hands out one line. Returns 0, 1 when it and all that follow are too late, or what the caller
 * said. */
static int hand_out(struct reader *reader, const char *line, size_t size, int *ret_said)
{
	const struct event_read_options *options = reader->options;
	struct event_record record;
	autojson object = NULL;

	if (event_record_parse(line, size, &object, &record) < 0 ||
	    record.time_ns < options->since_ns)
		return 0;
	if (options->until_ns > 0 && record.time_ns > options->until_ns)
		return 1;
	*ret_said = options->each(options->userdata, &record);
	return *ret_said < 0;
}

/* Hands out what is there. Returns 0, 1 at the end, or -errno. */
static int hand_out_all(struct reader *reader, int *ret_said)
{
	const char *line;
	size_t size;
	int r;

	while ((r = log_chain_next(&reader->chain, &line, &size)) > 0) {
		r = hand_out(reader, line, size, ret_said);
		if (r != 0)
			return r;
	}
	return r;
}

static int read_all(struct reader *reader, int *ret_said)
{
	const struct event_read_options *options = reader->options;
	int r = 0;

	if (options->follow && options->since_ns == 0 && options->until_ns == 0)
		r = log_chain_go_end(&reader->chain);
	if (r == 0)
		r = hand_out_all(reader, ret_said);
	while (r == 0 && options->follow) {
		int is_over = log_wait_more(&reader->wait, options->until_ns);

		if (is_over < 0)
			return is_over;
		r = hand_out_all(reader, ret_said);
		if (is_over > 0)
			break;
	}
	return r < 0 ? r : 0;
}

int event_read(const char *root, const struct event_read_options *options, struct lxcri_error *err)
{
	autorun(reader_finish) struct reader reader = {
		.options = options,
		.chain = LOG_CHAIN_NULL,
		.wait = LOG_WAIT_NULL,
	};
	autofree char *path = xformat("%s/" EVENT_FILE, root);
	int said = 0;
	int r = 0;

	/* The watch begins first, so that nothing is missed in between. */
	if (options->follow)
		r = log_wait_init(&reader.wait, path, -1, options->output_fd);
	if (r == 0)
		r = log_chain_open(&reader.chain, path);
	if (r == 0)
		r = read_all(&reader, &said);
	return r < 0 ? fail_errno(err, r, "read the events in %s", path) : said;
}
