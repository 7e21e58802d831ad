/* SPDX-License-Identifier: MIT */
#pragma once

/* Taking in every image of an archive. */

#include "base/json.h"

/* Reads the OCI archive or docker archive behind @fd, called @path ("-": standard input), into the
 * store in @data_dir: all of its images are named, or none. The lock is taken once all of a pipe
 * has come. @workers layers are unpacked at a time. Adds WORKER_IMAGES to @result. Fails as
 * source_open_input() and import_image() do. */
[[nodiscard]] int load_images(const char *data_dir, const char *path, int fd, unsigned int workers,
			      struct json_object *result, struct lxcri_error *err);
