/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_CONVERT_H
#define LXCRI_CONVERT_H

/* Images in other forms: a raw disk, a template of a Proxmox container, a dataset of ZFS. */

#include <lxcri/error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_image_manager;

enum lxcri_image_format {
	LXCRI_IMAGE_RAW,         /* a file with a file system, as a disk has it */
	LXCRI_IMAGE_CT_TEMPLATE, /* a tar archive that `pct create` takes */
	LXCRI_IMAGE_ZFS,         /* a dataset */
};

/* Returns "raw", "ct-template" or "zfs"; NULL for anything else. */
const char *lxcri_image_format_name(enum lxcri_image_format format);

/* Finds the format called @name. LXCRI_E_INVALID_FORMAT. */
int lxcri_image_format_parse(const char *name, enum lxcri_image_format *ret_format,
			     struct lxcri_error *err);

/* What an image becomes. Zeroed: a raw ext4 file system with some room in it. */
struct lxcri_convert_options {
	enum lxcri_image_format format;
	uint64_t size_bytes;     /* of a raw image, 0: what the files need and a quarter more; most
				  * that a dataset may refer to, 0: no such limit */
	const char *file_system; /* of a raw image; NULL: "ext4", the only one there is */
	const char *compression; /* "zstd", "gzip" or "none"; NULL: "zstd" of a template, and what
				  * its parent has of a dataset */
	const char *dataset;     /* in which lxcri_image_prepare() makes one; NULL: in "prepared"
				  * below that of the zfs driver */
};

/* Writes the image @source in another form to @target, which must not exist: a file, or the name of
 * a dataset. The layers are merged, with owners, modes, times, extended attributes, devices and
 * hard links as they are. @source is the name of a stored image; what lxcri_image_import() takes,
 * "tarball:FILE" among it; an "http://" or "https://" address of the archive of a root file system;
 * or such a file itself, which begins with "/", "./" or "../". @options may be NULL. @target
 * appears once all of it is on the disk; whatever fails before leaves nothing, and what a kill
 * leaves of a dataset, "lxcri.new-..." beside it, goes with the next collection. A dataset is
 * mounted nowhere ("legacy"), has the property org.proxmox-lxcri:kind and the snapshot @ready,
 * which can be cloned. Its parent must be there. LXCRI_E_INVALID_ARGUMENT, LXCRI_E_INVALID_SIZE,
 * LXCRI_E_INVALID_FORMAT, LXCRI_E_IMAGE_NOT_FOUND, LXCRI_E_DOWNLOAD_FAILED, LXCRI_E_EXTRACT_FAILED,
 * LXCRI_E_CONVERSION_FAILED, LXCRI_E_MOUNT_FAILED, LXCRI_E_STORAGE_ERROR, LXCRI_E_ZFS_ERROR. */
int lxcri_image_convert(struct lxcri_image_manager *manager, const char *source, const char *target,
			const struct lxcri_convert_options *options, struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
