/* SPDX-License-Identifier: MIT */
#pragma once

/* What lxcri-registry is told of the configuration. */

#include "base/json.h"
#include "lxcri/config.h"

/* Adds the section "registries" of @config to @request. */
void request_add_config(struct json_object *request, const struct lxcri_config *config);
