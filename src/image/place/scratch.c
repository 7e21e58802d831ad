/* SPDX-License-Identifier: MIT */
/* A directory for an image on its way. */

#include "image/place/scratch.h"

#include "base/mem.h"
#include "image/layout.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

int scratch_open(const char *data_dir, struct scratch *ret, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autorun(scratch_finish) struct scratch scratch = SCRATCH_NULL;
	autofree char *path = NULL;

	if (layout_create(data_dir, &layout, err) < 0)
		return -1;
	path = xformat("%s/images/" LAYOUT_DOWNLOADS "/.copy-XXXXXX", layout.data_dir);
	if ((mkdirat(layout.images_fd, LAYOUT_DOWNLOADS, 0700) < 0 && errno != EEXIST) ||
	    !mkdtemp(path))
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "make %s", path);
	scratch.path = steal(path);
	scratch.name = xformat(LAYOUT_DOWNLOADS "%s", strrchr(scratch.path, '/'));
	scratch.fd = open(scratch.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (scratch.fd < 0 || flock(scratch.fd, LOCK_EX) < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, errno, "lock %s", scratch.path);
	*ret = scratch;
	scratch = SCRATCH_NULL;
	return 0;
}

void scratch_finish(struct scratch *scratch)
{
	if (scratch->path)
		(void)path_remove_tree(AT_FDCWD, scratch->path);
	free(scratch->path);
	free(scratch->name);
	closep(&scratch->fd);
	*scratch = SCRATCH_NULL;
}
