/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_IMAGE_H
#define LXCRI_IMAGE_H

/* Images on this host: an OCI image layout (image-spec, "image-layout") and the unpacked layers. */

#include <lxcri/container.h>
#include <lxcri/convert.h>
#include <lxcri/error.h>
#include <lxcri/pull.h>
#include <lxcri/system.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_image_manager;

/* Opens the images below the data directory @images_dir (NULL: that of the configuration's
 * engine). @umoci_path is accepted for old callers and not used, which is logged. The caller owns
 * *@ret_manager; @engine must outlive it. */
int lxcri_image_manager_open(struct lxcri_engine *engine, const char *umoci_path,
			     const char *images_dir, struct lxcri_image_manager **ret_manager,
			     struct lxcri_error *err);

/* Closes @manager; NULL is fine. */
void lxcri_image_manager_free(struct lxcri_image_manager *manager);

/* Imports the image that @source names ("oci:DIR[:TAG]", "oci-archive:FILE[:TAG]",
 * "docker-archive:FILE[:REF]", "tarball:FILE" for the archive of a root file system, which gets no
 * name by itself, or "docker://REF" for a pull) under @name (NULL: the name the source
 * has for it; where that is a bare tag, the last component of DIR or FILE with that tag). Each byte
 * is verified against its digest before anything names it. *@ret_digest is the manifest's, owned by
 * the caller. LXCRI_E_IMAGE_NOT_FOUND, LXCRI_E_INVALID_REFERENCE, LXCRI_E_INVALID_FORMAT,
 * LXCRI_E_INVALID_MEDIA_TYPE, LXCRI_E_INTEGRITY_CHECK_FAILED, LXCRI_E_EXTRACT_FAILED,
 * LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_UNSUPPORTED_OPERATION, LXCRI_E_STORAGE_ERROR. */
int lxcri_image_import(struct lxcri_image_manager *manager, const char *source, const char *name,
		       char **ret_digest, struct lxcri_error *err);

/* How an image is pulled. Zeroed is a plain pull. */
struct lxcri_pull_options {
	const char *name;       /* what it is called in the store; NULL: the reference itself */
	lxcri_pull_fn progress; /* called for each change, from this thread; or NULL */
	void *userdata;
};

/* Fetches what the store lacks of the image @reference, "[HOST/]PATH[:TAG][@DIGEST]", from its
 * registry or a mirror of it, and stores it; blobs that are there are not fetched again, and what
 * was fetched before a failure is not either. @options may be NULL. *@ret_digest is that of the
 * manifest for this host, owned by the caller. LXCRI_E_IMAGE_NOT_FOUND,
 * LXCRI_E_AUTHENTICATION_FAILED, LXCRI_E_DOWNLOAD_FAILED, LXCRI_E_TIMEOUT, and what
 * lxcri_image_import() fails with. */
int lxcri_image_pull(struct lxcri_image_manager *manager, const char *reference,
		     const struct lxcri_pull_options *options, char **ret_digest,
		     struct lxcri_error *err);

/* How an image is pushed. Zeroed is a plain push. */
struct lxcri_push_options {
	const char *reference;  /* where to, "[HOST/]PATH[:TAG]"; NULL: what the image is called */
	lxcri_pull_fn progress; /* called for each change, from this thread; or NULL */
	void *userdata;
};

/* Sends a registry what it lacks of the stored image @name, byte by byte as it is: layers, which it
 * takes from another of its repositories where the store knows of one, then config and manifest. Of
 * an index those platforms go along that are stored. Each blob is compared with its digest before
 * it is sent. @options may be NULL. *@ret_digest is that of the manifest, owned by the caller.
 * LXCRI_E_IMAGE_NOT_FOUND, LXCRI_E_INTEGRITY_CHECK_FAILED, LXCRI_E_AUTHENTICATION_FAILED,
 * LXCRI_E_DOWNLOAD_FAILED, LXCRI_E_LIMIT_EXCEEDED, LXCRI_E_TIMEOUT; LXCRI_E_INVALID_ARGUMENT where
 * nothing says where to. */
int lxcri_image_push(struct lxcri_image_manager *manager, const char *name,
		     const struct lxcri_push_options *options, char **ret_digest,
		     struct lxcri_error *err);

