/* SPDX-License-Identifier: MIT */
#include "runtime/log/log_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data;
	struct log_record record;

	if (log_record_parse(line, size, &record) == 0 &&
	    (record.text + record.text_size != line + size || record.time != line))
		abort();
	return 0;
}
