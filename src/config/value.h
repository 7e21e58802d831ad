/* SPDX-License-Identifier: MIT */
#pragma once

/* One value of the configuration against its entry. */

#include "base/json.h"
#include "config/table.h"

/* Receives a fault: the path of the value or member at fault. LXCRI_E_NONE is a warning. */
struct config_reporter {
	void (*report)(void *userdata, const char *path, enum lxcri_code code, const char *text);
	void *userdata;
};

/* Checks @value, which is not null, and reports each of its faults. Returns the value in the form
 * in which it is kept, owned by the caller, or NULL when it had an error. */
[[nodiscard]] struct json_object *config_value_check(const struct config_entry *entry,
						     struct json_object *value,
						     const struct config_reporter *reporter);
