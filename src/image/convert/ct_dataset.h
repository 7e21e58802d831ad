/* SPDX-License-Identifier: MIT */
#pragma once

/* Images as datasets of which containers of Proxmox VE are clones.
 *
 *	POOL/lxcri-KEY				org.proxmox-lxcri:data = the data directory
 *	POOL/lxcri-KEY/DIGEST-INIT[-shifted]	org.proxmox-lxcri:kind = ct-image; whole once it
 *						has @ready
 *
 * POOL is the one that Proxmox VE makes its volumes in; none of these names is one that it lists.
 * Those with shifted owners are for unprivileged containers. They are mounted nowhere. Who calls
 * the functions that change something holds one lock against all others who do. */

#include "base/strings.h"
#include "image/convert/conversion.h"

#define CT_DATASET_KIND    "ct-image"
#define CT_DATASET_DIGITS  24 /* of the image's digest in a name */
#define CT_DATASET_INIT    8  /* of the sum of our init */
#define CT_DATASET_SHIFTED "-shifted"

/* Which ids of the host Proxmox VE gives to all unprivileged containers. */
#define CT_DATASET_FIRST_ID 100000
#define CT_DATASET_IDS      65536

/* All borrowed. */
struct ct_dataset {
	const char *group; /* in which it is */
	const char *data_dir;
	const char *digest; /* of the stored image, whose layers are unpacked and stay */
	const char *init;   /* the sum of our init in hexadecimal digits */
	enum conversion_owner owner;
};

/* Returns what the group of @data_dir in @pool is called; owned by the caller. */
[[nodiscard]] char *ct_dataset_group(const char *pool, const char *data_dir);

/* Tells whether @group is there, and that of @data_dir: 1 or 0. LXCRI_E_ZFS_ERROR where it is
 * somebody else's. */
[[nodiscard]] int ct_dataset_has_group(const char *group, const char *data_dir,
				       struct lxcri_error *err);

/* Makes the dataset where there is none that is whole, and yields its snapshot, the caller's.
 * Returns 1, or 0 where this ZFS cannot write files with the owners of unprivileged containers.
 * What a failure has made is gone again; @lock, a descriptor, is borrowed, and held by programs
 * that go on when we are killed. Fails as a conversion, with LXCRI_E_STORAGE_ERROR where the pool
 * is full, and with LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int ct_dataset_ensure(struct image_store *store, const struct ct_dataset *dataset,
				    int lock, char **ret_ready, struct lxcri_error *err);

/* What is known of one. */
struct ct_dataset_state {
	uint64_t bytes;
	int64_t created_ns;
	bool is_whole;
	bool has_clones;
};

/* Lists the full names of all in @group. */
[[nodiscard]] int ct_dataset_list(const char *group, struct strings *names,
				  struct lxcri_error *err);

/* Looks what @name is like. LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int ct_dataset_look(const char *name, struct ct_dataset_state *ret,
				  struct lxcri_error *err);

/* Destroys @name, and its group when nothing is left in it. Returns 1, or 0 where it has clones,
 * and stays. LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int ct_dataset_destroy(const char *name, struct lxcri_error *err);
