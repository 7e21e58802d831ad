/* SPDX-License-Identifier: MIT */
#pragma once

/* Where an image is imported from: an OCI layout (a directory, or packed into a tar archive) or
 * what docker save writes, or an archive of a root file system. */

#include "base/fail.h"
#include "base/scope.h"
#include "base/strings.h"
#include "image/image_index.h"
#include "image/source/span.h"
#include "oci/image_config.h"

struct source;

/* Opens @text: "oci:DIR[:TAG]", "oci-archive:FILE[:TAG]", "docker-archive:FILE[:REF]" or
 * "tarball:FILE"; nothing of its content is read yet. LXCRI_E_IMAGE_NOT_FOUND where the file is not
 * there, LXCRI_E_INVALID_ARGUMENT for another form. The caller owns *@ret_source. */
[[nodiscard]] int source_open(const char *text, struct source **ret_source,
			      struct lxcri_error *err);

/* Opens the layout in the directory @fd, which is copied, and in it the manifest @digest. */
[[nodiscard]] int source_open_stored(int fd, const char *digest, struct source **ret_source,
				     struct lxcri_error *err);

/* Opens the manifest @digest of type @media_type in the store @fd, which is copied: what the store
 * lacks of it lies among its downloads, or will: @growth, which is borrowed, knows. */
[[nodiscard]] int source_open_fetched(int fd, const char *digest, const char *media_type,
				      struct growth *growth, struct source **ret_source,
				      struct lxcri_error *err);

/* Opens the archive that @fd, which is borrowed, brings: an OCI archive or a docker archive,
 * compressed or not. What can't be read at any place, as a pipe, is first copied into an unnamed
 * file in the directory @scratch_fd, within the budget of an image. @path is its name in messages,
 * "-" for standard input. LXCRI_E_INVALID_FORMAT, LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int source_open_input(int fd, const char *path, int scratch_fd,
				    struct source **ret_source, struct lxcri_error *err);

/* The same where the directory @dir of the store has what was fetched. */
[[nodiscard]] int source_open_fetched_in(int fd, const char *dir, const char *digest,
					 const char *media_type, struct source **ret_source,
					 struct lxcri_error *err);

/* Frees @source; NULL is fine. */
void source_free(struct source *source);
DEFINE_AUTOPTR(source)

/* Returns the directory or file behind @source, borrowed. */
int source_fd(const struct source *source);

/* A layer of a source. */
struct source_layer {
	struct span blob;
	char *digest;     /* "sha256:…" of the blob; NULL when only its bytes can tell */
	bool is_download; /* in the store's own directory, so that a link will do for a copy; its
			   * file is opened once it has begun to come */
};

/* One image of a source: its documents are verified, its layers are not yet. Zeroed is empty. */
struct source_image {
	char *name; /* normalised; NULL when the source has none that is a reference */
	struct strings other_names; /* that it has besides */
	char *manifest;             /* NULL when the manifest is to be made */
	char *media_type;           /* of the manifest */
	size_t manifest_size;
	char *config;
	size_t config_size;
	struct image_config *parsed_config; /* has as many diff ids as there are layers */
	struct source_layer *layers;
	size_t n_layers;
};

/* Frees what @image holds. Safe to repeat. */
void source_image_finish(struct source_image *image);

/* Counts the images of the archive that source_open_input() opened: a list for several platforms is
 * one, for this host. */
[[nodiscard]] int source_count(struct source *source, size_t *ret, struct lxcri_error *err);

/* Reads the image at @place, below their count, as source_load() does. */
[[nodiscard]] int source_load_place(struct source *source, size_t place, int scratch_fd,
				    struct source_image *ret_image, struct lxcri_error *err);

/* Fills in the entry of an index for @image, whose manifest is @digest, without a name. What the
 * results hold is borrowed from @image, @digest and @ret_summary. */
void source_image_describe(const struct source_image *image, const char *digest,
			   struct image_index_entry *ret, struct image_summary *ret_summary);

/* The first document of an image: its manifest, or an index for several platforms. Zeroed is empty.
 */
struct source_root {
	char *name; /* normalised; NULL when the source has none that is a reference */
	char *digest;
	char *media_type;
	uint64_t size;
};

/* Frees what @root holds. Safe to repeat. */
void source_root_finish(struct source_root *root);

/* Finds the first document of the image that is meant, an OCI layout's. Fails as source_load()
 * does, and with LXCRI_E_UNSUPPORTED_OPERATION for a docker archive, which has none. */
[[nodiscard]] int source_find_root(struct source *source, int scratch_fd, struct source_root *ret,
				   struct lxcri_error *err);

/* Reads the image of @source. Large intermediate files go to the directory @scratch_fd.
 * LXCRI_E_INVALID_FORMAT, LXCRI_E_INTEGRITY_CHECK_FAILED, LXCRI_E_LIMIT_EXCEEDED,
 * LXCRI_E_IMAGE_NOT_FOUND for a TAG or REF that is not in it, LXCRI_E_INVALID_ARGUMENT where it
 * has several images and none is named. */
[[nodiscard]] int source_load(struct source *source, int scratch_fd, struct source_image *ret_image,
			      struct lxcri_error *err);
