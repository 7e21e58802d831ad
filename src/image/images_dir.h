/* SPDX-License-Identifier: MIT */
#pragma once

/* Which directory the images of a data directory are in: its directory "images", or wherever that
 * leads as a symbolic link. The one it leads to bears a link back, so that it belongs to one data
 * directory alone, and so that a file system that is not mounted is not taken for an empty store.
 */

#include "base/fail.h"

#define IMAGES_DIR "images"

/* Has the images of @data_dir, which has none yet, in @images_dir from now on: both absolute, and
 * made where they are not there, @images_dir with mode 0700. One that is there must be empty or an
 * OCI image layout, and of no other data directory. Nothing changes where it is so already.
 * LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int images_dir_put(const char *data_dir, const char *images_dir,
				 struct lxcri_error *err);

/* Returns where the link of @data_dir leads, owned by the caller; NULL where there is none. */
char *images_dir_target(const char *data_dir);

/* Refuses a data directory whose images are elsewhere and cannot be seen there. @data_fd may be -1.
 * LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int images_dir_check(int data_fd, const char *data_dir, struct lxcri_error *err);
