/* SPDX-License-Identifier: MIT */
#include "oci/image_config.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoptr(image_config) config = NULL;
	autoptr(image_config) again = NULL;
	struct lxcri_error err = {};

	if (image_config_parse((const char *)data, size, &config, &err) < 0)
		return 0;

	autofree char *text = json_format(config->document);
	int r = image_config_parse(text, strlen(text), &again, &err);

	assert(r == 0 && again->n_diff_ids == config->n_diff_ids);
	return 0;
}
