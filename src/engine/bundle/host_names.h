/* SPDX-License-Identifier: MIT */
#pragma once

/* The files /etc/hosts and /etc/hostname of a container. */

#include "engine/bundle/part.h"

/* Tells whether @name is one of a host: letters, digits, '-' and '.', no empty label, none that
 * begins or ends with '-', at most 64 bytes (HOST_NAME_MAX). */
bool host_names_is_valid(const char *name);

/* Fills bundle->hosts and bundle->hostname, unless something else is mounted there (@taken), or the
 * host's own file is. Nothing gets into them but addresses and names that proved to be such. A
 * malformed --add-host is LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int host_names_make(struct bundle_request *request, const struct strings *taken,
				  struct lxcri_error *err);
