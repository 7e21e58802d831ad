/* SPDX-License-Identifier: MIT */
#pragma once

/* When something of the store was used last: when the record of a layer, or the blob of a manifest,
 * was changed last. Like the access times of a file system with relatime they may be behind, by
 * ACCESS_SECONDS, and nothing is flushed for them: a start looks, and rarely writes. A power cut
 * makes them older, and takes nothing that is in use. */

#include "base/strings.h"

#include <stdbool.h>
#include <stdint.h>

#define ACCESS_SECONDS 60

/* Notes that the image whose manifest is @digest (NULL: none) and the layers with the fs
 * directories
 * @layer_dirs are in use now. What can't be noted counts as used when it was before. */
void access_note(const char *data_dir, const char *digest, const struct strings *layer_dirs);

/* The same for the one blob @hex in the directory @dirfd. */
void access_note_blob(int dirfd, const char *hex);

/* Returns when the layer @chain_id, or the blob @hex, in the directory @dirfd was used last, in
 * nanoseconds since the epoch; 0 where that can't be told. */
int64_t access_of_layer(int dirfd, const char *chain_id);
int64_t access_of_blob(int dirfd, const char *hex);

/* Returns in the same way when @name in @dirfd came there. */
int64_t access_of_arrival(int dirfd, const char *name);

/* Tells whether what was used at @used_ns has not been unused for @grace_seconds for sure; with 0
 * nothing is that young. */
bool access_is_young(int64_t used_ns, uint64_t grace_seconds);
