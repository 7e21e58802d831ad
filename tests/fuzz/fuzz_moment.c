/* SPDX-License-Identifier: MIT */
#include "base/moment.h"
#include "base/scope.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);
	char formatted[MOMENT_BYTES];
	int64_t ns = 0;

	if (moment_parse(text, 1795309323000000000, &ns) == 0)
		(void)moment_format(ns, formatted);
	return 0;
}
