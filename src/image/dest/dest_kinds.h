/* SPDX-License-Identifier: MIT */
#pragma once

/* The inside of a destination, shared by the files that write its kinds. */

#include "image/dest/dest.h"
#include "image/dest/tar_writer.h"

#include "base/json.h"

struct dest {
	enum image_place_kind kind;
	int fd;                 /* borrowed */
	struct tar_writer *tar; /* of an archive */
	int blobs_fd;           /* of a directory; -1 else */
	char *open_name;        /* of the file that is being written there */
	int open_fd;
	struct json_object *list; /* index.json or manifest.json, as it will be */
	struct strings written;
};

/* Tells whether the file @name of @size bytes needs not be written any more; if not, it counts as
 * written from here on. */
bool dest_has(struct dest *dest, const char *name, uint64_t size);

/* Begins the file @name of @size bytes, writes to it and ends it. A file of a directory is flushed
 * before it gets its name. */
[[nodiscard]] int dest_begin(struct dest *dest, const char *name, uint64_t size,
			     struct lxcri_error *err);
[[nodiscard]] int dest_write(struct dest *dest, const void *bytes, size_t size,
			     struct lxcri_error *err);
[[nodiscard]] int dest_end(struct dest *dest, struct lxcri_error *err);

/* All three for a document, unless it is there. */
[[nodiscard]] int dest_put(struct dest *dest, const char *name, const char *bytes, size_t size,
			   struct lxcri_error *err);

/* Writes the blob with the digits @hex, which is @span, to an OCI layout, unless it is there. */
[[nodiscard]] int dest_copy_blob(struct dest *dest, const struct span *span, const char *hex,
				 struct lxcri_error *err);

/* Adds an image to an OCI layout, as dest_add() does. */
[[nodiscard]] int dest_add_oci(struct dest *dest, struct source_image *image,
			       const struct strings *names, struct lxcri_error *err);

/* Adds an image to a docker archive, as dest_add() does. */
[[nodiscard]] int dest_add_docker(struct dest *dest, struct source_image *image,
				  const struct strings *names, struct lxcri_error *err);
