/* SPDX-License-Identifier: MIT */
/* Where files have their blocks. */

#include "os/storage/extent.h"

#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

int extent_first(int fd, uint64_t *ret_place)
{
	union {
		struct fiemap map;
		char room[sizeof(struct fiemap) + sizeof(struct fiemap_extent)];
	} answer = { .map = { .fm_length = FIEMAP_MAX_OFFSET,
			      .fm_flags = FIEMAP_FLAG_SYNC,
			      .fm_extent_count = 1 } };
	const struct fiemap_extent *extent = &answer.map.fm_extents[0];

	if (ioctl(fd, FS_IOC_FIEMAP, &answer.map) < 0)
		return -errno;
	if (answer.map.fm_mapped_extents == 0 ||
	    extent->fe_flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DATA_INLINE))
		return 0;
	*ret_place = extent->fe_physical;
	return 1;
}
