/* SPDX-License-Identifier: MIT */
/* What images and their layers take on the disk: in sum. That takes no look at the documents of
 * images that nobody uses, so it is quick with any number of them. */

#include "base/mem.h"
#include "engine/driver.h"
#include "engine/images/kept_sizes.h"
#include "engine/images/manager.h"
#include "engine/images/prepared.h"
#include "engine/system/disk.h"
#include "engine/usage.h"
#include "image/stored_image.h"

#include <string.h>

struct sums {
	struct lxcri_image_manager *manager;
	lxcri_usage_fn report;
	void *userdata;
	struct layout layout;
	struct image_usage usage;
	struct strings kept_blobs; /* of images that a container was made from */
	struct strings kept_layers;
	struct kept_sizes blob_sizes;
	struct kept_sizes layer_sizes;
	struct snapshot_sizes outside; /* of layers */
};

static void sums_finish(struct sums *sums)
{
	layout_finish(&sums->layout);
	image_usage_finish(&sums->usage);
	strings_finish(&sums->kept_blobs);
	strings_finish(&sums->kept_layers);
	kept_sizes_finish(&sums->blob_sizes);
	kept_sizes_finish(&sums->layer_sizes);
	snapshot_sizes_finish(&sums->outside);
}

static int sum_image(void *userdata, const struct image *image)
{
	struct sums *sums = userdata;
	struct lxcri_usage usage = { .kind = LXCRI_USAGE_IMAGES, .name = image->name };

	if (image_usage_find(&sums->usage, image->digest)) {
		autojson entry = stored_image_unlisted(&sums->layout, image->digest);

		usage.users = 1;
		if (entry)
			disk_reach(&sums->layout, entry, &sums->kept_blobs, &sums->kept_layers);
	}
	sums->report(sums->userdata, &usage);
	return 0;
}

/* All blobs at once, under no name. */
static int sum_blobs(struct sums *sums, struct lxcri_error *err)
{
	struct lxcri_usage usage = { .kind = LXCRI_USAGE_IMAGES, .name = "" };
	autorun(strings_finish) struct strings names = {};
	int fd = sums->layout.blobs_fd;
	int r;

	if (fd < 0)
		return 0;
	kept_sizes_load(&sums->blob_sizes, fd, sums->manager->engine->root, "blob-sizes");
	r = kept_sizes_list(&sums->blob_sizes, &names);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "list the blobs in %s",
				       sums->layout.data_dir);
	for (size_t i = 0; i < names.count; i++) {
		uint64_t bytes;

		if (names.items[i][0] == '.')
			continue;
		bytes = kept_sizes_get(&sums->blob_sizes, names.items[i]);

		usage.bytes += bytes;
		if (!strings_has(&sums->kept_blobs, names.items[i]))
			usage.reclaimable_bytes += bytes;
	}
	kept_sizes_save(&sums->blob_sizes);
	sums->report(sums->userdata, &usage);
	return 0;
}

static int sum_layers(struct sums *sums, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings names = {};
	int fd = sums->layout.layers_fd;
	int r;

	if (fd < 0)
		return 0;
	sums->layer_sizes.data_dir = sums->layout.data_dir;
	kept_sizes_load(&sums->layer_sizes, fd, sums->manager->engine->root, "layer-sizes");
	r = kept_sizes_list(&sums->layer_sizes, &names);
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "list the layers in %s",
				       sums->layout.data_dir);
	driver_measure_layers(sums->manager->engine, &sums->outside);
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		autofree char *path =
			xformat("%s/layers/%s/" LAYOUT_TREE, sums->layout.data_dir, name);
		struct lxcri_usage usage = { .kind = LXCRI_USAGE_LAYERS, .name = name };

		if (*name == '.')
			continue;
		usage.users = strings_has(&sums->usage.layers, path);
		usage.bytes = kept_sizes_get(&sums->layer_sizes, name) +
			      snapshot_sizes_get(&sums->outside, name);
		if (usage.users == 0 && !strings_has(&sums->kept_layers, name))
			usage.reclaimable_bytes = usage.bytes;
		sums->report(sums->userdata, &usage);
	}
	kept_sizes_save(&sums->layer_sizes);
	return 0;
}

int lxcri_image_usage(struct lxcri_image_manager *manager, enum lxcri_usage_detail detail,
		      lxcri_usage_fn report, void *userdata, struct lxcri_error *err)
{
	autorun(sums_finish) struct sums sums = {
		.manager = manager, .report = report, .userdata = userdata, .layout = LAYOUT_NULL
	};

	if (detail == LXCRI_USAGE_OBJECTS)
		return disk_report_images(manager->engine, report, userdata, err);
	if (layout_open(manager->data, &sums.layout, err) < 0)
		return -1;
	if (sums.layout.images_fd < 0)
		return 0;
	if (usage_peek(manager->engine, &sums.usage, err) < 0 ||
	    image_store_list(manager->store, sum_image, &sums, err) < 0 ||
	    sum_blobs(&sums, err) < 0)
		return -1;
	return sum_layers(&sums, err) < 0 ? -1
					  : prepared_report(manager->data, report, userdata, err);
}
