/* SPDX-License-Identifier: MIT */
#include "runtime/monitor_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autorun(strings_finish) struct strings cgroups = {};
	struct monitor_state state;
	struct lxcri_error err = {};

	(void)monitor_state_parse((const char *)data, size, &state, &cgroups, &err);
	return 0;
}
