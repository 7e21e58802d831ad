/* SPDX-License-Identifier: MIT */
#pragma once

/* The file /etc/resolv.conf of a container. */

#include "engine/bundle/part.h"

/* What it is made from, besides the options; NULL for none. */
struct resolv_conf {
	const char *const *servers;
	const char *const *search;
	const char *const *options;
};

/* Returns the file for a container with a network of its own: what is not given is as the host's
 * file has it, but for name servers on the host's loopback, which a container cannot reach; owned
 * by the caller. NULL, and @err is filled, for what is no address, name or option:
 * LXCRI_E_DNS_CONFIGURATION_FAILED. */
[[nodiscard]] char *resolv_conf_format(const struct resolv_conf *wanted, struct lxcri_error *err);

/* Returns the lines that @wanted asks for, without any of the host's; owned by the caller. NULL as
 * above. */
[[nodiscard]] char *resolv_conf_format_rest(const struct resolv_conf *wanted,
					    struct lxcri_error *err);

/* Fills bundle->resolv_conf, unless something else is mounted there (@taken). On the host's
 * network, and without a network, only what was asked for makes a difference. */
[[nodiscard]] int resolv_conf_make(struct bundle_request *request, const struct strings *taken,
				   struct lxcri_error *err);
