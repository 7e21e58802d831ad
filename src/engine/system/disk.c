/* SPDX-License-Identifier: MIT */
/* What the engine's objects take on the disk, and what of it a prune could give back. Nothing is
 * locked: what comes or goes meanwhile is counted or not. */

#include "lxcri/system.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/driver.h"
#include "engine/images/prepared.h"
#include "engine/service/restart.h"
#include "engine/system/disk.h"
#include "engine/usage.h"
#include "engine/volumes/volume.h"
#include "engine/workload/claims.h"
#include "image/image_index.h"
#include "os/disk_usage.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

const char *lxcri_usage_kind_name(enum lxcri_usage_kind kind)
{
	static const char *const names[] = {
		[LXCRI_USAGE_IMAGES] = "images",
		[LXCRI_USAGE_LAYERS] = "layers",
		[LXCRI_USAGE_CONTAINERS] = "containers",
		[LXCRI_USAGE_VOLUMES] = "volumes",
		[LXCRI_USAGE_LOGS] = "logs",
	};

	return names[kind];
}

/* A report on its way. */
struct disk {
	struct lxcri_engine *engine;
	lxcri_usage_fn report;
	void *userdata;
	struct image_usage usage;
	struct layout layout;
	struct strings kept_blobs; /* of images that a container was made from */
	struct strings kept_layers;
	struct strings counted; /* blobs */
	struct disk_usage inodes;
	struct snapshot_sizes outside; /* of layers */
};

static void disk_finish(struct disk *disk)
{
	image_usage_finish(&disk->usage);
	layout_finish(&disk->layout);
	strings_finish(&disk->kept_blobs);
	strings_finish(&disk->kept_layers);
	strings_finish(&disk->counted);
	disk_usage_finish(&disk->inodes);
	snapshot_sizes_finish(&disk->outside);
}

static void tell(const struct disk *disk, const struct lxcri_usage *usage)
{
	disk->report(disk->userdata, usage);
}

/* Returns what @name below @dirfd takes that was not counted before. */
static uint64_t measure(struct disk *disk, int dirfd, const char *name)
{
	uint64_t before = disk->inodes.bytes;
	int r = disk_usage_add(&disk->inodes, dirfd, name);

	if (r < 0)
		log_warning("the size of %s is not all of it: %s", name, strerror(-r));
	return disk->inodes.bytes - before;
}

static unsigned int count_of(const struct strings *strings, const char *text)
{
	unsigned int count = 0;

	for (size_t i = 0; text && i < strings->count; i++)
		count += strcmp(strings->items[i], text) == 0;
	return count;
}

void disk_reach(const struct layout *layout, struct json_object *entry, struct strings *blobs,
		struct strings *layers)
{
	struct lxcri_error err = {};

	if (collect_reach(layout, entry, blobs, layers, &err) < 0)
		log_warning("%s; see proxmox-lxcri system check", err.text);
}

static void report_image(struct disk *disk, struct json_object *entry)
{
	autorun(strings_finish) struct strings blobs = {};
	autorun(strings_finish) struct strings layers = {};
	const char *digest = json_get_text(entry, "digest");
	const char *name = image_index_name(entry);
	struct lxcri_usage usage = { .kind = LXCRI_USAGE_IMAGES,
				     .name = name     ? name
					     : digest ? digest
						      : "",
				     .users = count_of(&disk->usage.digests, digest) };

	disk_reach(&disk->layout, entry, &blobs, &layers);
	for (size_t i = 0; i < blobs.count; i++) {
		uint64_t bytes;

		if (strings_has(&disk->counted, blobs.items[i]))
			continue;
		strings_add(&disk->counted, blobs.items[i]);
		bytes = measure(disk, disk->layout.blobs_fd, blobs.items[i]);
		usage.bytes += bytes;
		if (!strings_has(&disk->kept_blobs, blobs.items[i]))
			usage.reclaimable_bytes += bytes;
	}
	tell(disk, &usage);
}

/* Calls @each for the name of every entry of the directory @dirfd that does not begin with a dot.
 */
static void each_entry(int dirfd, void (*each)(struct disk *disk, int dirfd, const char *name),
		       struct disk *disk)
{
	autorun(strings_finish) struct strings names = {};

	if (dirfd < 0 || path_list_names(dirfd, &names) < 0)
		return;
	for (size_t i = 0; i < names.count; i++)
		if (*names.items[i] != '.')
			each(disk, dirfd, names.items[i]);
}

/* Blobs that images share were counted for the first of them. */
static void report_lost_blob(struct disk *disk, int dirfd, const char *name)
{
	struct lxcri_usage usage = { .kind = LXCRI_USAGE_IMAGES, .name = "" };

	if (strings_has(&disk->counted, name))
		return;
	usage.bytes = usage.reclaimable_bytes = measure(disk, dirfd, name);
	tell(disk, &usage);
}

static void report_layer(struct disk *disk, int dirfd, const char *name)
{
	autofree char *path = xformat("%s/layers/%s/" LAYOUT_TREE, disk->layout.data_dir, name);
	struct lxcri_usage usage = { .kind = LXCRI_USAGE_LAYERS,
				     .name = name,
				     .users = count_of(&disk->usage.layers, path) };

	usage.bytes = measure(disk, dirfd, name) +
		      snapshot_measure_layer(disk->layout.data_dir, name) +
		      snapshot_sizes_get(&disk->outside, name);
	if (usage.users == 0 && !strings_has(&disk->kept_layers, name))
		usage.reclaimable_bytes = usage.bytes;
	tell(disk, &usage);
}

