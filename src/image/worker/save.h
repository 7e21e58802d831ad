/* SPDX-License-Identifier: MIT */
#pragma once

/* Writing images to a place outside the store. */

#include "base/fail.h"
#include "base/json.h"

enum save_platforms { SAVE_THIS_PLATFORM, SAVE_EVERY_PLATFORM };

/* What goes where. */
struct save_request {
	const char *data_dir;
	const char *place;    /* "oci:DIR", "oci-archive:FILE" or "docker-archive:FILE" */
	const char *tag;      /* the name of the image there; "" for those that it has */
	char *const *sources; /* WORKER_STORED and a name, WORKER_FETCHED and what follows, or as
			       * source_open() has it; ended by NULL */
	enum save_platforms platforms;
	int fd; /* of the archive, borrowed; FILE is but its name */
};

/* Writes the images, and what they share once. What a source consists of is opened before the first
 * byte is written, and no lock is held from then on: what is removed meanwhile still gets there.
 * LXCRI_E_IMAGE_NOT_FOUND, and what source_load() and dest_add() fail with. */
[[nodiscard]] int save_images(const struct save_request *request, struct lxcri_error *err);

/* Finds the image of the layout @source, "oci:DIR[:TAG]": adds WORKER_DIGEST and WORKER_TYPE of the
 * manifest for this host to @result, or of the first document with SAVE_EVERY_PLATFORM. */
[[nodiscard]] int save_find(const char *data_dir, const char *source, enum save_platforms platforms,
			    struct json_object *result, struct lxcri_error *err);
