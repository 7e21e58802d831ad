/* SPDX-License-Identifier: MIT */
#include "runtime/log/journal_export.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct journal_entry entry;

	for (ssize_t length; (length = journal_export_parse(bytes, size, &entry)) > 0;) {
		const struct log_record *record = &entry.record;

		if ((size_t)length > size || record->text_size > size ||
		    (record->text_size > 0 && record->text + record->text_size > bytes + length))
			abort();
		bytes += length;
		size -= (size_t)length;
	}
	return 0;
}
