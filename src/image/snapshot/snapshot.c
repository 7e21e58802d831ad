/* SPDX-License-Identifier: MIT */
/* The drivers of root file systems. */

#include "image/snapshot/snapshot.h"

#include "base/mem.h"
#include "base/scope.h"
#include "os/path.h"

#include <string.h>

static const struct snapshot_ops *const drivers[] = {
	&snapshot_overlay,
	&snapshot_btrfs,
	&snapshot_zfs,
	&snapshot_dir,
};

void snapshot_place_finish(struct snapshot_place *place)
{
	freep(&place->dataset);
}

const struct snapshot_ops *snapshot_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (strcmp(drivers[i]->name, name) == 0)
			return drivers[i];
	return NULL;
}

int snapshot_can_destroy(const char *dir, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i]->can_destroy && drivers[i]->can_destroy(dir, err) < 0)
			return -1;
	return 0;
}

int snapshot_destroy(const char *dir, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i]->destroy && drivers[i]->destroy(dir, err) < 0)
			return -1;
	return 0;
}

static int list_outside(const char *dir, struct strings *names)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(drivers); i++)
		if (drivers[i]->list_outside)
			r = drivers[i]->list_outside(dir, names);
	return r;
}

int snapshot_list_outside(const char *parent, struct strings *names, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings entries = {};
	int r = path_list_shown(parent, &entries);

	for (size_t i = 0; r == 0 && i < entries.count; i++) {
		autofree char *dir = xformat("%s/%s", parent, entries.items[i]);

		r = list_outside(dir, names);
	}
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "look for root file systems in %s", parent)
		     : 0;
}

const char *snapshot_find_fault(const char *layer_dir)
{
	const char *fault = NULL;

	for (size_t i = 0; !fault && i < ARRAY_LEN(drivers); i++)
		if (drivers[i]->find_fault)
			fault = drivers[i]->find_fault(layer_dir);
	return fault;
}

int snapshot_collect(const struct snapshot_place *place, const struct strings *layers,
		     const struct collect_options *options, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i]->collect && drivers[i]->collect(place, layers, options, err) < 0)
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

void snapshot_measure_layers(const struct snapshot_place *place, struct snapshot_sizes *sizes)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i]->measure_layers)
			drivers[i]->measure_layers(place, sizes);
}

void snapshot_sizes_add(struct snapshot_sizes *sizes, const char *chain_id, uint64_t bytes)
{
	size_t count = sizes->chain_ids.count;

	sizes->bytes = xreallocarray(sizes->bytes, count + 1, sizeof(*sizes->bytes));
	sizes->bytes[count] = bytes;
	strings_add(&sizes->chain_ids, chain_id);
}

uint64_t snapshot_sizes_get(const struct snapshot_sizes *sizes, const char *chain_id)
{
	for (size_t i = 0; i < sizes->chain_ids.count; i++)
		if (strcmp(sizes->chain_ids.items[i], chain_id) == 0)
			return sizes->bytes[i];
	return 0;
}

void snapshot_sizes_finish(struct snapshot_sizes *sizes)
{
	strings_finish(&sizes->chain_ids);
	free(sizes->bytes);
	sizes->bytes = NULL;
}

char *snapshot_chain_id(const char *layer_dir)
{
	const char *end = strrchr(layer_dir, '/');
	const char *start = end ? memrchr(layer_dir, '/', (size_t)(end - layer_dir)) : NULL;

	return start ? xstrndup(start + 1, (size_t)(end - start - 1)) : xstrdup(layer_dir);
}
