/* SPDX-License-Identifier: MIT */
/* Things that are to go. */

#include "image/collect/sweep.h"

#include "base/mem.h"
#include "image/snapshot/snapshot.h"
#include "os/disk_usage.h"

#include <stdlib.h>
#include <string.h>

void sweep_add(struct sweep *sweep, const struct victim *victim)
{
	struct victim *added;

	if ((sweep->count & (sweep->count - 1)) == 0)
		sweep->items = xreallocarray(sweep->items, sweep->count ? 2 * sweep->count : 1,
					     sizeof(*sweep->items));
	added = &sweep->items[sweep->count++];
	*added = *victim;
	added->name = xstrdup(victim->name);
}

void sweep_finish(struct sweep *sweep)
{
	for (size_t i = 0; i < sweep->count; i++)
		free((char *)sweep->items[i].name);
	free(sweep->items);
	*sweep = (struct sweep){};
}

static int compare_uses(const void *a, const void *b)
{
	const struct victim *left = a;
	const struct victim *right = b;

	if (left->used_ns != right->used_ns)
		return left->used_ns < right->used_ns ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* What can't be read is told without its size. */
static uint64_t size_of(const struct victim *victim, const struct layout *layout)
{
	autorun(disk_usage_finish) struct disk_usage usage = {};

	(void)disk_usage_add(&usage, victim->dirfd, victim->name);
	if (victim->part == COLLECT_LAYER)
		usage.bytes += snapshot_measure_layer(layout->data_dir, victim->name);
	return usage.bytes;
}

static int remove_one(const struct victim *victim, const struct layout *layout,
		      const struct collect_options *options, struct lxcri_error *err)
{
	static const char *const parts[] = { [COLLECT_BLOB] = "blob", [COLLECT_LAYER] = "layer" };
	uint64_t bytes = options->removed ? size_of(victim, layout) : 0;
	int r = options->dry_run ? 0 : victim->remove(victim->dirfd, victim->name);

	if (r < 0) {
		if (options->failed)
			options->failed(options->userdata, victim->part, victim->name, r);
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "remove the %s %s from %s",
				       parts[victim->part], victim->name, layout->data_dir);
	}
	if (options->removed)
		options->removed(options->userdata, victim->part, victim->name, bytes);
	return 0;
}

int sweep_run(struct sweep *sweep, const struct layout *layout,
	      const struct collect_options *options, struct lxcri_error *err)
{
	struct lxcri_error later;
	int first = 0;

	if (sweep->count > 1)
		qsort(sweep->items, sweep->count, sizeof(*sweep->items), compare_uses);
	for (size_t i = 0; i < sweep->count; i++)
		if (remove_one(&sweep->items[i], layout, options, first == 0 ? err : &later) < 0)
			first = -1;
	return first;
}
