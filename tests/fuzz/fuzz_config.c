/* SPDX-License-Identifier: MIT */
/* A configuration file, and the routing of a name by it. */

#include "lxcri/config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lxcri_config *config = NULL;
	struct lxcri_error err = {};

	if (lxcri_config_parse((const char *)data, size, "fuzz", &config, &err) < 0)
		return 0;
	if (lxcri_config_stop_timeout_seconds(config) > 86400 || !lxcri_config_root_path(config))
		abort();
	(void)lxcri_config_container_type(config, "kube-ovn-cni-0");
	lxcri_config_free(config);
	return 0;
}
