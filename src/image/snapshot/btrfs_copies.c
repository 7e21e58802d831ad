/* SPDX-License-Identifier: MIT */
/* What subvolumes of layers have on the disk for themselves. Whether blocks are shared at all is
 * not enough, for a subvolume shares them with its snapshots: they are compared with the layer's.
 */

#include "image/snapshot/btrfs_copies.h"

#include "base/scope.h"
#include "os/path.h"
#include "os/storage/extent.h"

#include <fcntl.h>
#include <sys/stat.h>

#define BLOCK_BYTES 512 /* of st_blocks */

static int open_in(int dirfd, const char *name, int flags)
{
	return openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags);
}

/* One with several names counts for each of them in part. */
static uint64_t measure_file(int layer, int merged, const char *name)
{
	autoclose int from = open_in(layer, name, 0);
	autoclose int to = open_in(merged, name, 0);
	uint64_t place, copied;
	struct stat status;

	if (from < 0 || to < 0 || fstat(to, &status) < 0 || !S_ISREG(status.st_mode) ||
	    extent_first(to, &copied) != 1 || (extent_first(from, &place) == 1 && place == copied))
		return 0;
	return (uint64_t)status.st_blocks * BLOCK_BYTES / status.st_nlink;
}

static uint64_t measure_dir(int layer, int merged, const char *name)
{
	autoclose int from = open_in(layer, name, O_DIRECTORY);
	autoclose int to = open_in(merged, name, O_DIRECTORY);

	return from < 0 || to < 0 ? 0 : btrfs_copies_measure(from, to);
}

uint64_t btrfs_copies_measure(int layer, int merged)
{
	autorun(strings_finish) struct strings names = {};
	uint64_t bytes = 0;
	struct stat status;

	(void)path_list_names(layer, &names); /* what can't be read counts for nothing */
	for (size_t i = 0; i < names.count; i++) {
		if (fstatat(layer, names.items[i], &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(status.st_mode))
			bytes += measure_dir(layer, merged, names.items[i]);
		else if (S_ISREG(status.st_mode) && status.st_size > 0)
			bytes += measure_file(layer, merged, names.items[i]);
	}
	return bytes;
}
