/* SPDX-License-Identifier: MIT */
#pragma once

/* Images as datasets of ZFS. One has all files of its image, a property that makes it known as
 * ours, and once it is whole the snapshot @ready, which can be cloned. It is not mounted anywhere.
 */

#include "image/store.h"
#include "lxcri/convert.h"

struct zfs_image {
	const char *name;   /* of the dataset */
	const char *digest; /* of the stored image, whose layers are unpacked and stay */
	const struct lxcri_convert_options *options;
};

/* Checks that datasets can be made in @parent, which must be there, and neither @own nor below it
 * (NULL: that is not asked). LXCRI_E_ZFS_ERROR, also without ZFS, LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int zfs_image_check_parent(const char *parent, const char *own,
					 struct lxcri_error *err);

/* Makes what prepared images are made in below the dataset @own of the data directory @data_dir,
 * and yields its name, the caller's. Fails as the zfs driver's probe() does, and with
 * LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int zfs_image_make_group(const char *data_dir, const char *own, char **ret_group,
				       struct lxcri_error *err);

/* Checks that a dataset @name can be made there, and is not there yet. Fails the same. */
[[nodiscard]] int zfs_image_check_target(const char *name, const char *own,
					 struct lxcri_error *err);

/* Returns a name for what is to be called @name once it is whole, in the same parent; owned by the
 * caller. NULL without random bytes. */
[[nodiscard]] char *zfs_image_temporary(const char *name);

/* Makes @name, of which nothing is left after that, belong to the directory @dir, whose end is to
 * be that of the dataset (image/snapshot/zfs_note.h). Fails where there is one that is not ours.
 * LXCRI_E_ZFS_ERROR, LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int zfs_image_claim(int dir, const char *name, struct lxcri_error *err);

/* Makes the dataset, whose snapshot is the last of it. What a failure leaves is the claim's; @lock,
 * which keeps that from others, is borrowed.
 * LXCRI_E_ZFS_ERROR, LXCRI_E_CONVERSION_FAILED where the image does not fit into the size,
 * LXCRI_E_STORAGE_ERROR where the pool is full. */
[[nodiscard]] int zfs_image_make(struct image_store *store, const struct zfs_image *image, int lock,
				 struct lxcri_error *err);

/* Gives it another name in the same parent. LXCRI_E_INVALID_ARGUMENT where that is taken. */
[[nodiscard]] int zfs_image_rename(const char *from, const char *to, struct lxcri_error *err);

/* Tells whether @name is there, and whole. */
bool zfs_image_is_whole(const char *name);
