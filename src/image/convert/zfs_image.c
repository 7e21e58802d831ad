/* SPDX-License-Identifier: MIT */
/* Images as datasets of ZFS. */

#include "image/convert/zfs_image.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>

/* By which every program of ZFS speaks to the module. */
#define ZFS_DEVICE "/dev/zfs"

int zfs_image_check(struct lxcri_error *err)
{
	autoclose int fd = open(ZFS_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_ZFS_ERROR, errno,
				       "this host has no ZFS that can be used: open %s",
				       ZFS_DEVICE);
	return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
		    "this build makes no datasets; convert to raw or ct-template");
}
