/* SPDX-License-Identifier: MIT */
/* What lxcri-registry is told of the configuration. */

#include "image/request.h"

#include "base/text.h"
#include "config/config.h"
#include "config/table.h"
#include "image/registry/settings.h"

#include <string.h>

void request_add_config(struct json_object *request, const struct lxcri_config *config)
{
	struct json_object *section = json_object_new_object();

	for (size_t i = 0; i < config_table_length; i++) {
		struct json_object *value = config_json(config, (enum config_key)i);

		if (value && text_starts_with(config_table[i].path, SETTINGS_REGISTRIES "."))
			json_object_object_add(
				section, config_table[i].path + strlen(SETTINGS_REGISTRIES "."),
				json_object_get(value));
	}
	json_object_object_add(request, SETTINGS_REGISTRIES, section);
}
