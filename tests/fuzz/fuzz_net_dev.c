/* SPDX-License-Identifier: MIT */
/* The table of interfaces, whose names are a container's. */

#include "runtime/usage.h"

#include "base/mem.h"
#include "base/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = xstrndup((const char *)data, size);
	struct lxcri_stats stats = {};

	usage_add_network(text, &stats);
	return 0;
}
