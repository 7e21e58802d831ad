/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the log of a container is kept. */

#include "base/fail.h"
#include "engine/record.h"
#include "runtime/log/log_file.h"

/* Takes driver and limits from @options, else from @config; the limits go into @record. A limit
 * that no file can keep is LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int logs_choose(const struct lxcri_config *config,
			      const struct lxcri_create_options *options, struct record *record,
			      enum lxcri_log_driver *ret_driver, struct lxcri_error *err);

/* Fills in where the log of @record will be: in @directory, or by which name in the journal. */
void logs_place(struct record *record, enum lxcri_log_driver driver, const char *directory);

/* What @options choose of a log, for its reader; who follows adds how the end is told. */
struct log_read_options logs_read_options(const struct lxcri_log_options *options);
