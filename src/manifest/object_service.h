/* SPDX-License-Identifier: MIT */
#pragma once

/* What a Service says, checked. */

#include "manifest/object.h"

/* Checks the Service @object. LXCRI_E_INVALID_MANIFEST; LXCRI_E_UNSUPPORTED_OPERATION for a type
 * that there is not here. */
[[nodiscard]] int object_service_check(const struct field_reader *reader,
				       const struct object *object);

/* Tells whether it is nothing but another name for a name that somebody else has. */
bool object_service_is_alias(const struct object_service *service);

/* Tells whether it has no address of its own. */
bool object_service_is_headless(const struct object_service *service);

/* Tells whether it is to be had at ports of the host. */
bool object_service_has_node_ports(const struct object_service *service);

/* Returns how long a client stays with a pod; 0: it does not. */
unsigned int object_service_stay_seconds(const struct object_service *service);
