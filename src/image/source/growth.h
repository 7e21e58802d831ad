/* SPDX-License-Identifier: MIT */
#pragma once

/* An image that another process is fetching: which it is, how far each of its blobs has come, and
 * what we found them to be. Any thread may wait here. */

#include "base/fail.h"
#include "base/scope.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct growth;

/* Listens to the process at the other end of @fd (image/worker/feed.h), which is borrowed and shut
 * down at the end, in a thread of its own. The caller owns *@ret_growth. */
[[nodiscard]] int growth_create(int fd, struct growth **ret_growth, struct lxcri_error *err);

/* Ends the listening and frees @growth, for which nobody waits any more; NULL is fine. */
void growth_free(struct growth *growth);
DEFINE_AUTOPTR(growth)

/* Waits for the next image. Both results are owned by the caller. Returns 1, or 0 when there will
 * be none. */
[[nodiscard]] int growth_next(struct growth *growth, char **ret_digest, char **ret_media_type);

/* Lets all who wait for this image fail. */
void growth_cancel(struct growth *growth);

/* Waits until the first @wanted bytes of the blob @hex are there. Returns how many are, or
 * -ECANCELED when they will not come. */
[[nodiscard]] int64_t growth_wait(struct growth *growth, const char *hex, uint64_t wanted);

/* Waits until one of the blobs @hexes that is not yet @is_taken has begun to come, marks it as
 * taken and returns its number: that of which most is there. -ECANCELED when none will. All who
 * share these arrays call this alone. */
[[nodiscard]] ssize_t growth_choose(struct growth *growth, const char *const *hexes, bool *is_taken,
				    size_t count);

enum growth_verdict { GROWTH_RIGHT, GROWTH_WRONG };

/* Tells what the blob @hex was found to be. With the first that is wrong the image is cancelled. */
void growth_judge(struct growth *growth, const char *hex, enum growth_verdict verdict);

/* Tells whether a blob of this image was wrong, so that it, or another, will be announced anew. */
bool growth_is_rejected(struct growth *growth);
