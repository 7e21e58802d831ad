/* SPDX-License-Identifier: MIT */
#pragma once

/* Whose network a new container is on. */

#include "base/fail.h"
#include "lxcri/container.h"

enum network_mode {
	NETWORK_MODE_OWN,       /* a namespace of its own, with interfaces in networks */
	NETWORK_MODE_NONE,      /* one with nothing but a loopback */
	NETWORK_MODE_HOST,      /* the host's */
	NETWORK_MODE_CONTAINER, /* another container's */
};

/* Reads it from the networks that are asked for; none are the default one. LXCRI_E_INVALID_ARGUMENT
 * for what does not go together. */
[[nodiscard]] int network_mode_choose(const struct lxcri_create_options *options,
				      enum network_mode *ret, struct lxcri_error *err);

/* Tells whether what is asked for is the network of somebody else: its sysfs cannot be mounted by
 * who has ids of its own. */
bool network_mode_is_foreign(const struct lxcri_create_options *options);

/* Tells whether it is the host's. */
bool network_mode_is_host(const struct lxcri_create_options *options);

/* Returns the container of "container:ID", or NULL. Borrowed. */
const char *network_mode_container(const struct lxcri_create_options *options);
