/* SPDX-License-Identifier: MIT */
/* A volume that is being made. */

#include "engine/volumes/volume_draft.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/volumes/volume.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

static int open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Locked before anybody can take it for a leftover: its name is one from the start. */
static int make_locked(struct volume_draft *draft)
{
	if (mkdirat(draft->volumes, draft->name, 0700) < 0)
		return -errno;
	draft->dir = open_dir(draft->volumes, draft->name);
	if (draft->dir < 0)
		return draft->dir;
	if (flock(draft->dir, LOCK_EX) < 0 || fchmod(draft->dir, 0700) < 0 ||
	    mkdirat(draft->dir, VOLUME_DATA, 0755) < 0)
		return -errno;
	draft->data = open_dir(draft->dir, VOLUME_DATA);
	if (draft->data < 0)
		return draft->data;
	return fchmod(draft->data, 0755) < 0 ? -errno : 0;
}

int volume_draft_open(const char *data_dir, struct volume_draft *ret_draft, struct lxcri_error *err)
{
	autofree char *digits = volume_make_name();
	int r;

	*ret_draft = VOLUME_DRAFT_NULL;
	ret_draft->data_dir = xstrdup(data_dir);
	ret_draft->name = xformat(VOLUME_GONE "%s", digits);
	ret_draft->volumes = volume_open_all(data_dir);
	r = ret_draft->volumes < 0 ? ret_draft->volumes : make_locked(ret_draft);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make a volume in %s/volumes",
				       data_dir)
		     : 0;
}

/* Renames it. Returns 1, or 0 where the place is not as @place has it. */
static int put(struct volume_draft *draft, const char *name, enum volume_place place)
{
	unsigned int flags = place == VOLUME_REPLACE ? RENAME_EXCHANGE : RENAME_NOREPLACE;

	/* One call for all of it: a flush for each file would cost more. */
	if (syncfs(draft->dir) < 0 || fsync(draft->dir) < 0)
		return -errno;
	if (renameat2(draft->volumes, draft->name, draft->volumes, name, flags) < 0)
		return errno == (place == VOLUME_REPLACE ? ENOENT : EEXIST) ? 0 : -errno;
	return fsync(draft->volumes) < 0 ? -errno : 1;
}

int volume_draft_commit(struct volume_draft *draft, const char *name, enum volume_place place,
			struct lxcri_error *err)
{
	int r = put(draft, name, place);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "make the volume %s", name);
	if (r > 0 && place == VOLUME_NEW)
		freep(&draft->name); /* with REPLACE it is that of the old one now */
	return r;
}

void volume_draft_finish(struct volume_draft *draft)
{
	int r = draft->name && draft->volumes >= 0 ? path_remove_tree(draft->volumes, draft->name)
						   : 0;

	if (r < 0)
		log_warning("something is left in %s/volumes/%s", draft->data_dir, draft->name);
	closep(&draft->data);
	closep(&draft->dir);
	closep(&draft->volumes);
	freep(&draft->name);
	freep(&draft->data_dir);
}
