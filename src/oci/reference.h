/* SPDX-License-Identifier: MIT */
#pragma once

/* Image references: [HOST[:PORT]/]PATH[:TAG][@DIGEST], as the distribution specification and docker
 * write them. A short name means docker's registry: busybox is docker.io/library/busybox:latest. */

#include "base/fail.h"

#include <stdbool.h>

/* A normalised reference. Zeroed is empty. */
struct image_ref {
	char *host;   /* "docker.io", "localhost:5000", "[::1]:5000" */
	char *path;   /* "library/busybox" */
	char *tag;    /* "latest"; NULL when there is a digest and no tag */
	char *digest; /* "sha256:..." or NULL */
};

/* Parses and normalises @text: without a host it is docker.io, there without a second component it
 * is library/, and without tag and digest it is latest. LXCRI_E_INVALID_REFERENCE or
 * LXCRI_E_INVALID_DIGEST, and then *@ret is left alone; on success it is overwritten, and the
 * caller ends it with image_ref_finish(). */
[[nodiscard]] int image_ref_parse(const char *text, struct image_ref *ret, struct lxcri_error *err);

/* Tells whether @text names no registry, so that docker.io is only a guess. What is no reference
 * may be either. */
bool image_ref_is_short(const char *text);

/* Returns the normalised text, "docker.io/library/busybox:latest"; owned by the caller. Parsing it
 * gives the same reference again. */
[[nodiscard]] char *image_ref_format(const struct image_ref *ref);

/* Frees what @ref holds and empties it. Safe to repeat. */
void image_ref_finish(struct image_ref *ref);
