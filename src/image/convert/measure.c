/* SPDX-License-Identifier: MIT */
/* How much room the merged tree of an image takes on a file system. */

#include "image/convert/measure.h"

#include "image/convert/walk.h"

static uint64_t in_blocks(uint64_t bytes)
{
	return (bytes + MEASURE_BLOCK - 1) / MEASURE_BLOCK * MEASURE_BLOCK;
}

static int add(void *userdata, const struct walk_entry *entry, struct lxcri_error *err)
{
	struct measure *measure = userdata;
	const struct stat *status = entry->status;

	if (entry->first)
		return 0;
	measure->inodes++;
	/* A name may take a block of extended attributes, or be a symlink of its own block. */
	if (S_ISREG(status->st_mode)) {
		uint64_t stored = (uint64_t)status->st_blocks * 512;
		uint64_t size = (uint64_t)status->st_size;

		measure->bytes += in_blocks(stored < size ? stored : size);
	} else if (S_ISDIR(status->st_mode)) {
		measure->bytes += in_blocks((uint64_t)status->st_size);
	} else if (S_ISLNK(status->st_mode) && status->st_size >= 60) {
		measure->bytes += MEASURE_BLOCK;
	}
	return 0;
}

int measure_layers(const int *fds, size_t count, struct measure *ret, struct lxcri_error *err)
{
	const struct walk_visitor visitor = { .enter = add, .userdata = ret };

	*ret = (struct measure){};
	return walk_layers(fds, count, &visitor, err);
}