static int report_images(struct disk *disk, struct lxcri_error *err)
{
	autojson index = NULL;
	struct json_object *list;

	if (layout_open(disk->engine->data, &disk->layout, err) < 0 ||
	    layout_read_index(&disk->layout, &index, err) < 0)
		return -1;
	list = json_get(index, "manifests");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (image_usage_find(&disk->usage, json_get_text(entry, "digest")))
			disk_reach(&disk->layout, entry, &disk->kept_blobs, &disk->kept_layers);
	}
	for (size_t i = 0; i < json_object_array_length(list); i++)
		report_image(disk, json_object_array_get_idx(list, i));
	each_entry(disk->layout.blobs_fd, report_lost_blob, disk);
	driver_measure_layers(disk->engine, &disk->outside);
	each_entry(disk->layout.layers_fd, report_layer, disk);
	return prepared_report(disk->engine->data, disk->report, disk->userdata, err);
}

void disk_add_bundle(struct disk_usage *usage, const char *bundle, const char *data_dir)
{
	static const char *const names[] = { "rootfs", "config.json" };

	for (size_t i = 0; strcmp(bundle, data_dir) != 0 && i < ARRAY_LEN(names); i++) {
		autofree char *path = xformat("%s/%s", bundle, names[i]);

		(void)disk_usage_add(usage, AT_FDCWD, path); /* what can't be read adds nothing */
	}
}

/* Logs are those files of a container's directory whose name begins so, rotated ones included. */
static bool is_log(const char *name)
{
	return strncmp(name, "log", 3) == 0;
}

static int report_container(void *userdata, const struct lxcri_state *state)
{
	struct disk *disk = userdata;
	autofree char *path = engine_data_dir(disk->engine, state->id);
	autoclose int dir = state->image ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	autorun(strings_finish) struct strings names = {};
	bool live = state->status != LXCRI_STATUS_STOPPED ||
		    restart_is_awaited(disk->engine, state->id);
	struct lxcri_usage files = { .kind = LXCRI_USAGE_CONTAINERS, .name = state->id };
	struct lxcri_usage logs = { .kind = LXCRI_USAGE_LOGS, .name = state->id };

	if (dir < 0 || path_list_names(dir, &names) < 0)
		return 0; /* of a bundle: its files are its maker's */
	files.users = logs.users = live;
	disk->inodes.own_only = true;
	for (size_t i = 0; i < names.count; i++) {
		struct lxcri_usage *usage = is_log(names.items[i]) ? &logs : &files;

		usage->bytes += measure(disk, dir, names.items[i]);
	}
	uint64_t before = disk->inodes.bytes;

	disk_add_bundle(&disk->inodes, state->bundle, path);
	disk->inodes.own_only = false;
	files.bytes += disk->inodes.bytes - before + snapshot_measure(path);
	/* What is of a pod goes with that. */
	if (!live && !state->pod) {
		files.reclaimable_bytes = files.bytes;
		logs.reclaimable_bytes = logs.bytes;
	}
	tell(disk, &files);
	if (state->log_path)
		tell(disk, &logs);
	return 0;
}

static int report_volumes(struct disk *disk, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings used = {};
	autorun(strings_finish) struct strings claimed = {};
	autorun(strings_finish) struct strings names = {};
	autofree char *path = xformat("%s/volumes", disk->engine->data);
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	struct lxcri_error why = {};
	bool all_known = usage_read_volumes(disk->engine, NULL, &used, &why) == 0 &&
			 claims_list(disk->engine, &claimed, &why) == 0;

	if (!all_known)
		log_warning("which volumes are in use is not known: %s", why.text);
	if (volume_list(disk->engine->data, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct lxcri_usage usage = { .kind = LXCRI_USAGE_VOLUMES,
					     .name = names.items[i],
					     .users = count_of(&used, names.items[i]) };

		usage.bytes = measure(disk, dir, names.items[i]);
		if (usage.users == 0 && all_known && !strings_has(&claimed, usage.name))
			usage.reclaimable_bytes = usage.bytes;
		tell(disk, &usage);
	}
	return 0;
}

int lxcri_system_usage(struct lxcri_engine *engine, lxcri_usage_fn report, void *userdata,
		       struct lxcri_error *err)
{
	autorun(disk_finish) struct disk disk = {
		.engine = engine, .report = report, .userdata = userdata, .layout = LAYOUT_NULL
	};

	if (!database_exists(engine->data) && access(engine->data, F_OK) < 0)
		return 0; /* nothing was ever made */
	if (usage_read(engine, NULL, &disk.usage, err) < 0 || report_images(&disk, err) < 0 ||
	    lxcri_container_list(engine, report_container, &disk, err) < 0)
		return -1;
	return report_volumes(&disk, err);
}

int disk_report_images(struct lxcri_engine *engine, lxcri_usage_fn report, void *userdata,
		       struct lxcri_error *err)
{
	autorun(disk_finish) struct disk disk = {
		.engine = engine, .report = report, .userdata = userdata, .layout = LAYOUT_NULL
	};

	return usage_peek(engine, &disk.usage, err) < 0 ? -1 : report_images(&disk, err);
}
