/* SPDX-License-Identifier: MIT */
#pragma once

/* What a list shows of the stored images, remembered. Parsing an index.json of a thousand images
 * takes longer than all else that a list does, so its result is kept in the run directory, for as
 * long as index.json has the same bytes. */

#include "image/layout.h"
#include "image/store.h"

/* Calls @each for the images as they were remembered in @run_dir, in the order in which they were.
 * Returns 1, or 0 without a call where nothing is remembered of the index.json there is. */
int listing_recall(const struct layout *layout, const char *run_dir,
		   int (*each)(void *userdata, const struct image *image), void *userdata);

/* What is to be remembered. */
struct listing;

/* Begins one of the index.json that there is now. The caller owns it; NULL where there is none. */
[[nodiscard]] struct listing *listing_begin(const struct layout *layout);

/* Adds @image; NULL is fine. */
void listing_add(struct listing *listing, const struct image *image);

/* Remembers what was added, if the index is still the same. What cannot be written is no failure.
 */
void listing_save(struct listing *listing, const struct layout *layout, const char *run_dir);

/* Frees @listing; NULL is fine. */
void listing_free(struct listing *listing);
DEFINE_AUTOPTR(listing)
