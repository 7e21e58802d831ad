/* SPDX-License-Identifier: MIT */
#pragma once

/* Where an image is outside the store: "oci:DIR[:TAG]", "oci-archive:FILE[:TAG]",
 * "docker-archive:FILE[:REF]", or "tarball:FILE", the archive of a root file system. The path ends
 * at the first colon, as other tools have it; that of a tarball does not end. */

#include "base/fail.h"

#include <stdbool.h>

enum image_place_kind { PLACE_OCI_DIR, PLACE_OCI_ARCHIVE, PLACE_DOCKER_ARCHIVE, PLACE_TARBALL };

/* Zeroed is empty. */
struct image_place {
	enum image_place_kind kind;
	char *path;
	char *selector; /* TAG or REF; NULL for none */
};

/* Reads @text. LXCRI_E_INVALID_ARGUMENT for another form, and *@ret is left alone; on success the
 * caller ends it. */
[[nodiscard]] int image_place_parse(const char *text, struct image_place *ret,
				    struct lxcri_error *err);

/* Frees what @place holds. Safe to repeat. */
void image_place_finish(struct image_place *place);

/* Returns "oci", "oci-archive", "docker-archive" or "tarball"; never NULL. */
const char *image_place_kind_name(enum image_place_kind kind);
