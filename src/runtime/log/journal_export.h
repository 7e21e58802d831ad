/* SPDX-License-Identifier: MIT */
#pragma once

/* Entries of the journal as journalctl writes them with "-o export" (systemd's Journal Export
 * Format): a line FIELD=value each, or FIELD alone with a length of 64 bits, the bytes and a line
 * end; an empty line ends the entry. */

#include "runtime/log/log_record.h"

#include <sys/types.h>

/* No entry of a log is longer. */
#define JOURNAL_ENTRY_MAX (512u << 10)

/* Room for an entry's cursor, with the NUL. */
#define JOURNAL_CURSOR_MAX 256

struct journal_entry {
	struct log_record record; /* points into what it was read from */
	const char *cursor;       /* or NULL */
	size_t cursor_size;
};

/* Reads the first entry of @size bytes. Returns its length; 0 when it is not complete; -EINVAL when
 * it is none. */
[[nodiscard]] ssize_t journal_export_parse(const char *bytes, size_t size,
					   struct journal_entry *ret_entry);
