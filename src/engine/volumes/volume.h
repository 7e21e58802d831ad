/* SPDX-License-Identifier: MIT */
#pragma once

/* Volumes of one data directory: data that outlives a container. A named volume lives in
 * <data>/volumes/<name>/_data until somebody removes it, an anonymous one has 64 hexadecimal digits
 * for a name and goes with the container that owns it. */

#include "base/fail.h"
#include "base/strings.h"
#include "os/id_map.h"

#include <stdbool.h>

/* Tells whether @name is one for a volume: [A-Za-z0-9][A-Za-z0-9_.-]*, at most 255 bytes. */
bool volume_name_is_valid(const char *name);

/* Names in the directory of all volumes, and in that of one. */
#define VOLUME_DATA  "_data"       /* what is mounted */
#define VOLUME_NOTES "volume.json" /* see volume_notes.h */
#define VOLUME_GONE  ".gone-"      /* before 64 digits: one that is being removed, or made */

/* Tells whether @name is one that nobody has given. */
bool volume_is_anonymous(const char *name);

/* Returns a name for an anonymous one, owned by the caller. */
[[nodiscard]] char *volume_make_name(void);

/* Opens the directory of all volumes, making it. Returns a descriptor or -errno. */
[[nodiscard]] int volume_open_all(const char *data_dir);

/* Which volume, and what goes into it when it is new. */
struct volume_request {
	const char *data_dir;
	const char *name;                 /* NULL: an anonymous one */
	const char *container_id;         /* for whom it is made; the owner of an anonymous one */
	const struct strings *layer_dirs; /* of the image, topmost first; NULL: copy nothing */
	const char *destination;          /* where it will be mounted */
	const struct id_map *owners;      /* whose ids on the disk stand for those of the image;
					     NULL: they are the same */
};

/* Makes sure that the volume exists. A new one is filled with what the image has at the
 * destination, and takes over owner and mode of that directory. It appears complete or not at all,
 * and is on disk when this returns. *@ret_source is the directory to mount, owned by the caller.
 * LXCRI_E_INVALID_ARGUMENT for a bad name, LXCRI_E_STORAGE_ERROR where making or filling it
 * failed. */
[[nodiscard]] int volume_ensure(const struct volume_request *request, char **ret_source,
				struct lxcri_error *err);

/* Returns the name of the volume whose directory to mount is @source; NULL when it is none of
 * @data_dir. Owned by the caller. */
[[nodiscard]] char *volume_name_of(const char *data_dir, const char *source);

/* Makes @to the owner of what @from owns. Nothing to change is success, also because it was done
 * before. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int volume_rename_owner(const char *data_dir, const char *from, const char *to,
				      struct lxcri_error *err);

/* Removes the volume @name, whoever it is for. It goes at once or not at all.
 * LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int volume_remove(const char *data_dir, const char *name, struct lxcri_error *err);

/* Appends the names of all volumes. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int volume_list(const char *data_dir, struct strings *names, struct lxcri_error *err);

/* Appends the names of directories of volumes whose removal, or making, was interrupted; then
 * removes them all. Nobody may be removing volumes meanwhile. LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int volume_list_leftovers(const char *data_dir, struct strings *names,
					struct lxcri_error *err);
[[nodiscard]] int volume_remove_leftovers(const char *data_dir, struct lxcri_error *err);

/* Returns the container that owns the anonymous volume @name, owned by the caller; NULL for none.
 */
[[nodiscard]] char *volume_find_owner(const char *data_dir, const char *name);

/* Removes the anonymous volumes that @container_id owns, and any volume that a killed command left
 * half made for it. Nothing to remove is success. LXCRI_E_STORAGE_ERROR; it can be repeated. */
[[nodiscard]] int volume_remove_owned(const char *data_dir, const char *container_id,
				      struct lxcri_error *err);
