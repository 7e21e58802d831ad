/* SPDX-License-Identifier: MIT */
/* Removing what nothing uses: containers first, since images, layers and volumes stand below them.
 * A dry run goes the same way and removes nothing: what it said would go is counted as gone. */

#include "lxcri/system.h"
#include "lxcri/files.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "config/config.h"
#include "engine/container.h"
#include "engine/images/manager.h"
#include "engine/images/prepared.h"
#include "engine/event.h"
#include "engine/service/restart.h"
#include "engine/system/disk.h"
#include "engine/usage.h"
#include "engine/volumes/volume.h"
#include "engine/workload/claims.h"
#include "image/snapshot/snapshot.h"
#include "os/disk_usage.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>

struct prune {
	struct lxcri_engine *engine;
	struct removal_sweep sweep;
	lxcri_usage_fn report;
	void *userdata;
	struct lxcri_collected collected;
	struct lxcri_error first; /* that kept something from being removed */
	struct strings stopped;   /* containers and their bundles, by turns */
	struct strings gone;      /* containers, also those that only would be */
	int usage_lock;
};

static void prune_finish(struct prune *prune)
{
	strings_finish(&prune->stopped);
	strings_finish(&prune->gone);
	closep(&prune->usage_lock);
}

static void tell(struct prune *prune, enum lxcri_usage_kind kind, const char *name, uint64_t bytes)
{
	const struct lxcri_usage usage = {
		.kind = kind, .name = name, .bytes = bytes, .reclaimable_bytes = bytes
	};

	prune->collected.layers_removed += kind == LXCRI_USAGE_LAYERS;
	prune->collected.bytes_freed += bytes;
	prune->report(prune->userdata, &usage);
}

/* What fails keeps nothing else. The first failure is what is returned in the end, the others are
 * said here. */
static void go_on(struct prune *prune, const struct lxcri_error *why)
{
	if (prune->collected.errors++ == 0)
		prune->first = *why;
	else
		log_warning("%s", why->text);
}

static uint64_t size_of(const char *path)
{
	autorun(disk_usage_finish) struct disk_usage usage = { .own_only = true };

	(void)disk_usage_add(&usage, AT_FDCWD, path); /* what can't be read is told without */
	return usage.bytes;
}

static uint64_t size_of_container(const char *dir, const char *bundle)
{
	autorun(disk_usage_finish) struct disk_usage usage = { .own_only = true };

	disk_add_bundle(&usage, bundle, dir);
	return size_of(dir) + usage.bytes + snapshot_measure(dir);
}

/* Those of bundles belong to whoever made them, and live no longer than the run directory. */
static int note_stopped(void *userdata, const struct lxcri_state *state)
{
	struct prune *prune = userdata;

	/* What is of a pod goes with that. */
	if (state->status == LXCRI_STATUS_STOPPED && state->image && !state->pod) {
		strings_add(&prune->stopped, state->id);
		strings_add(&prune->stopped, state->bundle);
	}
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
	for (size_t i = 0; i < prune->stopped.count; i += 2) {
		const char *id = prune->stopped.items[i];
		autofree char *dir = engine_data_dir(prune->engine, id);
		uint64_t bytes = size_of_container(dir, prune->stopped.items[i + 1]);
		struct lxcri_error why = {};
		int gone = prune->sweep.dry_run ? !restart_is_awaited(prune->engine, id)
						: delete_stopped(prune, id, &why);

		if (gone < 0 && why.code != LXCRI_E_CONTAINER_NOT_FOUND)
			go_on(prune, &why);
		if (gone <= 0) /* to be started again; or started, or deleted, since we looked */
			continue;
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

static void tell_failure(void *userdata, enum collect_part part, const char *name, int errnum)
{
	struct prune *prune = userdata;
	struct lxcri_error why;

	(void)fail_code_errno(&why, LXCRI_E_GARBAGE_COLLECTION_FAILED, errnum,
			      "%s: remove the %s %s", prune->engine->data,
			      part == COLLECT_BLOB ? "blob" : "layer", name);
	go_on(prune, &why);
}

/* Its bytes are those of its blobs, which are told one by one. */
static void tell_image(void *userdata, const char *name, const char *digest)
{
	struct prune *prune = userdata;

	if (!prune->sweep.dry_run)
		event_image_removed(prune->engine, name, digest);
	tell(prune, LXCRI_USAGE_IMAGES, name, 0);
}

static void tell_prepared(void *userdata, const char *key, uint64_t bytes)
{
	autofree char *name = xformat(ENTRY_DIR "/%s", key);

	tell(userdata, LXCRI_USAGE_IMAGES, name, bytes);
}

static void tell_prepared_failure(void *userdata, const struct lxcri_error *why)
{
	go_on(userdata, why);
}

/* First, for images are kept for some of it. */
static int prune_prepared(struct prune *prune, struct image_store *store, struct lxcri_error *err)
{
	const struct prepared_collection collection = {
		.grace_ns = (int64_t)prune->sweep.grace_seconds * NS_IN_SECOND,
		.dry_run = prune->sweep.dry_run,
		.removing = tell_prepared,
		.failed = tell_prepared_failure,
		.userdata = prune,
	};

	return prepared_collect(prune->engine, store, &collection, err);
}

static int prune_images(struct prune *prune, struct lxcri_error *err)
{
	const struct removal_listener listener = { .use = tell_usage,
						   .removed = tell_part,
						   .failed = tell_failure,
						   .removed_image = tell_image,
						   .userdata = prune };
	autoptr(image_store) store = NULL;
	uint64_t failed;
	int r;

	if (image_store_open(prune->engine->data, &store, err) < 0 ||
	    prune_prepared(prune, store, err) < 0)
		return -1;
	failed = prune->collected.errors;
	r = removal_of_unused(store, &prune->sweep, &listener, err);
	closep(&prune->usage_lock);
	return prune->collected.errors > failed ? 0 : r; /* each was told */
}

/* Returns 1 when it is gone, 0 when it was already: what a container owns goes with that. */
static int remove_volume(const struct prune *prune, const char *name, struct lxcri_error *err)
{
	if (volume_remove(prune->engine->data, name, err) < 0)
		return err->errnum == ENOENT ? 0 : -1;
	engine_event(prune->engine, "volume", "remove", name, NULL);
	return 1;
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
	    claims_list(prune->engine, &used, err) < 0 || volume_list(data, &names, err) < 0 ||
	    (!prune->sweep.dry_run && volume_remove_leftovers(data, err) < 0))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		autofree char *path = xformat("%s/volumes/%s", data, names.items[i]);
		struct lxcri_error why = {};
		uint64_t bytes;

		if (strings_has(&used, names.items[i]) ||
		    (which == VOLUMES_ANONYMOUS && !volume_is_anonymous(names.items[i])))
			continue;
		bytes = size_of(path);

		int gone = prune->sweep.dry_run ? 1 : remove_volume(prune, names.items[i], &why);

		if (gone < 0)
			go_on(prune, &why);
		else if (gone > 0)
			tell(prune, LXCRI_USAGE_VOLUMES, names.items[i], bytes);
	}
	return 0;
}

