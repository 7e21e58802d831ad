/* SPDX-License-Identifier: MIT */
#pragma once

/* Fetching an image: its manifest, its config and the layers that the store lacks, into the
 * directory of downloads. Nothing of the store changes. */

#include "image/layout.h"
#include "image/registry/endpoint.h"
#include "oci/reference.h"

struct pull;

/* Prepares the pull of settings->reference: whom to ask, and who we are to them. Credential helpers
 * run now. @settings must outlive it. The caller owns *@ret_pull. */
[[nodiscard]] int pull_create(const struct settings *settings, struct pull **ret_pull,
			      struct lxcri_error *err);

/* Frees @pull and gives its locks back; NULL is fine. What was fetched stays. */
void pull_free(struct pull *pull);
DEFINE_AUTOPTR(pull)

/* What was fetched. Texts are owned by the caller. */
struct pull_result {
	char *name;       /* the normalised reference */
	char *digest;     /* of the manifest for this host */
	char *media_type; /* of it */
};

/* Fetches all that @layout lacks into @downloads_fd, from the first of mirrors and registry that
 * has it; files are named by their digests there. The caller ends *@ret with
 * pull_result_finish(). */
[[nodiscard]] int pull_run(struct pull *pull, const struct layout *layout, int downloads_fd,
			   struct pull_result *ret, struct lxcri_error *err);

/* Finds out what pull_run() would fetch, from the same hosts, and fetches no more than documents.
 * The caller ends *@ret with pull_result_finish(). */
[[nodiscard]] int pull_look(struct pull *pull, struct pull_result *ret, struct lxcri_error *err);

/* Frees what @result holds. Safe to repeat. */
void pull_result_finish(struct pull_result *result);
