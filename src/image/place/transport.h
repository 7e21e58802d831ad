/* SPDX-License-Identifier: MIT */
#pragma once

/* Images on their way between the store and places outside, by the worker. */

#include "image/place/place.h"
#include "image/store.h"

/* What is saved. */
struct image_save {
	const char *const *names; /* of stored images; ended by NULL */
	enum image_place_kind kind;
	const char *file; /* "-": standard output */
};

/* Writes images to an archive. FILE appears, or changes, once all of it is on the disk; what is no
 * regular file is written as it is. LXCRI_E_IMAGE_NOT_FOUND, LXCRI_E_INTEGRITY_CHECK_FAILED,
 * LXCRI_E_STORAGE_ERROR, LXCRI_E_INVALID_ARGUMENT for a terminal. */
[[nodiscard]] int image_store_save(struct image_store *store, const struct image_save *save,
				   struct lxcri_error *err);

/* Takes in all images of the archive @file ("-": standard input), or none, and calls @each for
 * every name that was given. LXCRI_E_INVALID_FORMAT and what image_store_import() fails with. */
[[nodiscard]] int image_store_load(struct image_store *store, const char *file,
				   void (*each)(void *userdata, const char *name,
						const char *digest),
				   void *userdata, struct lxcri_error *err);

/* What is copied to a place. */
struct image_copy_out {
	const char *source; /* a place, a stored name, or WORKER_FETCHED and what follows */
	const char *name;   /* what it is called where @dest has no TAG; NULL: its own name */
	const char *dest;
	bool all_platforms;
};

/* Copies an image to a place. */
[[nodiscard]] int image_store_copy_out(struct image_store *store, const struct image_copy_out *copy,
				       struct lxcri_error *err);
