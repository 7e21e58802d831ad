/* SPDX-License-Identifier: MIT */
#include "runtime/event/event_reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event_record record;
	autojson object = NULL;

	/* A line that is read has an address, also where it is empty. */
	if (size > 0 && event_record_parse((const char *)data, size, &object, &record) == 0 &&
	    (!record.type || !record.name || !record.id || record.object != object))
		abort();
	return 0;
}
