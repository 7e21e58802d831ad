/* SPDX-License-Identifier: MIT */
#pragma once

/* Fetching the documents of an image, for all of its platforms: what a pull, which fetches one, is
 * then asked for one by one. */

#include "base/scope.h"
#include "base/strings.h"
#include "image/registry/settings.h"

struct platforms;

/* Prepares to ask for settings->reference, as pull_create() does. The caller owns
 * *@ret_platforms. */
[[nodiscard]] int platforms_create(const struct settings *settings,
				   struct platforms **ret_platforms, struct lxcri_error *err);

/* Frees @platforms; NULL is fine. */
void platforms_free(struct platforms *platforms);
DEFINE_AUTOPTR(platforms)

/* What was found. Texts are owned by the caller. */
struct platforms_result {
	char *digest; /* of the first document */
	char *media_type;
	struct strings manifests; /* digests of the images' */
};

/* Fetches the document that the reference means, and all indexes and manifests that it leads to,
 * two deep, into the directory @blobs_fd, and all of what is no image, as attestations. The
 * registry itself is asked, no mirror. LXCRI_E_LIMIT_EXCEEDED and what resolve_document() fails
 * with. The caller ends *@ret with platforms_result_finish(). */
[[nodiscard]] int platforms_run(struct platforms *platforms, int blobs_fd,
				struct platforms_result *ret, struct lxcri_error *err);

/* Frees what @result holds. Safe to repeat. */
void platforms_result_finish(struct platforms_result *result);
