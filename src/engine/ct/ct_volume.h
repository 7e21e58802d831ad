/* SPDX-License-Identifier: MIT */
#pragma once

/* Named volumes of containers of Proxmox VE.
 *
 * A volume there belongs to one container, and goes with it. So each named one belongs to a keeper:
 * a container that never runs, is protected, and bears a tag made from the volume's name; others
 * mount what it has. Nothing of it is in our database: it is found again by tag and description. */

#include "engine/ct/ct_creation.h"

/* Zeroed is none. */
struct ct_keeper {
	char *node;
	uint32_t vmid;
	char *volume; /* "STORAGE:subvol-100-disk-1" */
	bool is_unprivileged;
	bool is_new; /* it was made just now */
};

/* Frees what @keeper holds. Safe to repeat. */
void ct_keeper_finish(struct ct_keeper *keeper);

/* Looks for the keeper of the volume @name. Returns 1, or 0 where there is none. */
[[nodiscard]] int ct_keeper_find(struct pve *pve, const char *name, struct ct_keeper *ret,
				 struct lxcri_error *err);

/* Yields the node on which the first of @bundle's named volumes is that is there, or NULL; owned by
 * the caller. */
[[nodiscard]] int ct_volume_find_node(struct pve *pve, const struct bundle *bundle, char **ret,
				      struct lxcri_error *err);

/* Adds the named volumes of creation->bundle that are made just now to its parameters, where the
 * files that the image has there get into them; the others, into which they shall not, to @later,
 * by keys of its configuration. */
[[nodiscard]] int ct_volume_add_named(struct ct_creation *creation, struct json_object *later,
				      struct lxcri_error *err);

/* Notes by annotations of @spec which of @bundle's volumes are named ones, and which places the
 * directories of the host among @options have. */
void ct_volume_note(const struct bundle *bundle, const struct lxcri_create_options *options,
		    struct json_object *spec);

/* Tells whether the place @key is a directory's by these notes. */
bool ct_volume_is_directory(struct json_object *spec, const char *key);

/* Tells whether @key is a named volume's by these notes. */
bool ct_volume_is_named(struct json_object *spec, const char *key);

/* Appends the names of the named volumes of @container. */
void ct_volume_names(const struct lxcri_container *container, struct strings *names);

/* Removes the volume @name with all that is in it, unless a container has it. Returns 1, or 0 where
 * there is none. LXCRI_E_INVALID_STATE. */
[[nodiscard]] int ct_volume_remove(struct lxcri_engine *engine, const char *name,
				   struct lxcri_error *err);