/* Tries @user and @password at @registry, "HOST[:PORT]", and keeps them for later pulls in the file
 * of credentials of the configuration (/etc/proxmox-lxcri/auth.json without one), mode 0600.
 * LXCRI_E_AUTHENTICATION_FAILED when they are not accepted; nothing is kept then. */
int lxcri_registry_login(struct lxcri_image_manager *manager, const char *registry,
			 const char *user, const char *password, struct lxcri_error *err);

/* Removes what that file has for @registry; LXCRI_E_INVALID_ARGUMENT when it has nothing. */
int lxcri_registry_logout(struct lxcri_image_manager *manager, const char *registry,
			  struct lxcri_error *err);

/* One stored image; texts are valid during the call. */
struct lxcri_image_info {
	const char *name;    /* "docker.io/library/busybox:latest" */
	const char *digest;  /* of the manifest */
	uint64_t size_bytes; /* manifest, config and compressed layers */
	int64_t created_ns;  /* of the image config; 0 = unknown */
	unsigned int layers;
};

/* A value < 0 ends the listing. */
typedef int (*lxcri_image_fn)(void *userdata, const struct lxcri_image_info *info);

/* Lists the stored images, sorted by name. */
int lxcri_image_list(struct lxcri_image_manager *manager, lxcri_image_fn each, void *userdata,
		     struct lxcri_error *err);

/* Returns all that is known of the stored image @name as one JSON object, owned by the caller.
 * LXCRI_E_IMAGE_NOT_FOUND. */
int lxcri_image_inspect_json(struct lxcri_image_manager *manager, const char *name, char **ret_json,
			     struct lxcri_error *err);

/* Calls the stored image @name @new_name as well. What was called so keeps its other names, or
 * stays as an image without a name until it is removed or collected. LXCRI_E_IMAGE_NOT_FOUND,
 * LXCRI_E_INVALID_REFERENCE, LXCRI_E_INVALID_ARGUMENT for a new name that is a digest. */
int lxcri_image_tag(struct lxcri_image_manager *manager, const char *name, const char *new_name,
		    struct lxcri_error *err);

/* Takes the name @name from its image (of a digest: all its names), which stays, without a name if
 * it was the last. LXCRI_E_IMAGE_NOT_FOUND. */
int lxcri_image_untag(struct lxcri_image_manager *manager, const char *name,
		      struct lxcri_error *err);

enum lxcri_archive_type {
	LXCRI_ARCHIVE_OCI,    /* an OCI layout in a tar archive: every byte as it is stored */
	LXCRI_ARCHIVE_DOCKER, /* what docker load reads: layers inflated */
};

/* Writes the stored images @names, ended by NULL, to the archive @file ("-": standard output). What
 * they share is written once; a digest gives an image without a name. @file appears, or changes,
 * once all of it is on the disk. LXCRI_E_IMAGE_NOT_FOUND, LXCRI_E_INTEGRITY_CHECK_FAILED,
 * LXCRI_E_STORAGE_ERROR, LXCRI_E_INVALID_ARGUMENT for a terminal. */
int lxcri_image_save(struct lxcri_image_manager *manager, const char *const *names,
		     enum lxcri_archive_type type, const char *file, struct lxcri_error *err);

/* Called with each name that an image got, or its digest where it has none. */
typedef void (*lxcri_image_name_fn)(void *userdata, const char *name, const char *digest);

/* Takes in all images of the archive @file ("-": standard input), or none: an OCI archive or a
 * docker archive, compressed or not. LXCRI_E_IMAGE_NOT_FOUND where there is no such file, and what
 * lxcri_image_import() fails with. */
int lxcri_image_load(struct lxcri_image_manager *manager, const char *file,
		     lxcri_image_name_fn each, void *userdata, struct lxcri_error *err);

/* How an image is copied. Zeroed is a plain copy. */
struct lxcri_image_copy_options {
	bool all_platforms;     /* the whole index, not the image for this host alone */
	lxcri_pull_fn progress; /* of what comes from a registry or goes there; or NULL */
	void *userdata;
};

