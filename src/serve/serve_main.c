/* SPDX-License-Identifier: MIT */
/* lxcri-serve: what `proxmox-lxcri serve` becomes.
 *
 *	lxcri-serve [--config FILE] [--root DIR] [--data DIR] [--debug] [--on-demand]
 *	lxcri-serve [--config FILE] [--root DIR] [--data DIR] again ID
 *	lxcri-serve [--config FILE] [--root DIR] [--data DIR] end ID SECONDS
 *	lxcri-serve [--config FILE] [--root DIR] [--data DIR] converge
 *	lxcri-serve [--config FILE] [--root DIR] [--data DIR] ready [ID...]
 *
 * The second form starts a container once more as its restart policy has it, the third ends one
 * that a probe has found ill, with a grace, the fourth makes what was applied from manifests true
 * again, the last tells services which of these containers, or of all, are ready: the service
 * starts them for that, because it takes a while. */

#include "base/log.h"
#include "base/text.h"
#include "engine/container.h"
#include "engine/lifecycle.h"
#include "engine/pod/ct_address.h"
#include "engine/service/restart.h"
#include "engine/virtual/virtual_ready.h"
#include "lxcri/workload/manifest.h"
#include "serve/serve.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' }, { "root", required_argument, NULL, 'r' },
	{ "data", required_argument, NULL, 'd' },   { "debug", no_argument, NULL, 'D' },
	{ "on-demand", no_argument, NULL, 'o' },    {},
};

static void log_line(void *userdata, enum lxcri_log_level level, const char *text)
{
	static const char *const names[] = {
		[LXCRI_LOG_ERROR] = "error",
		[LXCRI_LOG_WARNING] = "warning",
		[LXCRI_LOG_INFO] = "info",
		[LXCRI_LOG_DEBUG] = "debug",
	};

	(void)fprintf(stderr, "lxcri-serve: %s: %s\n", names[level], text);
}

static int take_options(int argc, char **argv, struct serve_options *options,
			struct lxcri_error *err)
{
	int letter;

	while ((letter = getopt_long(argc, argv, "+", long_options, NULL)) >= 0) {
		switch (letter) {
		case 'c':
			options->config_path = optarg;
			break;
		case 'r':
			options->root_path = optarg;
			break;
		case 'd':
			options->data_path = optarg;
			break;
		case 'D':
			lxcri_log_set(log_line, NULL, LXCRI_LOG_DEBUG);
			break;
		case 'o':
			options->on_demand = true;
			break;
		default:
			return fail(err, LXCRI_E_INVALID_ARGUMENT, "see proxmox-lxcri help serve");
		}
	}
	return 0;
}

static int start_again(struct lxcri_engine *engine, const char *id, struct lxcri_error *err)
{
	struct lxcri_container *container = NULL;
	int r = lxcri_container_open(engine, id, &container, err);

	if (r == 0)
		r = restart_again(container, err);
	lxcri_container_free(container);
	return r;
}

static int end_one(struct lxcri_engine *engine, char **words, struct lxcri_error *err)
{
	struct lxcri_container *container = NULL;
	uint64_t seconds;
	int r = text_parse_u64(words[1], 0, INT32_MAX, &seconds);

	if (r < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s seconds", words[1]);
	r = lxcri_container_open(engine, words[0], &container, err);
	if (r == 0)
		r = lifecycle_end(container, (unsigned int)seconds, err);
	lxcri_container_free(container);
	return r;
}

static int look_at(struct lxcri_engine *engine, char **ids, struct lxcri_error *err)
{
	if (!*ids)
		return virtual_ready_look_all(engine, NULL, err);
	for (; *ids; ids++)
		if (virtual_ready_look(engine, *ids, err) < 0)
			return -1;
	return 0;
}

static int converge_all(struct lxcri_engine *engine, char **words, struct lxcri_error *err)
{
	return lxcri_manifest_converge(engine, err);
}

static int start_one(struct lxcri_engine *engine, char **words, struct lxcri_error *err)
{
	return start_again(engine, words[0], err);
}

static int find_address(struct lxcri_engine *engine, char **words, struct lxcri_error *err)
{
	return ct_address_look(engine, words[0], err);
}

static const struct job_word {
	const char *word;
	int min, max; /* words behind it; max -1: any number */
	int (*run)(struct lxcri_engine *engine, char **words, struct lxcri_error *err);
} job_words[] = {
	{ "address", 1, 1, find_address },  { "again", 1, 1, start_one }, { "end", 2, 2, end_one },
	{ "converge", 0, 0, converge_all }, { "ready", 0, -1, look_at },
};

/* Returns what @words ask for, or NULL. */
static const struct job_word *find_word(char **words)
{
	int count = 0;

	while (words[count + 1])
		count++;
	for (size_t i = 0; i < ARRAY_LEN(job_words); i++)
		if (strcmp(job_words[i].word, words[0]) == 0 && count >= job_words[i].min &&
		    (job_words[i].max < 0 || count <= job_words[i].max))
			return &job_words[i];
	return NULL;
}

/* What the service has done beside its loop. */
static int do_job(const struct serve_options *options, char **words, struct lxcri_error *err)
{
	struct lxcri_config *config = NULL;
	struct lxcri_engine *engine = NULL;
	int r = lxcri_config_load(options->config_path, &config, err);

	if (r == 0) {
		lxcri_config_set_paths(config, options->root_path, options->data_path);
		r = lxcri_engine_open(config, &engine, err);
	}
	if (r == 0)
		r = find_word(words)->run(engine, words + 1, err);
	lxcri_engine_free(engine);
	lxcri_config_free(config);
	return r < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct serve_options options = {};
	struct lxcri_error err = {};
	int r;

	lxcri_log_set(log_line, NULL, LXCRI_LOG_WARNING);
	r = take_options(argc, argv, &options, &err);
	if (r == 0 && optind == argc)
		r = serve_run(&options, &err);
	else if (r == 0 && find_word(argv + optind))
		r = do_job(&options, argv + optind, &err);
	else if (r == 0)
		r = fail(&err, LXCRI_E_INVALID_ARGUMENT, "see proxmox-lxcri help serve");
	if (r == 0)
		return EXIT_SUCCESS;
	(void)fprintf(stderr, "proxmox-lxcri: %s [%s]\n", err.text, lxcri_code_name(err.code));
	return EXIT_FAILURE;
}
