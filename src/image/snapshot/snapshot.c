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

/* Appends the directories of all root file systems of a container. 0 or -errno. */
static int list_roots(const char *dir, struct strings *dirs)
{
	autofree char *path = xformat("%s/" SNAPSHOT_ROOTS, dir);
	autorun(strings_finish) struct strings names = {};
	int r = path_list_shown(path, &names);

	strings_add(dirs, dir);
	for (size_t i = 0; i < names.count; i++)
		strings_addf(dirs, "%s/%s", path, names.items[i]);
	return r;
}

/* The same with words for a failure. */
static int get_roots(const char *dir, struct strings *dirs, struct lxcri_error *err)
{
	int r = list_roots(dir, dirs);

	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "list the root file systems in %s", dir)
		     : 0;
}

int snapshot_can_destroy(const char *dir, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings dirs = {};

	if (get_roots(dir, &dirs, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		for (size_t j = 0; drivers[i]->can_destroy && j < dirs.count; j++)
			if (drivers[i]->can_destroy(dirs.items[j], err) < 0)
				return -1;
	return 0;
}

int snapshot_destroy_one(const char *dir, struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i]->destroy && drivers[i]->destroy(dir, err) < 0)
			return -1;
	return 0;
}

int snapshot_destroy(const char *dir, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings dirs = {};

	if (get_roots(dir, &dirs, err) < 0)
		return -1;
	for (size_t i = 0; i < dirs.count; i++)
		if (snapshot_destroy_one(dirs.items[i], err) < 0)
			return -1;
	return 0;
}

static int list_outside(const char *dir, struct strings *names)
{
	autorun(strings_finish) struct strings dirs = {};
	int r = list_roots(dir, &dirs);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(drivers); i++)
		for (size_t j = 0; r == 0 && drivers[i]->list_outside && j < dirs.count; j++)
			r = drivers[i]->list_outside(dirs.items[j], names);
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
	autorun(strings_finish) struct strings dirs = {};
	uint64_t bytes = 0;

	(void)list_roots(dir, &dirs); /* what can't be read is told without */
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		for (size_t j = 0; drivers[i]->measure && j < dirs.count; j++)
			bytes += drivers[i]->measure(dirs.items[j]);
	return bytes;
}

uint64_t snapshot_measure_layer(const char *data_dir, const char *chain_id)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i]->measure_layer)
			bytes += drivers[i]->measure_layer(data_dir, chain_id);
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
