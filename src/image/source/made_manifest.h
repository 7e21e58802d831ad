/* SPDX-License-Identifier: MIT */
#pragma once

/* The manifest of an image that came without one. */

#include "image/layer/stream.h"
#include "image/source/source.h"

/* Makes manifest, size and media type of @image, of whose layers @digests were found. The same
 * image gives the same manifest, byte by byte: nothing but its content goes in. */
void made_manifest(struct source_image *image, const struct stream_digests *digests);
