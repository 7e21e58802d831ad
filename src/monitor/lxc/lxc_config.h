/* SPDX-License-Identifier: MIT */
#pragma once

/* The items of liblxc's configuration, as pairs of a key and a value. They go to liblxc one by one
 * and are never a file, so that no value can become another item; it refuses nothing, so we do. */

#include "base/fail.h"
#include "base/strings.h"
#include "oci/runtime_spec.h"
#include "runtime/lxc/lxc_cgroup.h"

/* Zeroed is empty. */
struct lxc_config {
	struct strings keys;
	struct strings values; /* as many */
};

/* Frees what @config holds. Safe to repeat. */
void lxc_config_finish(struct lxc_config *config);

/* Appends an item. Control characters, a key that is not of the letters, digits and "._-" that
 * liblxc's are made of, and an empty value (which would clear what came before) are
 * LXCRI_E_INVALID_SPEC. */
[[nodiscard]] int lxc_config_add(struct lxc_config *config, const char *key, const char *value,
				 struct lxcri_error *err);

/* The same with a formatted value. */
[[nodiscard, gnu::format(printf, 4, 5)]] int lxc_config_addf(struct lxc_config *config,
							     struct lxcri_error *err,
							     const char *key, const char *format,
							     ...);

/* Appends everything that a container of @spec with the cgroups @names needs of liblxc: namespaces,
 * id mappings, network, cgroups. A cgroup namespace by path is left to the shim: liblxc makes a new
 * one all the same. */
[[nodiscard]] int lxc_config_build(const struct runtime_spec *spec,
				   const struct lxc_cgroup_names *names, struct lxc_config *config,
				   struct lxcri_error *err);

/* Which hierarchies the host has. */
struct lxc_hierarchies {
	bool unified;     /* version 2 alone */
	const char *root; /* where the hierarchies of version 1 are mounted; a test's own */
};

/* Appends the device rules: everything is denied but what every container may use and what the
 * ordered rules leave allowed. Rules whose meaning a list of allowed devices cannot have (a part
 * denied of what a wildcard allows) are LXCRI_E_UNSUPPORTED_OPERATION. */
[[nodiscard]] int lxc_config_devices(const struct spec_resources *resources,
				     const struct lxc_hierarchies *host, struct lxc_config *config,
				     struct lxcri_error *err);