/* Tells how it went: @r is of what ended it early. */
static int end(struct prune *prune, int r, struct lxcri_collected *ret, struct lxcri_error *err)
{
	if (r < 0)
		go_on(prune, err);
	if (ret)
		*ret = prune->collected;
	if (prune->collected.errors == 0)
		return 0;
	*err = prune->first;
	return -1;
}

/* Tells whether there is anything to collect in. */
static int is_there(const struct lxcri_engine *engine, struct lxcri_error *err)
{
	int there = path_exists(engine->data);

	return there < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, there, "%s", engine->data)
			 : there;
}

int lxcri_image_gc(struct lxcri_image_manager *manager, const struct lxcri_image_gc_options *gc,
		   lxcri_usage_fn report, void *userdata, struct lxcri_collected *ret,
		   struct lxcri_error *err)
{
	struct lxcri_engine *engine = manager->engine;
	const bool force = gc && gc->force;
	autorun(prune_finish) struct prune prune = {
		.engine = engine,
		.sweep = { .extent = gc && gc->all ? REMOVAL_UNUSED : REMOVAL_NAMELESS,
			   .grace_seconds =
				   force ? 0 : config_u64(engine->config, CONFIG_STORAGE_GC_GRACE),
			   .dry_run = gc && gc->dry_run },
		.report = report,
		.userdata = userdata,
		.usage_lock = -1
	};
	int r = is_there(engine, err);

	if (r > 0)
		r = prune_images(&prune, err);
	return end(&prune, r, ret, err) < 0 ? fail_while(err, "image gc") : 0;
}

static int prune_all(struct prune *prune, bool volumes, struct lxcri_error *err)
{
	int r = is_there(prune->engine, err);

	if (r <= 0)
		return r; /* nothing was ever made */
	if (prune_containers(prune, err) < 0 || prune_images(prune, err) < 0)
		return -1;
	return volumes ? prune_volumes(prune, VOLUMES_ALL, err) : 0;
}

int lxcri_system_prune(struct lxcri_engine *engine, const struct lxcri_prune_options *options,
		       lxcri_usage_fn report, void *userdata, struct lxcri_collected *ret,
		       struct lxcri_error *err)
{
	autorun(prune_finish) struct prune prune = {
		.engine = engine,
		.sweep = { .extent = options->all ? REMOVAL_UNUSED : REMOVAL_NAMELESS,
			   .dry_run = options->dry_run },
		.report = report,
		.userdata = userdata,
		.usage_lock = -1
	};
	int r = prune_all(&prune, options->volumes, err);

	return end(&prune, r, ret, err) < 0 ? fail_while(err, "prune") : 0;
}

int lxcri_volume_prune(struct lxcri_engine *engine, const struct lxcri_prune_options *options,
		       lxcri_usage_fn report, void *userdata, struct lxcri_collected *ret,
		       struct lxcri_error *err)
{
	autorun(prune_finish) struct prune prune = { .engine = engine,
						     .sweep = { .dry_run = options->dry_run },
						     .report = report,
						     .userdata = userdata,
						     .usage_lock = -1 };
	int r = is_there(engine, err);

	if (r > 0)
		r = prune_volumes(&prune, options->all ? VOLUMES_ALL : VOLUMES_ANONYMOUS, err);
	return end(&prune, r, ret, err) < 0 ? fail_while(err, "prune volumes") : 0;
}
