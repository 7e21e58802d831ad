/* SPDX-License-Identifier: MIT */
#include "runtime/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_header header;
	struct wire_exec exec;
	const char *name;
	const char *console;

	if (wire_parse_exec((const char *)data, size, &exec, &name, &console) == 0 &&
	    strlen(name) + strlen(console) >= size)
		abort();
	if (size < sizeof(header))
		return 0;
	memcpy(&header, data, sizeof(header));
	if (wire_check_answer(&header, size - sizeof(header)) && header.size > WIRE_DATA_MAX)
		abort();
	return 0;
}
