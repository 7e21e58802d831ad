/* SPDX-License-Identifier: MIT */
/* A file of environment variables. */

#include "cli/request/env_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strings env = {};
	struct lxcri_error err = {};

	if (env_file_parse((const char *)data, size, "fuzz", &env, &err) == 0)
		for (size_t i = 0; i < env.count; i++)
			if (env.items[i][0] == '=' || strchr(env.items[i], '\n'))
				abort();
	strings_finish(&env);
	return 0;
}
