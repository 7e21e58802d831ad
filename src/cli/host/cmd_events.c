/* SPDX-License-Identifier: MIT */
/* events: what happened to containers, pods, images and volumes; or, with an id, what a container
 * uses as runc's verb of that name prints it. */

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "lxcri/event.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define INTERVAL "5s"

struct events_options {
	bool follow;
	bool stats;
	const char *since;
	const char *until;
	const char *format;
	const char *interval;
	struct strings filters;
};

static const struct option_entry options_of_events[] = {
	OPTION(events_options, follow, "follow", 'f', OPTION_FLAG, NULL,
	       "wait for more (the default; =false prints what is recorded)"),
	OPTION(events_options, since, "since", 0, OPTION_TEXT, "TIME",
	       "from TIME on: 2026-11-22T01:02:03Z, seconds since 1970, or 10m (ago)"),
	OPTION(events_options, until, "until", 0, OPTION_TEXT, "TIME", "up to TIME"),
	OPTION(events_options, filters, "filter", 0, OPTION_LIST, "KEY=VALUE",
	       "only with this type, event, container, pod, image or volume"),
	OPTION(events_options, format, "format", 0, OPTION_TEXT, "table|json",
	       "form of the output"),
	OPTION(events_options, stats, "stats", 0, OPTION_FLAG, NULL,
	       "with an id: print once what the container uses"),
	OPTION(events_options, interval, "interval", 0, OPTION_TEXT, "DURATION",
	       "with an id: how often (" INTERVAL ")"),
	{},
};

static int write_line(const char *line)
{
	return printf("%s\n", line) < 0 || fflush(stdout) != 0 ? -1 : 0;
}

static int show_json(void *userdata, const struct lxcri_event *event)
{
	return write_line(event->json);
}

static int show_text(void *userdata, const struct lxcri_event *event)
{
	autorun(strings_finish) struct strings pairs = {};
	char time[MOMENT_BYTES];

	(void)moment_format(event->time_ns, time);

	autofree char *line = xformat("%s %s %s %s", time, event->type, event->name, event->id);

	for (const char *const *pair = event->attributes; *pair; pair += 2) {
		char *longer = xformat("%s%s%s=%s", line, pair == event->attributes ? " (" : ", ",
				       pair[0], pair[1]);

		free(line);
		line = longer;
	}

	autofree char *clean = print_clean(line);

	if (*event->attributes) {
		autofree char *closed = xformat("%s)", clean);

		return write_line(closed);
	}
	return write_line(clean);
}

static int show_events(struct cli *cli, const struct events_options *options,
		       struct lxcri_error *err)
{
	struct lxcri_event_options engine = { .follow = options->follow,
					      .output_fd = STDOUT_FILENO,
					      .filters =
						      (const char *const *)options->filters.items };
	int is_json = print_wants_json(options->format, err);

	if (is_json < 0 || cli_parse_moment("--since", options->since, &engine.since_ns, err) < 0 ||
	    cli_parse_moment("--until", options->until, &engine.until_ns, err) < 0 ||
	    cli_open_engine(cli, err) < 0)
		return -1;

	int r = lxcri_events(cli->engine, &engine, is_json ? show_json : show_text, NULL, err);

	/* Who reads has gone: that is an end as well. */
	return r < 0 && err->code != LXCRI_E_NONE ? -1 : EXIT_SUCCESS;
}

/* Prints what the container uses, again and again until it has stopped, or once. */
static int show_stats(struct cli *cli, const struct events_options *options, const char *id,
		      struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	const char *interval = options->interval ? options->interval : INTERVAL;
	int64_t ns;

	if (moment_parse_duration(interval, &ns) < 0 || ns < 1000000 || ns / 1000000 > INT32_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "--interval: \"%s\" is not a duration such as 5s", interval);
	if (cli_open_container(cli, id, &container, err) < 0)
		return -1;
	for (bool is_first = true;; is_first = false) {
		autofree char *json = NULL;
		struct pollfd reader = { .fd = STDOUT_FILENO };

		if (lxcri_container_stats_event(container, &json, err) < 0)
			return !is_first && lxcri_code_class(err->code) == LXCRI_CLASS_STATE
				       ? EXIT_SUCCESS /* it has stopped */
				       : -1;
		if (write_line(json) < 0 || options->stats)
			return EXIT_SUCCESS;
		if (poll(&reader, 1, (int)(ns / 1000000)) > 0)
			return EXIT_SUCCESS; /* nobody reads any more */
	}
}

static int cmd_events(struct cli *cli, const void *verb_options, int argc, char **argv,
		      struct lxcri_error *err)
{
	const struct events_options *options = verb_options;

	if (argc > 1)
		return cli_usage(cli, err, "expected one id at most");
	if (argc == 0 && (options->stats || options->interval))
		return cli_usage(cli, err, "--stats and --interval need the id of a container");
	if (argc == 1 && (options->since || options->until || options->filters.count > 0))
		return cli_usage(cli, err, "--since, --until and --filter go without an id");
	return argc == 1 ? show_stats(cli, options, argv[0], err) : show_events(cli, options, err);
}

const struct verb verb_events = {
	.name = "events",
	.arguments = "[ID]",
	.summary = "show what happens to containers, pods and images, or what a container uses",
	.options = options_of_events,
	.options_size = sizeof(struct events_options),
	.options_defaults = &(const struct events_options){ .follow = true },
	.run = cmd_events,
};
