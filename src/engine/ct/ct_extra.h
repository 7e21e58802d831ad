/* SPDX-License-Identifier: MIT */
#pragma once

/* What Proxmox VE has and other containers have not, as annotations of a container ask for it:
 * org.proxmox-lxcri.proxmox.onboot=1 and so on; and what only root@pam may give. */

#include "engine/ct/ct_creation.h"

/* Where what is asked for goes. All owned. */
struct ct_extra {
	struct json_object *params; /* into the request that makes the container */
	struct json_object *later;  /* into its configuration, once it is there */
	struct json_object *root;   /* the same, by root@pam */
	char *tags;                 /* besides ours, each behind a ";"; or NULL */
	char *ha;                   /* state that HA is to keep; NULL: it is none of HA's */
	bool firewall;              /* of each interface */
};

/* Frees what @extra holds. Safe to repeat. */
void ct_extra_finish(struct ct_extra *extra);

/* Reads the annotations, devices and directories of the host of @options. LXCRI_E_INVALID_ARGUMENT
 * for what Proxmox VE has not. */
[[nodiscard]] int ct_extra_read(const struct lxcri_create_options *options,
				const struct bundle *bundle, struct ct_extra *ret,
				struct lxcri_error *err);

/* Tells whether the engine logs in as root@pam. */
bool ct_extra_is_root(const struct lxcri_config *config);

/* Refuses what root@pam alone may give where we can't speak for him: neither does the configuration
 * have his password, nor is this host @node. LXCRI_E_UNSUPPORTED_OPERATION. */
[[nodiscard]] int ct_extra_check(const struct lxcri_engine *engine, const struct ct_extra *extra,
				 const char *node, struct lxcri_error *err);

/* Adds what belongs into creation->params: also tags, and the firewall of interfaces. */
[[nodiscard]] int ct_extra_add(struct ct_creation *creation, const struct ct_extra *extra,
			       struct lxcri_error *err);

/* Gives the container at creation->place, which was made, all the rest. */
[[nodiscard]] int ct_extra_apply(struct ct_creation *creation, const struct ct_extra *extra,
				 struct lxcri_error *err);

/* Tells whether HA keeps the container because @spec asked for that. */
bool ct_extra_has_ha(struct json_object *spec);
