/* SPDX-License-Identifier: MIT */
#pragma once

/* Where services lead to, as Kubernetes shows it. Nobody applies such objects. */

#include "engine/workload/shelf.h"

/* Tells whether @kind asks for them: "endpoints", "ep". */
bool endpoints_are_meant(const char *kind);

/* Appends to @array an object of the kind Endpoints for each Service of @name_space (NULL: all)
 * that has pods, or for the one called @name. */
[[nodiscard]] int endpoints_get(struct lxcri_engine *engine, const char *name_space,
				const char *name, struct json_object *array,
				struct lxcri_error *err);
