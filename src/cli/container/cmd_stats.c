/* SPDX-License-Identifier: MIT */
/* stats: what containers use, once or again and again. The share of a CPU needs two looks, so the
 * first table comes a moment after the first look. */

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "engine/stats.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long the CPUs are watched before the first table. */
#define FIRST_LOOK_MS 200

struct stats_options {
	const char *format;
	bool all;
	bool once;
	double interval_seconds;
};

/* One container as it was last seen. */
struct seen {
	char *id;
	int64_t at_ns;
	bool is_new; /* of this round */
	double cpu_percent;
	struct lxcri_stats stats;
};

struct watch {
	struct cli *cli;
	char **ids; /* that were asked for; none: all that run */
	bool is_json;
	bool all;
	struct seen *items;
	size_t count;
};

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return moment_of(now);
}

static void watch_finish(struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++)
		free(watch->items[i].id);
	free(watch->items);
	watch->items = NULL;
	watch->count = 0;
}

static struct seen *find(struct watch *watch, const char *id)
{
	for (size_t i = 0; i < watch->count; i++)
		if (strcmp(watch->items[i].id, id) == 0)
			return &watch->items[i];
	watch->items = xreallocarray(watch->items, watch->count + 1, sizeof(*watch->items));
	watch->items[watch->count] = (struct seen){ .id = xstrdup(id) };
	return &watch->items[watch->count++];
}

/* Takes a look at one container. */
static int look(struct watch *watch, const char *id, struct lxcri_error *err)
{
	autorun(lxcri_container_freep) struct lxcri_container *container = NULL;
	struct lxcri_stats stats;

	if (cli_open_container(watch->cli, id, &container, err) < 0 ||
	    lxcri_container_stats(container, &stats, err) < 0)
		return -1;

	struct seen *seen = find(watch, id);
	int64_t now = now_ns();
	uint64_t before = seen->stats.cpu_total_ns;

	/* One that was started anew counts from the start. */
	if (seen->at_ns > 0 && now > seen->at_ns && stats.cpu_total_ns >= before)
		seen->cpu_percent =
			100 * (double)(stats.cpu_total_ns - before) / (double)(now - seen->at_ns);
	seen->at_ns = now;
	seen->is_new = true;
	seen->stats = stats;
	return 0;
}

static int look_listed(void *userdata, const struct lxcri_state *state)
{
	struct watch *watch = userdata;
	struct lxcri_error ignored;

	if (state->status == LXCRI_STATUS_RUNNING || state->status == LXCRI_STATUS_PAUSED ||
	    (watch->all && state->status == LXCRI_STATUS_CREATED))
		(void)look(watch, state->id, &ignored); /* it has ended since */
	return 0;
}

/* Forgets what this round did not meet. */
static void forget_old(struct watch *watch)
{
	size_t kept = 0;

	for (size_t i = 0; i < watch->count; i++) {
		if (watch->items[i].is_new)
			watch->items[kept++] = watch->items[i];
		else
			free(watch->items[i].id);
	}
	watch->count = kept;
}

/* Takes a look at all. @strict: one that was asked for must be there and have processes. */
static int look_at_all(struct watch *watch, bool strict, struct lxcri_error *err)
{
	for (size_t i = 0; i < watch->count; i++)
		watch->items[i].is_new = false;
	if (!watch->ids[0]) {
		if (lxcri_container_list(watch->cli->engine, look_listed, watch, err) < 0)
			return -1;
	}
	for (char **id = watch->ids; *id; id++)
		if (look(watch, *id, err) < 0 && strict)
			return -1;
	*err = (struct lxcri_error){};
	forget_old(watch);
	return 0;
}

static void add_pair(struct strings *cells, bool known, uint64_t first, uint64_t second)
{
	autofree char *left = print_binary_size(first);
	autofree char *right = second == LXCRI_UNLIMITED ? xstrdup("-") : print_binary_size(second);

	if (known)
		strings_addf(cells, "%s / %s", left, right);
	else
		strings_add(cells, "-");
}

