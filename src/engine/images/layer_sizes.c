/* SPDX-License-Identifier: MIT */
/* What unpacked layers take on the disk: a line each, "NAME INODE CHANGED BYTES". */

#include "engine/images/layer_sizes.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "os/disk_usage.h"
#include "os/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME      "layer-sizes"
#define FILE_BYTES_MAX ((size_t)16 << 20)

static int compare_names(const void *a, const void *b)
{
	const struct layer_size *left = a;
	const struct layer_size *right = b;

	return strcmp(left->name, right->name);
}

static void add(struct layer_size **items, size_t *count, const struct layer_size *size)
{
	if ((*count & (*count - 1)) == 0)
		*items = xreallocarray(*items, *count ? 2 * *count : 1, sizeof(**items));
	(*items)[(*count)++] = *size;
}

void layer_sizes_load(struct layer_sizes *sizes, const char *run_dir)
{
	autofree char *path = xformat("%s/" FILE_NAME, run_dir);
	autofree char *bytes = NULL;
	char *rest = NULL;
	size_t size;

	if (file_read(AT_FDCWD, path, FILE_BYTES_MAX, &bytes, &size) < 0)
		return;
	for (char *line = strtok_r(bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct layer_size one = {};

		if (sscanf(line, "%64s %" SCNu64 " %" SCNd64 " %" SCNu64, one.name, &one.inode,
			   &one.changed_ns, &one.bytes) == 4)
			add(&sizes->items, &sizes->count, &one);
	}
	if (sizes->count > 1)
		qsort(sizes->items, sizes->count, sizeof(sizes->items[0]), compare_names);
}

uint64_t layer_sizes_get(struct layer_sizes *sizes, int layers_fd, const char *name)
{
	autorun(disk_usage_finish) struct disk_usage usage = {};
	struct layer_size one = {};
	const struct layer_size *known = NULL;
	struct stat status;
	int r;

	(void)snprintf(one.name, sizeof(one.name), "%s", name);
	if (sizes->count > 0)
		known = bsearch(&one, sizes->items, sizes->count, sizeof(one), compare_names);
	if (fstatat(layers_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	one.inode = status.st_ino;
	one.changed_ns = (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec;
	if (known && known->inode == one.inode && known->changed_ns == one.changed_ns) {
		add(&sizes->found, &sizes->n_found, known);
		return known->bytes;
	}
	r = disk_usage_add(&usage, layers_fd, name);
	if (r < 0) {
		log_warning("the size of %s is not all of it: %s", name, strerror(-r));
		return usage.bytes;
	}
	one.bytes = usage.bytes;
	sizes->is_stale = true;
	add(&sizes->found, &sizes->n_found, &one);
	return one.bytes;
}

void layer_sizes_save(const struct layer_sizes *sizes, const char *run_dir)
{
	autoclose int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct text text = {};

	if (dir < 0 || (!sizes->is_stale && sizes->n_found == sizes->count))
		return;
	for (size_t i = 0; i < sizes->n_found; i++) {
		const struct layer_size *one = &sizes->found[i];

		text_addf(&text, "%s %" PRIu64 " %" PRId64 " %" PRIu64 "\n", one->name, one->inode,
			  one->changed_ns, one->bytes);
	}
	/* Without it the next one measures again. */
	(void)file_write_atomic(dir, FILE_NAME, text.data ? text.data : "", text.length, 0600,
				FILE_VOLATILE);
	text_finish(&text);
}

void layer_sizes_finish(struct layer_sizes *sizes)
{
	free(sizes->items);
	free(sizes->found);
	*sizes = (struct layer_sizes){};
}
