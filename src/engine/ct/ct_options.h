/* SPDX-License-Identifier: MIT */
#pragma once

/* What a container is to be, in Proxmox VE's words. */

#include "engine/bundle.h"
#include "engine/ct/ct_process.h"
#include "engine/ct/ct_session.h"

/* Refuses, by its name, what was asked for and cannot be had of Proxmox VE's API.
 * LXCRI_E_UNSUPPORTED_OPERATION. */
[[nodiscard]] int ct_options_check(const struct lxcri_create_options *options,
				   struct lxcri_error *err);

/* Adds limits, networks and the rest that comes from @options, and the configuration's defaults, to
 * @params. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int ct_options_add(const struct lxcri_config *config,
				 const struct lxcri_create_options *options,
				 struct json_object *params, struct lxcri_error *err);

/* Adds the limits that @resources (linux.resources, or NULL) has. LXCRI_E_UNSUPPORTED_OPERATION for
 * one that the cluster does not have. */
[[nodiscard]] int ct_options_add_resources(struct json_object *resources,
					   struct json_object *params, struct lxcri_error *err);

/* Adds a volume of @storage for each that @bundle has, from number @first on. */
[[nodiscard]] int ct_options_add_volumes(const struct lxcri_config *config,
					 const struct bundle *bundle, const char *storage,
					 unsigned int first, struct json_object *params,
					 struct lxcri_error *err);

/* Adds entry point and environment. */
void ct_options_add_process(const struct ct_process *process, struct json_object *params);

/* Of a root file system with nothing in it. */
#define CT_OPTIONS_EMPTY_BYTES ((uint64_t)64 << 20)

/* Returns a new volume of @bytes on @storage, "STORAGE:GIB"; owned by the caller. */
[[nodiscard]] char *ct_options_new_volume(const char *storage, uint64_t bytes);

/* Adds a whole number. */
void ct_options_add_number(struct json_object *params, const char *key, uint64_t number);
