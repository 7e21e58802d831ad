/* SPDX-License-Identifier: MIT */
#pragma once

/* Every fault of a runtime specification: of its shape (spec_schema.h), and of what its fields say
 * about each other. */

#include "oci/schema.h"

/* Which rules are applied; they add up. */
enum spec_rules {
	SPEC_RULES_SHAPE = 1,
	SPEC_RULES_MEANING = 2,
	SPEC_RULES_ALL = 3,
};

/* Reports every fault of @document and returns their number. */
size_t spec_validate(struct json_object *document, enum spec_rules rules, schema_fault_fn report,
		     void *userdata);

/* Applies all rules; the first fault becomes LXCRI_E_INVALID_SPEC, "PATH: what is wrong". */
[[nodiscard]] int spec_validate_first(struct json_object *document, struct lxcri_error *err);

/* The same for a process object that stands alone. */
[[nodiscard]] int spec_validate_process(struct json_object *process, struct lxcri_error *err);

/* The same for a resources object that stands alone. */
[[nodiscard]] int spec_validate_resources(struct json_object *resources, struct lxcri_error *err);
