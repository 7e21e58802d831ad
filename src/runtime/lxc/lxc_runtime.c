/* SPDX-License-Identifier: MIT */
/* The files that the LXC backend keeps below a container's run directory. */

#include "runtime/lxc/lxc_runtime.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>

int lxc_runtime_save(const char *run_dir, const char *name, const void *bytes, size_t size,
		     struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" LXC_RUNTIME_DIR, run_dir);
	autoclose int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? -errno : file_write_atomic(dir, name, bytes, size, 0600, FILE_VOLATILE);

	return r < 0 ? fail_errno(err, r, "write %s/%s", path, name) : 0;
}

int lxc_runtime_load(const char *run_dir, const char *name, size_t max, char **ret,
		     size_t *ret_size, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" LXC_RUNTIME_DIR "/%s", run_dir, name);
	int r = file_read(AT_FDCWD, path, max, ret, ret_size);

	if (r == -ENOENT) {
		*ret = NULL;
		*ret_size = 0;
		return 0;
	}
	return r < 0 ? fail_errno(err, r, "read %s", path) : 0;
}