/* Copies the image @source to @dest. Either is the name of a stored image, or a place as for
 * lxcri_image_import(), "docker://REF" included. An image that is there under that name is
 * replaced.
 * @options may be NULL. Documents stay as they are. LXCRI_E_UNSUPPORTED_OPERATION for all platforms
 * into the store or a docker archive, which have one; else it fails as lxcri_image_import(),
 * lxcri_image_pull(), lxcri_image_push() and lxcri_image_save() do. */
int lxcri_image_copy(struct lxcri_image_manager *manager, const char *source, const char *dest,
		     const struct lxcri_image_copy_options *options, struct lxcri_error *err);

/* One step in which an image was made, as its author tells; NULL is what he doesn't. Texts are
 * valid during the call. */
struct lxcri_image_step {
	int64_t created_ns; /* 0 = unknown */
	const char *created_by;
	const char *author;
	const char *comment;
	const char *digest;  /* of the layer that the step made; NULL for none */
	uint64_t size_bytes; /* of that layer as it is stored, compressed */
};

/* A value < 0 ends the listing. */
typedef int (*lxcri_image_step_fn)(void *userdata, const struct lxcri_image_step *step);

/* Lists the steps in which the stored image @name was made, the newest first. Layers of which its
 * history does not tell are steps without texts. LXCRI_E_IMAGE_NOT_FOUND. */
int lxcri_image_history(struct lxcri_image_manager *manager, const char *name,
			lxcri_image_step_fn each, void *userdata, struct lxcri_error *err);

struct lxcri_image_verify_options {
	bool repair; /* put aside what is broken, and unpack a broken layer again from its blob */
};

/* Hashes every document and blob of the stored images @names (NULL or none: of all) again, and
 * compares the records of their unpacked layers with what their names stand for. What is broken is
 * reported, with the images that it belongs to; what is put aside goes with the next collection.
 * Returns the number of faults that are left, or < 0. LXCRI_E_IMAGE_NOT_FOUND. */
int lxcri_image_verify(struct lxcri_image_manager *manager, const char *const *names,
		       const struct lxcri_image_verify_options *options, lxcri_finding_fn report,
		       void *userdata, struct lxcri_error *err);

enum lxcri_usage_detail {
	LXCRI_USAGE_SUMS,    /* sums are right, but all blobs are reported under the name "" */
	LXCRI_USAGE_OBJECTS, /* each image with its blobs: reads the documents of all */
};

/* Reports what images and layers take on the disk, as lxcri_system_usage() does. */
int lxcri_image_usage(struct lxcri_image_manager *manager, enum lxcri_usage_detail detail,
		      lxcri_usage_fn report, void *userdata, struct lxcri_error *err);

struct lxcri_image_gc_options {
	bool all;     /* images that no container was made from, not only those without a name */
	bool force;   /* also what was used within storage.gc_grace; never what is in use */
	bool dry_run; /* tell what would go, and remove nothing */
};

/* Removes images that nobody uses, blobs and layers of no image, what was prepared and nobody
 * holds, and what a repair has put aside, where it was last used longer ago than storage.gc_grace:
 * what was used longest ago first. Each is reported with what it gave back. What can't be removed
 * keeps nothing else: the first failure is returned in the end, the others are logged. *@ret is
 * filled also on failure; NULL is fine. LXCRI_E_GARBAGE_COLLECTION_FAILED;
 * LXCRI_E_INTEGRITY_CHECK_FAILED where it can't be told what images need. @gc may be NULL. */
int lxcri_image_gc(struct lxcri_image_manager *manager, const struct lxcri_image_gc_options *gc,
		   lxcri_usage_fn report, void *userdata, struct lxcri_collected *ret,
		   struct lxcri_error *err);

/* Removes the name, and what it alone led to of blobs and layers that no other image or container
 * uses.
 * LXCRI_E_IMAGE_NOT_FOUND, LXCRI_E_IMAGE_IN_USE. */
int lxcri_image_remove(struct lxcri_image_manager *manager, const char *name,
		       struct lxcri_error *err);

/* Creates the container @container_id from the stored image @image_name:@image_tag with its bundle
 * at
 * @bundle_path (which must not exist or be empty): validated, unpacked, bundle written, container
 * registered. Fails as lxcri_container_create(). */
int lxcri_image_create_container(struct lxcri_image_manager *manager, const char *image_name,
				 const char *image_tag, const char *container_id,
				 const char *bundle_path, struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
