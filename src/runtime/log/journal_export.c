/* SPDX-License-Identifier: MIT */
/* Entries of the journal as journalctl writes them. */

#include "runtime/log/journal_export.h"

#include "base/scope.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

struct field {
	const char *name;
	size_t name_size;
	const char *value;
	size_t value_size;
};

/* Reads the field at @bytes. Returns its length, 0 when it is not complete, or -EINVAL. */
static ssize_t parse_field(const char *bytes, size_t size, struct field *ret_field)
{
	const char *newline = memchr(bytes, '\n', size);
	size_t line = newline ? (size_t)(newline - bytes) : 0;
	const char *equals = newline ? memchr(bytes, '=', line) : NULL;
	uint64_t length;

	if (!newline)
		return 0;
	if (equals) {
		*ret_field = (struct field){ bytes, (size_t)(equals - bytes), equals + 1,
					     (size_t)(newline - equals - 1) };
		return (ssize_t)line + 1;
	}
	if (size - line - 1 < sizeof(length))
		return 0;
	memcpy(&length, newline + 1, sizeof(length));
	length = le64toh(length);
	if (length > JOURNAL_ENTRY_MAX)
		return -EINVAL;

	size_t total = line + 1 + sizeof(length) + (size_t)length + 1;

	if (size < total)
		return 0;
	if (bytes[total - 1] != '\n')
		return -EINVAL;
	*ret_field = (struct field){ bytes, line, newline + 1 + sizeof(length), (size_t)length };
	return (ssize_t)total;
}

static bool is_called(const struct field *field, const char *name)
{
	return field->name_size == strlen(name) && memcmp(field->name, name, field->name_size) == 0;
}

static void take_field(const struct field *field, struct journal_entry *entry)
{
	struct log_record *record = &entry->record;

	if (is_called(field, "MESSAGE")) {
		record->text = field->value;
		record->text_size = field->value_size;
	} else if (is_called(field, "SYSLOG_TIMESTAMP")) {
		record->time = field->value;
		record->time_size = field->value_size;
	} else if (is_called(field, "PRIORITY")) {
		record->is_stderr = field->value_size == 1 && field->value[0] == '3';
	} else if (is_called(field, "CONTAINER_PARTIAL_MESSAGE")) {
		record->is_partial = field->value_size == 4 && memcmp(field->value, "true", 4) == 0;
	} else if (is_called(field, "__CURSOR") && field->value_size < JOURNAL_CURSOR_MAX) {
		entry->cursor = field->value;
		entry->cursor_size = field->value_size;
	}
}

ssize_t journal_export_parse(const char *bytes, size_t size, struct journal_entry *ret_entry)
{
	struct journal_entry entry = { .record.text = "" };
	size_t at = 0;

	while (at < size && bytes[at] != '\n') {
		struct field field;
		ssize_t length = parse_field(bytes + at, size - at, &field);

		if (length < 0)
			return length;
		if (length == 0)
			return size >= JOURNAL_ENTRY_MAX ? -EINVAL : 0;
		take_field(&field, &entry);
		at += (size_t)length;
	}
	if (at == size)
		return size >= JOURNAL_ENTRY_MAX ? -EINVAL : 0;
	*ret_entry = entry;
	return (ssize_t)at + 1;
}
