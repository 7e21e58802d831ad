/* SPDX-License-Identifier: MIT */
/* The drivers of root file systems. */

#include "image/snapshot/snapshot.h"

#include "base/mem.h"
#include "base/scope.h"

#include <string.h>

static const struct snapshot_ops *const drivers[] = {
	&snapshot_overlay,
	&snapshot_btrfs,
	&snapshot_dir,
};

const struct snapshot_ops *snapshot_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (strcmp(drivers[i]->name, name) == 0)
			return drivers[i];
	return NULL;
}

int snapshot_destroy(const char *dir, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i]->destroy && drivers[i]->destroy(dir, err) < 0)
			return -1;
	return 0;
}

uint64_t snapshot_measure(const char *dir)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i]->measure)
			bytes += drivers[i]->measure(dir);
	return bytes;
}

char *snapshot_chain_id(const char *layer_dir)
{
	const char *end = strrchr(layer_dir, '/');
	const char *start = end ? memrchr(layer_dir, '/', (size_t)(end - layer_dir)) : NULL;

	return start ? xstrndup(start + 1, (size_t)(end - start - 1)) : xstrdup(layer_dir);
}
