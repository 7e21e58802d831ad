/* SPDX-License-Identifier: MIT */
#pragma once

/* The inside of a source, shared by the files that read its kinds. */

#include "image/place/place.h"
#include "image/source/archive.h"
#include "image/source/source.h"
#include "oci/descriptor.h"

struct source {
	enum image_place_kind kind;
	char *path;            /* for messages */
	char *selector;        /* TAG or REF; NULL for none */
	ssize_t place;         /* of the image that is meant, instead of a selector; or -1 */
	bool is_pipe;          /* it came through standard input */
	char *digest;          /* of the manifest that is meant, instead of a selector; or NULL */
	char *media_type;      /* of that manifest, which was fetched; else NULL */
	char *downloads;       /* where it is, below the layout; NULL: LAYOUT_DOWNLOADS */
	struct growth *growth; /* of what is being fetched */
	int fd;
	struct archive_file *archive; /* NULL for a directory, and before it is loaded */
};

/* Reads the image of an OCI layout, as source_load() does. */
[[nodiscard]] int source_load_oci(const struct source *source, struct source_image *image,
				  struct lxcri_error *err);

/* Reads the image of a docker archive, as source_load() does. */
[[nodiscard]] int source_load_docker(const struct source *source, struct source_image *image,
				     struct lxcri_error *err);

/* Finds the first document of a layout's image, as source_find_root() does. */
[[nodiscard]] int source_root_oci(const struct source *source, struct source_root *ret,
				  struct lxcri_error *err);

/* Finds the blob of @descriptor in a layout, with the size that it says. */
[[nodiscard]] int source_find_oci(const struct source *source, const struct descriptor *descriptor,
				  struct span *ret_span, struct lxcri_error *err);

/* Reads the document of @descriptor in a layout, verified. The bytes are owned by the caller. */
[[nodiscard]] int source_read_oci(const struct source *source, const struct descriptor *descriptor,
				  char **ret_bytes, size_t *ret_size, struct lxcri_error *err);
/* Makes the image of an archive of a root file system, as source_load() does. What must be inflated
 * goes to the directory @scratch_fd. */
[[nodiscard]] int source_load_tarball(const struct source *source, int scratch_fd,
				      struct source_image *image, struct lxcri_error *err);

/* Counts the images that source->place can stand for. */
[[nodiscard]] int source_count_oci(struct source *source, size_t *ret, struct lxcri_error *err);

/* The same for a docker archive. */
[[nodiscard]] int source_count_docker(struct source *source, size_t *ret, struct lxcri_error *err);

/* Reads the document @name of the source, at most as large as image documents may be. The bytes are
 * owned by the caller. */
[[nodiscard]] int source_read(const struct source *source, const char *name, char **ret_bytes,
			      size_t *ret_size, struct lxcri_error *err);

/* Finds the file @name of the source. */
[[nodiscard]] int source_find(const struct source *source, const char *name, struct span *ret_span,
			      struct lxcri_error *err);

/* Parses image->config, and checks that it has a diff id for each of the layers. */
[[nodiscard]] int source_parse_config(struct source_image *image, struct lxcri_error *err);

/* Returns the normalised reference that @text is, owned by the caller, or NULL. */
[[nodiscard]] char *source_name(const char *text);

/* Returns the normalised reference for what a layout calls @ref_name: itself, or, as a bare tag
 * says nothing of the image, the name of the layout's file with that tag. Owned by the caller, or
 * NULL. */
[[nodiscard]] char *source_name_of(const struct source *source, const char *ref_name);
