/* SPDX-License-Identifier: MIT */
#pragma once

/* What containers stand on, and images that are held: images, layers, volumes. A lock of the data
 * directory keeps it true:
 *
 *     shared  while a container is made, from before its record names layers until its
 *             specification names volumes; but not while layers are prepared for its driver,
 *             which the record names by then
 *     alone   from asking what is in use until what is not is removed
 *
 * Whoever needs the image store's lock too takes that one first. */

#include "engine/engine.h"
#include "image/removal.h"

enum usage_lock { USAGE_SHARED, USAGE_ALONE };

/* Waits for the lock of the data directory, which must exist. Returns its descriptor, owned by the
 * caller, whose end is the end of the lock. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int usage_lock(const struct lxcri_engine *engine, enum usage_lock lock,
			     struct lxcri_error *err);

/* Says that an image is about to be used, which may be brought in first. Until *@ret_fd, which is
 * the caller's, is closed no collection takes an image that was brought in, or found, a moment ago;
 * a removal by name does. *@ret_fd stays as it is where there is no data directory yet.
 * LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int usage_announce(const struct lxcri_engine *engine, int *ret_fd,
				 struct lxcri_error *err);

/* Fills @ret in with what all containers but those in @except (NULL: none) stand on, and what is
 * prepared keeps. One whose
 * directory is gone stands on nothing, unless that is so of all. A record that can't be read is an
 * error: its layers must stay. The caller ends *@ret. */
[[nodiscard]] int usage_read(struct lxcri_engine *engine, const struct strings *except,
			     struct image_usage *ret, struct lxcri_error *err);

/* As usage_read() of all containers, from a database that is opened for this and for reading alone.
 */
[[nodiscard]] int usage_peek(const struct lxcri_engine *engine, struct image_usage *ret,
			     struct lxcri_error *err);

/* Appends the names of all volumes that containers but those in @except mount. A specification that
 * can't be read is an error. */
[[nodiscard]] int usage_read_volumes(struct lxcri_engine *engine, const struct strings *except,
				     struct strings *names, struct lxcri_error *err);

/* The same, and for each of the names the id of the container in @users. */
[[nodiscard]] int usage_read_volume_users(struct lxcri_engine *engine, struct strings *names,
					  struct strings *users, struct lxcri_error *err);
