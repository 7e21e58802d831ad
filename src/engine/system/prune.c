/* SPDX-License-Identifier: MIT */
/* Removing what nothing uses: containers first, since images, layers and volumes stand below them.
 * A dry run goes the same way and removes nothing: what it said would go is counted as gone. */

#include "lxcri/system.h"
#include "lxcri/volumes.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "engine/container.h"
#include "engine/images/manager.h"
#include "engine/images/prepared.h"
#include "engine/event.h"
#include "engine/usage.h"
#include "engine/volume.h"
#include "image/snapshot/snapshot.h"
#include "os/disk_usage.h"
#include "os/path.h"

#include <fcntl.h>

struct prune {
	struct lxcri_engine *engine;
	const struct lxcri_prune_options *options;
	lxcri_usage_fn report;
	void *userdata;
	struct strings stopped;
	struct strings gone; /* containers, also those that only would be */
	int usage_lock;
};

static void prune_finish(struct prune *prune)
{
	strings_finish(&prune->stopped);
	strings_finish(&prune->gone);
	closep(&prune->usage_lock);
}

static void tell(const struct prune *prune, enum lxcri_usage_kind kind, const char *name,
		 uint64_t bytes)
{
	const struct lxcri_usage usage = {
		.kind = kind, .name = name, .bytes = bytes, .reclaimable_bytes = bytes
	};

	prune->report(prune->userdata, &usage);
}

static uint64_t size_of(const char *path)
{
	autorun(disk_usage_finish) struct disk_usage usage = { .own_only = true };

	(void)disk_usage_add(&usage, AT_FDCWD, path); /* what can't be read is told without */
	return usage.bytes + snapshot_measure(path);
}

/* Those of bundles belong to whoever made them, and live no longer than the run directory. */
static int note_stopped(void *userdata, const struct lxcri_state *state)
{
	struct prune *prune = userdata;

	if (state->status == LXCRI_STATUS_STOPPED && state->image)
		strings_add(&prune->stopped, state->id);
	return 0;
}

/* Deletes the container @id if it is stopped still. Returns 1 when it is gone. */
static int delete_stopped(struct prune *prune, const char *id, struct lxcri_error *err)
{
	autoptr(lxcri_container) container = NULL;

	if (lxcri_container_open(prune->engine, id, &container, err) < 0)
		return -1;
	return container_delete_stopped(container, err);
}

static int prune_containers(struct prune *prune, struct lxcri_error *err)
{
	if (lxcri_container_list(prune->engine, note_stopped, prune, err) < 0)
		return -1;
	for (size_t i = 0; i < prune->stopped.count; i++) {
		const char *id = prune->stopped.items[i];
		autofree char *dir = engine_data_dir(prune->engine, id);
		uint64_t bytes = size_of(dir);
		int gone = prune->options->dry_run ? 1 : delete_stopped(prune, id, err);

		if (gone < 0 && err->code != LXCRI_E_CONTAINER_NOT_FOUND)
			return -1;
		if (gone <= 0) { /* started, or deleted, since we looked */
			*err = (struct lxcri_error){};
			continue;
		}
		strings_add(&prune->gone, id);
		tell(prune, LXCRI_USAGE_CONTAINERS, id, bytes);
	}
	return 0;
}

static int tell_usage(void *userdata, struct image_usage *usage, struct lxcri_error *err)
{
	struct prune *prune = userdata;

	prune->usage_lock = usage_lock(prune->engine, USAGE_ALONE, err);
	return prune->usage_lock < 0 ? -1 : usage_read(prune->engine, &prune->gone, usage, err);
}

static void tell_part(void *userdata, enum collect_part part, const char *name, uint64_t bytes)
{
	tell(userdata, part == COLLECT_BLOB ? LXCRI_USAGE_IMAGES : LXCRI_USAGE_LAYERS, name, bytes);
}

/* Its bytes are those of its blobs, which are told one by one. */
static void tell_image(void *userdata, const char *name, const char *digest)
{
	const struct prune *prune = userdata;

	if (!prune->options->dry_run)
		event_image_removed(prune->engine, name, digest);
	tell(prune, LXCRI_USAGE_IMAGES, name, 0);
}

static void tell_prepared(void *userdata, const char *key, uint64_t bytes)
{
	autofree char *name = xformat(ENTRY_DIR "/%s", key);

	tell(userdata, LXCRI_USAGE_IMAGES, name, bytes);
}

/* First, for images are kept for some of it. */
static int prune_prepared(struct prune *prune, struct image_store *store, struct lxcri_error *err)
{
	uint64_t grace = config_u64(prune->engine->config, CONFIG_STORAGE_GC_GRACE);
	const struct prepared_collection collection = {
		.grace_ns = prune->options->all ? 0 : (int64_t)grace * 1000000000,
		.dry_run = prune->options->dry_run,
		.removing = tell_prepared,
		.userdata = prune,
	};

	return prepared_collect(prune->engine, store, &collection, err);
}

