/* SPDX-License-Identifier: MIT */
/* The plan of a container's first process: whatever is decoded encodes to the same bytes. */

#include "runtime/lxc/lxc_plan.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lxcri_error err = {};
	struct lxc_plan plan;
	struct text bytes = {};

	if (lxc_plan_decode((const char *)data, size, &plan, &err) < 0)
		return 0;
	lxc_plan_encode(&plan, &bytes);
	assert(bytes.length == size && memcmp(bytes.data, data, size) == 0);
	text_finish(&bytes);
	lxc_plan_finish(&plan);
	return 0;
}
