/* SPDX-License-Identifier: MIT */
#pragma once

/* The datasets that the images of this engine have in pools of Proxmox VE. */

#include "engine/engine.h"
#include "image/convert/ct_dataset.h"

/* Keeps other processes from making and destroying datasets for containers until it is closed.
 * Returns a descriptor. */
[[nodiscard]] int ct_image_lock(const struct lxcri_engine *engine, struct lxcri_error *err);

/* The same for who cannot wait until one is made. */
[[nodiscard]] int ct_image_try_lock(const struct lxcri_engine *engine, struct lxcri_error *err);

/* What a dataset is to have. All borrowed. */
struct ct_image {
	const char *pool;
	const char *digest; /* of the stored image, whose layers are unpacked and stay */
	enum conversion_owner owner;
};

/* Makes sure that there is a dataset of @image, and yields its snapshot, the caller's. Returns 1,
 * or 0 where this ZFS cannot make it. The lock @lock is held. Fails as ct_dataset_ensure(). */
[[nodiscard]] int ct_image_ensure(struct lxcri_engine *engine, const struct ct_image *image,
				  int lock, char **ret_ready, struct lxcri_error *err);

/* Told of each dataset of an image. Fails, and nothing more is looked at. */
typedef int (*ct_image_fn)(void *userdata, const char *name, const struct ct_dataset_state *state,
			   struct lxcri_error *err);

/* Calls @look for each dataset in the pools of this host, which it may destroy. */
[[nodiscard]] int ct_image_each(struct lxcri_engine *engine, ct_image_fn look, void *userdata,
				struct lxcri_error *err);