static int prune_images(struct prune *prune, struct lxcri_error *err)
{
	const struct removal_listener listener = { .use = tell_usage,
						   .removing = tell_part,
						   .removed_image = tell_image,
						   .userdata = prune };
	autoptr(image_store) store = NULL;
	int r;

	if (image_store_open(prune->engine->data, &store, err) < 0 ||
	    prune_prepared(prune, store, err) < 0)
		return -1;
	r = removal_of_unused(store, prune->options->all ? REMOVAL_UNUSED : REMOVAL_NAMELESS,
			      prune->options->dry_run, &listener, err);
	closep(&prune->usage_lock);
	return r;
}

static int remove_volume(const struct prune *prune, const char *name, struct lxcri_error *err)
{
	if (volume_remove(prune->engine->data, name, err) < 0)
		return -1;
	engine_event(prune->engine, "volume", "remove", name, NULL);
	return 0;
}

enum volumes { VOLUMES_ALL, VOLUMES_ANONYMOUS };

static int prune_volumes(struct prune *prune, enum volumes which, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings used = {};
	autorun(strings_finish) struct strings names = {};
	const char *data = prune->engine->data;

	prune->usage_lock = usage_lock(prune->engine, USAGE_ALONE, err);
	if (prune->usage_lock < 0 ||
	    usage_read_volumes(prune->engine, &prune->gone, &used, err) < 0 ||
	    volume_list(data, &names, err) < 0 ||
	    (!prune->options->dry_run && volume_remove_leftovers(data, err) < 0))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		autofree char *path = xformat("%s/volumes/%s", data, names.items[i]);
		uint64_t bytes;

		if (strings_has(&used, names.items[i]) ||
		    (which == VOLUMES_ANONYMOUS && !volume_is_anonymous(names.items[i])))
			continue;
		bytes = size_of(path);
		if (!prune->options->dry_run && remove_volume(prune, names.items[i], err) < 0)
			return -1;
		tell(prune, LXCRI_USAGE_VOLUMES, names.items[i], bytes);
	}
	return 0;
}

int lxcri_image_gc(struct lxcri_image_manager *manager, const struct lxcri_image_gc_options *gc,
		   lxcri_usage_fn report, void *userdata, struct lxcri_error *err)
{
	const struct lxcri_prune_options options = { .all = gc && gc->all,
						     .dry_run = gc && gc->dry_run };
	autorun(prune_finish) struct prune prune = { .engine = manager->engine,
						     .options = &options,
						     .report = report,
						     .userdata = userdata,
						     .usage_lock = -1 };

	int there = path_exists(manager->engine->data);

	if (there < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, there, "image gc: %s",
				       manager->engine->data);
	if (there == 0)
		return 0; /* nothing was ever made */
	return prune_images(&prune, err) < 0 ? fail_while(err, "image gc") : 0;
}

int lxcri_system_prune(struct lxcri_engine *engine, const struct lxcri_prune_options *options,
		       lxcri_usage_fn report, void *userdata, struct lxcri_error *err)
{
	autorun(prune_finish) struct prune prune = { .engine = engine,
						     .options = options,
						     .report = report,
						     .userdata = userdata,
						     .usage_lock = -1 };

	int there = path_exists(engine->data);

	if (there < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, there, "prune: %s",
				       engine->data);
	if (there == 0)
		return 0; /* nothing was ever made */
	if (prune_containers(&prune, err) < 0 || prune_images(&prune, err) < 0)
		return fail_while(err, "prune");
	if (options->volumes && prune_volumes(&prune, VOLUMES_ALL, err) < 0)
		return fail_while(err, "prune");
	return 0;
}

int lxcri_volume_prune(struct lxcri_engine *engine, const struct lxcri_prune_options *options,
		       lxcri_usage_fn report, void *userdata, struct lxcri_error *err)
{
	autorun(prune_finish) struct prune prune = { .engine = engine,
						     .options = options,
						     .report = report,
						     .userdata = userdata,
						     .usage_lock = -1 };
	int there = path_exists(engine->data);

	if (there < 0)
		return fail_code_errno(err, LXCRI_E_STORAGE_ERROR, there, "prune: %s",
				       engine->data);
	if (there == 0)
		return 0; /* nothing was ever made */
	return prune_volumes(&prune, options->all ? VOLUMES_ALL : VOLUMES_ANONYMOUS, err) < 0
		       ? fail_while(err, "prune volumes")
		       : 0;
}
