/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_PREPARE_H
#define LXCRI_PREPARE_H

/* Images that are kept ready, in whatever form, for as long as somebody holds them. Who prepares
 * one gets a reference, and gives it back by lxcri_image_release(). What nobody holds stays until
 * there are more than storage.cache_entries of them, or until a collection: then what was used
 * longest ago goes first. */

#include <lxcri/convert.h>
#include <lxcri/error.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_image_manager;

/* How long a reference lasts that is not given back. */
enum lxcri_hold {
	LXCRI_HOLD_PROCESS, /* as long as the manager that took it, or its process */
	LXCRI_HOLD_KEPT,    /* for ever: it survives processes and reboots */
};

/* Zeroed: a raw ext4 file system, held by this process. */
struct lxcri_prepare_options {
	struct lxcri_convert_options convert;
	enum lxcri_hold hold;
};

/* Brings the image @source (as for lxcri_image_convert()) and has it converted, unless the same
 * image was in the same form; of several who ask at once one does the work. What was fetched from
 * an address is fetched again each time. *@ret_path is the file, or the name of the dataset, to be
 * read and not to be changed; the caller owns the text, and a reference. A dataset may be cloned
 * from its snapshot "@ready": each clone counts as a reference until it is destroyed; where its
 * pool is not there, one does. @options may be NULL. Fails as lxcri_image_convert(),
 * and with LXCRI_E_CACHE_ERROR. */
int lxcri_image_prepare(struct lxcri_image_manager *manager, const char *source,
			const struct lxcri_prepare_options *options, char **ret_path,
			struct lxcri_error *err);

/* An image by name and content. */
struct lxcri_image_key {
	const char *name;    /* "ubuntu" */
	const char *version; /* "22.04" */
	const char *hash;    /* of its manifest, "sha256:..." */
};

/* Makes sure that the image @key is in the store, unpacked, and stays while it is held. It is
 * fetched by its hash if it is not there; what the store calls by that name is not looked at and
 * not changed. *@ret_id is its digest, by which every other function finds it; the caller owns the
 * text, and a reference. LXCRI_E_INVALID_DIGEST, also for a list for several platforms, and what
 * lxcri_image_pull() fails with; LXCRI_E_CACHE_ERROR. */
int lxcri_image_prepare_cached(struct lxcri_image_manager *manager,
			       const struct lxcri_image_key *key, enum lxcri_hold hold,
			       char **ret_id, struct lxcri_error *err);

/* Gives back one reference to @prepared, which one of the two returned: one that @manager took,
 * else one that was to be kept. LXCRI_E_REFERENCE_COUNT_ERROR where there is none. */
int lxcri_image_release(struct lxcri_image_manager *manager, const char *prepared,
			struct lxcri_error *err);

/* Something that is kept ready; texts are valid during the call. */
struct lxcri_prepared_info {
	const char *name;   /* what lxcri_image_release() takes */
	const char *digest; /* of the image */
	const char *format; /* "raw", "ct-template", "zfs", or "image" */
	uint64_t bytes;     /* that its file or dataset takes on the disk */
	unsigned int references;
	int64_t used_ns; /* when a reference was taken last */
};

/* A value < 0 ends the listing. */
typedef int (*lxcri_prepared_fn)(void *userdata, const struct lxcri_prepared_info *info);

/* Lists what is kept ready, what was used last first. */
int lxcri_prepared_list(struct lxcri_image_manager *manager, lxcri_prepared_fn each, void *userdata,
			struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
