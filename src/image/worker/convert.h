/* SPDX-License-Identifier: MIT */
#pragma once

/* An image of the store in another form. */

#include "base/fail.h"
#include "base/json.h"

struct convert_request {
	const char *data_dir;
	const char *digest; /* of the manifest; its layers are unpacked */
	const char *format; /* WORKER_RAW, WORKER_TEMPLATE or WORKER_ZFS */
	const char *how;    /* size of a raw image, "0" to choose it; compression of a template */
	int fd;             /* receives it: an empty file, or an empty directory */
};

/* Writes the image to request->fd, which is not flushed, giving up what rights that does not take.
 * LXCRI_E_CONVERSION_FAILED, LXCRI_E_INVALID_SIZE, LXCRI_E_MOUNT_FAILED, LXCRI_E_STORAGE_ERROR,
 * LXCRI_E_IMAGE_NOT_FOUND. */
[[nodiscard]] int convert_image(const struct convert_request *request, struct lxcri_error *err);
