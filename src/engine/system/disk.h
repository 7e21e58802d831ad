/* SPDX-License-Identifier: MIT */
#pragma once

/* What images take on the disk, for who asks for them alone. */

#include "engine/engine.h"
#include "image/collect.h"
#include "lxcri/system.h"
#include "os/disk_usage.h"

/* Appends the blobs and layers that the entry @entry of an index leads to; what can't be read is
 * logged. */
void disk_reach(const struct layout *layout, struct json_object *entry, struct strings *blobs,
		struct strings *layers);

/* Adds what a container from an image has in the bundle at @bundle, where that is not its directory
 * @data_dir: what is removed with it. */
void disk_add_bundle(struct disk_usage *usage, const char *bundle, const char *data_dir);

/* Reports every image and layer, as lxcri_system_usage() does. */
[[nodiscard]] int disk_report_images(struct lxcri_engine *engine, lxcri_usage_fn report,
				     void *userdata, struct lxcri_error *err);
