/* SPDX-License-Identifier: MIT */
#pragma once

/* Stored images in other forms: as one file, or as the files of a dataset. The worker
 * writes them. */

#include "image/store.h"
#include "lxcri/convert.h"

/* Checks that @options ask for what there is. LXCRI_E_INVALID_ARGUMENT,
 * LXCRI_E_UNSUPPORTED_OPERATION, LXCRI_E_INVALID_SIZE. */
[[nodiscard]] int conversion_check(const struct lxcri_convert_options *options,
				   struct lxcri_error *err);

/* Returns the words that the two differ by if and only if their results do; owned by the caller.
 * Those of a dataset are nobody's but the data directory's. */
[[nodiscard]] char *conversion_key(const struct lxcri_convert_options *options,
				   const char *data_dir);

/* Returns ".raw", ".tar.zst" and so on: what files of that form are called. */
const char *conversion_suffix(const struct lxcri_convert_options *options);

/* Writes the stored image @digest, whose layers are unpacked and stay, to the empty file @fd, which
 * is not flushed; for a dataset to its empty root directory. LXCRI_E_CONVERSION_FAILED,
 * LXCRI_E_INVALID_SIZE, LXCRI_E_MOUNT_FAILED, LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int conversion_run(struct image_store *store, const char *digest,
				 const struct lxcri_convert_options *options, int fd,
				 struct lxcri_error *err);

/* Where the files of a template are: at its root, or all in the directory TEMPLATE_BELOW, so that a
 * volume that is mounted there gets them. */
enum conversion_ct { CONVERSION_CT_ROOT, CONVERSION_CT_BELOW };

/* Writes it the same as a template whose containers begin with our init, /.lxcri/init.
 * LXCRI_E_INVALID_FORMAT for an image that has something there. */
[[nodiscard]] int conversion_make_ct(struct image_store *store, const char *digest,
				     enum conversion_ct where, int fd, struct lxcri_error *err);

/* Whose the files of a container are: its own root's, who may have no device files, or root's. */
enum conversion_owner { CONVERSION_PRIVILEGED, CONVERSION_UNPRIVILEGED };

/* Writes it with our init to the empty root directory @fd of a dataset, mounted so that the owners
 * become those on the disk. Fails the same, and as conversion_run(). */
[[nodiscard]] int conversion_fill_ct(struct image_store *store, const char *digest,
				     enum conversion_owner owner, int fd, struct lxcri_error *err);
