/* SPDX-License-Identifier: MIT */
#pragma once

/* Reading the log of a container from the journal, by way of journalctl. */

#include "runtime/log/log_file.h"

/* Copies the messages that have the field LXCRI_LOG=@log_id and came from root, as log_file_read()
 * does for a file. A host without journalctl is LXCRI_E_UNSUPPORTED_OPERATION. */
[[nodiscard]] int log_journal_read(const char *log_id, const struct log_read_options *options,
				   int fd_out, int fd_err, struct lxcri_error *err);
