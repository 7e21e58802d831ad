/* SPDX-License-Identifier: MIT */
#pragma once

/* What stands beside the images of an index and is none: attestations, signatures, lists of
 * materials. It is carried along as bytes. */

#include "image/registry/endpoint.h"
#include "oci/manifest.h"

/* Tells whether @manifest is of something that can be unpacked. */
bool artifact_is_image(const struct manifest *manifest);

/* Fetches what @manifest names into the directory @blobs_fd, one blob after the other.
 * LXCRI_E_LIMIT_EXCEEDED where that is more than such things are, and what fetch_all() fails with.
 */
[[nodiscard]] int artifact_fetch(struct http *http, struct endpoint *endpoint,
				 const struct manifest *manifest, int blobs_fd,
				 struct lxcri_error *err);