static void add_row(const struct seen *seen, struct strings *cells)
{
	const struct lxcri_stats *stats = &seen->stats;
	uint64_t used = stats->memory_usage - (stats->memory_inactive < stats->memory_usage
						       ? stats->memory_inactive
						       : stats->memory_usage);

	strings_add(cells, seen->id);
	strings_addf(cells, "%.2f%%", seen->cpu_percent);
	strings_addf(cells, "%.2fs", (double)stats->cpu_total_ns / 1e9);
	strings_addf(cells, "%.2fs", (double)stats->cpu_throttled_ns / 1e9);
	add_pair(cells, stats->has_memory, used, stats->memory_limit);
	if (stats->has_memory && stats->memory_limit != LXCRI_UNLIMITED && stats->memory_limit)
		strings_addf(cells, "%.2f%%", 100 * (double)used / (double)stats->memory_limit);
	else
		strings_add(cells, "-");
	add_pair(cells, stats->has_memory, stats->swap_usage, stats->swap_limit);
	strings_addf(cells, "%llu", (unsigned long long)stats->oom_kills);
	add_pair(cells, stats->has_network, stats->network_rx_bytes, stats->network_tx_bytes);
	add_pair(cells, stats->has_io, stats->io_read_bytes, stats->io_write_bytes);
	if (stats->has_pids && stats->pids_limit != LXCRI_UNLIMITED)
		strings_addf(cells, "%llu / %llu", (unsigned long long)stats->pids,
			     (unsigned long long)stats->pids_limit);
	else if (stats->has_pids)
		strings_addf(cells, "%llu", (unsigned long long)stats->pids);
	else
		strings_add(cells, "-");
}

static void print_as_table(const struct watch *watch)
{
	static const char *const heading[] = { "ID",          "CPU %",    "CPU TIME", "THROTTLED",
					       "MEM / LIMIT", "MEM %",    "SWAP",     "OOM",
					       "NET RX / TX", "IO R / W", "PIDS" };
	struct print_table table = { .columns = ARRAY_LEN(heading) };

	for (size_t i = 0; i < ARRAY_LEN(heading); i++)
		strings_add(&table.cells, heading[i]);
	for (size_t i = 0; i < watch->count; i++)
		add_row(&watch->items[i], &table.cells);
	print_table_finish(&table, stdout);
}

/* One array a round; when there are many rounds, one on each line. */
static void print_as_json(const struct watch *watch, bool once)
{
	autojson array = json_object_new_array();

	for (size_t i = 0; i < watch->count; i++) {
		struct json_object *object = stats_format(&watch->items[i].stats);

		json_set_text(object, "id", watch->items[i].id);
		json_object_object_add(object, "cpuPercent",
				       json_object_new_double(watch->items[i].cpu_percent));
		json_object_array_add(array, object);
	}
	if (once) {
		print_json(array, stdout);
		return;
	}

	autofree char *line = json_format_line(array);

	(void)puts(line);
}

static void print(const struct watch *watch, bool once)
{
	if (watch->is_json) {
		print_as_json(watch, once);
	} else {
		/* Home, and what is below goes. */
		if (!once && isatty(STDOUT_FILENO))
			(void)fputs("\033[H\033[J", stdout);
		print_as_table(watch);
	}
}

static void sleep_seconds(double seconds)
{
	struct timespec left = { .tv_sec = (time_t)seconds,
				 .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9) };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		continue;
}

/* Returns when the containers that were asked for have all ended, or nobody reads any more. */
static int watch_run(struct watch *watch, const struct stats_options *options,
		     struct lxcri_error *err)
{
	double pause = FIRST_LOOK_MS / 1000.0;

	if (look_at_all(watch, true, err) < 0)
		return -1;
	for (;;) {
		sleep_seconds(pause);
		if (look_at_all(watch, false, err) < 0)
			return -1;
		if (watch->ids[0] && watch->count == 0 && !options->once)
			return EXIT_SUCCESS;
		print(watch, options->once);
		if (options->once || fflush(stdout) != 0)
			return EXIT_SUCCESS;
		pause = options->interval_seconds;
	}
}

static int cmd_stats(struct cli *cli, const void *verb_options, int argc, char **argv,
		     struct lxcri_error *err)
{
	const struct stats_options *options = verb_options;
	int is_json = print_wants_json(options->format, err);
	autorun(watch_finish) struct watch watch = {
		.cli = cli, .ids = argv, .is_json = is_json == 1, .all = options->all
	};

	if (is_json < 0)
		return fail_while(err, "stats");
	if (options->interval_seconds > 86400)
		return cli_usage(cli, err, "--interval: a day is the longest");
	if (cli_open_engine(cli, err) < 0)
		return -1;
	return watch_run(&watch, options, err);
}

static const struct option_entry options_of_stats[] = {
	OPTION(stats_options, once, "no-stream", 0, OPTION_FLAG, NULL, "print it once"),
	OPTION(stats_options, interval_seconds, "interval", 0, OPTION_NUMBER, "SECONDS",
	       "time between two tables (1)"),
	OPTION(stats_options, all, "all", 'a', OPTION_FLAG, NULL, "created containers too"),
	OPTION(stats_options, format, "format", 'f', OPTION_TEXT, "table|json",
	       "form of the output"),
	{},
};

const struct verb verb_stats = {
	.name = "stats",
	.arguments = "[ID...]",
	.summary = "show what containers use, until interrupted",
	.options = options_of_stats,
	.options_size = sizeof(struct stats_options),
	.options_defaults = &(const struct stats_options){ .interval_seconds = 1 },
	.run = cmd_stats,
};
