/* SPDX-License-Identifier: MIT */
/* The log of a container, wherever it is kept. */

#include "engine/logs.h"

#include "base/mem.h"
#include "config/config.h"
#include "engine/container.h"
#include "engine/ct/ct.h"
#include "engine/ct/ct_end.h"
#include "runtime/log/log_journal.h"

#include <inttypes.h>
#include <string.h>

/* Smaller log files could not hold a record. */
#define BYTES_MIN 1024
#define FILES_MAX 1000

/* What docker and podman call drivers means the nearest that we have. */
static const struct driver_name {
	const char *name;
	enum lxcri_log_driver driver;
} driver_names[] = {
	{ "file", LXCRI_LOG_FILE },      { "k8s-file", LXCRI_LOG_FILE },
	{ "json-file", LXCRI_LOG_FILE }, { "journald", LXCRI_LOG_JOURNALD },
	{ "none", LXCRI_LOG_NONE },
};

int lxcri_log_driver_parse(const char *name, enum lxcri_log_driver *ret_driver,
			   struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(driver_names); i++) {
		if (strcmp(driver_names[i].name, name) == 0) {
			*ret_driver = driver_names[i].driver;
			return 0;
		}
	}
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "log driver \"%s\": expected file, journald or none", name);
}

int logs_choose(const struct lxcri_config *config, const struct lxcri_create_options *options,
		struct record *record, enum lxcri_log_driver *ret_driver, struct lxcri_error *err)
{
	uint64_t bytes = options->log_max_bytes ? options->log_max_bytes
						: config_u64(config, CONFIG_LOGS_MAX_SIZE);
	uint64_t files = options->log_max_files ? options->log_max_files
						: config_u64(config, CONFIG_LOGS_MAX_FILE);

	if (bytes == UINT64_MAX)
		bytes = 0;
	if (bytes > INT64_MAX || (bytes > 0 && bytes < BYTES_MIN))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "log files of %" PRIu64 " bytes: expected %d or more", bytes,
			    BYTES_MIN);
	if (files > FILES_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "%" PRIu64 " log files: expected 1 to %d", files, FILES_MAX);
	record->log_max_bytes = (int64_t)bytes;
	record->log_max_files = (int64_t)files;
	*ret_driver = options->log_driver;
	if (*ret_driver != LXCRI_LOG_DEFAULT)
		return 0;
	return lxcri_log_driver_parse(config_text(config, CONFIG_LOGS_DRIVER), ret_driver, err);
}

void logs_place(struct record *record, enum lxcri_log_driver driver, const char *directory)
{
	if (record->stdio != LXCRI_STDIO_LOG)
		return;
	if (driver == LXCRI_LOG_FILE)
		record->log_path = xformat("%s/log", directory);
	/* A name that another container of the same id, later or elsewhere, does not have. */
	else if (driver == LXCRI_LOG_JOURNALD)
		record->log_id = xformat("%s/%" PRIx64, record->id, record->created_ns);
}

/* Returns a descriptor that tells of the container's end, borrowed from *@ret_monitor, or -1 where
 * it has stopped, perhaps only just. */
static int watch_end(struct lxcri_container *container, struct monitor **ret_monitor)
{
	struct lxcri_error ignored = {};

	if (container_refresh(container, &ignored) < 0 ||
	    container_need_alive(container, "follow", &ignored) < 0 ||
	    container_connect(container, ret_monitor, &ignored) < 0)
		return -1;
	return monitor_watch_end(*ret_monitor, &ignored);
}

struct log_read_options logs_read_options(const struct lxcri_log_options *options)
{
	return (struct log_read_options){
		.choice = { .since_ns = options->since_ns,
			    .until_ns = options->until_ns,
			    .no_stdout = options->no_stdout,
			    .no_stderr = options->no_stderr,
			    .timestamps = options->timestamps },
		.tail = options->tail,
		.follow = options->follow,
		.end_fd = -1,
	};
}

int lxcri_container_logs(struct lxcri_container *container, const struct lxcri_log_options *options,
			 int fd_out, int fd_err, struct lxcri_error *err)
{
	const struct record *record = &container->record;
	autoptr(monitor) monitor = NULL;
	struct log_read_options read_options = logs_read_options(options);

	if (ct_is(container))
		return ct_logs(container, options, fd_out, fd_err, err);
	if (!record->log_path && !record->log_id)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "logs of %s: its output was not taken into a log", container->home.id);
	if (options->follow)
		read_options.end_fd = watch_end(container, &monitor);
	return record->log_id ? log_journal_read(record->log_id, &read_options, fd_out, fd_err, err)
			      : log_file_read(record->log_path, &read_options, fd_out, fd_err, err);
}
