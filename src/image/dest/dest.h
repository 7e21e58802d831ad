/* SPDX-License-Identifier: MIT */
#pragma once

/* Where images are written to: an OCI layout, as a directory or in a tar archive, or what docker
 * load reads. Several images may go to one; what they share is written once. */

#include "base/strings.h"
#include "image/place/place.h"
#include "image/source/source.h"

struct dest;

/* Opens the destination behind @fd, which is borrowed: a directory, in which an OCI layout is made
 * or to which is added, or the file or pipe that an archive goes to. LXCRI_E_INVALID_FORMAT for a
 * directory with anything else in it, LXCRI_E_STORAGE_ERROR. The caller owns *@ret_dest. */
[[nodiscard]] int dest_open(enum image_place_kind kind, int fd, struct dest **ret_dest,
			    struct lxcri_error *err);

/* Frees @dest; NULL is fine. What was not finished is not an image. */
void dest_free(struct dest *dest);
DEFINE_AUTOPTR(dest)

/* Writes @image, which may get its manifest here, under all of @names; an archive of docker's takes
 * references, an OCI layout also bare tags. Every byte is compared with its digest.
 * LXCRI_E_INTEGRITY_CHECK_FAILED, LXCRI_E_STORAGE_ERROR, LXCRI_E_EXTRACT_FAILED. */
[[nodiscard]] int dest_add(struct dest *dest, struct source_image *image,
			   const struct strings *names, struct lxcri_error *err);

/* Writes the document @root of @source and all that it leads to, for every platform, under all of
 * @names. Fails as dest_add() does, and with LXCRI_E_UNSUPPORTED_OPERATION for an archive of
 * docker's. */
[[nodiscard]] int dest_add_all(struct dest *dest, struct source *source,
			       const struct source_root *root, const struct strings *names,
			       struct lxcri_error *err);

/* Writes what names the images, after all that they consist of, and flushes it to the disk where it
 * is on one. */
[[nodiscard]] int dest_finish(struct dest *dest, struct lxcri_error *err);
