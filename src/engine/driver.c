/* SPDX-License-Identifier: MIT */
/* How root file systems are made from layers. */

#include "engine/driver.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/container.h"
#include "image/rootfs.h"
#include "os/file.h"
#include "os/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The name of a dataset of our own, where none is configured. */
#define OWN_DATASET "proxmox-lxcri"

/* Returns the name under which the answer for the data directory's file system is kept in the
 * run-time directory, which a reboot empties; owned by the caller. */
static char *answer_name(const struct lxcri_engine *engine)
{
	struct stat status;

	if (stat(engine->data, &status) < 0)
		return NULL;
	return xformat("overlay-%u-%u", major(status.st_dev), minor(status.st_dev));
}

static const char *const answers[] = {
	[ROOTFS_NO_OVERLAY] = "none",
	[ROOTFS_OVERLAY] = "plain",
	[ROOTFS_MAPPED_OVERLAY] = "mapped",
};

static enum rootfs_overlay find_overlay(const struct lxcri_engine *engine)
{
	autoclose int root = open(engine->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *name = answer_name(engine);
	autofree char *answer = NULL;
	size_t size;

	if (name && root >= 0 && file_read(root, name, 16, &answer, &size) == 0)
		for (size_t i = 0; i < ARRAY_LEN(answers); i++)
			if (strcmp(answer, answers[i]) == 0)
				return (enum rootfs_overlay)i;

	enum rootfs_overlay found = rootfs_try_overlay(engine->data);
	int r = name ? file_write_atomic(root, name, answers[found], strlen(answers[found]), 0600,
					 FILE_VOLATILE)
		     : -ENOENT;

	if (r < 0)
		log_debug("whether an overlay is possible will be tried again: %s", strerror(-r));
	return found;
}

char *driver_dataset(const struct lxcri_engine *engine)
{
	const char *pool = config_text(engine->config, CONFIG_STORAGE_ZFS_POOL);
	const char *dataset = config_text(engine->config, CONFIG_STORAGE_ZFS_DATASET);
	autofree char *own = NULL;

	if (dataset && pool && (!text_starts_with(dataset, pool) || dataset[strlen(pool)] != '/'))
		return xformat("%s/%s", pool, dataset);
	if (dataset)
		return xstrdup(dataset);
	if (pool)
		return xformat("%s/" OWN_DATASET, pool);
	own = mount_find_dataset(engine->data);
	return own ? xformat("%s/" OWN_DATASET, own) : NULL;
}

static struct snapshot_place place_of(const struct lxcri_engine *engine)
{
	return (struct snapshot_place){ .data_dir = engine->data,
					.dataset = driver_dataset(engine) };
}

void driver_measure_layers(const struct lxcri_engine *engine, struct snapshot_sizes *sizes)
{
	autorun(snapshot_place_finish) struct snapshot_place place = place_of(engine);

	snapshot_measure_layers(&place, sizes);
}

/* Tells what of overlays there is for a container of that kind: 1, 0 for none. */
static bool overlay_fits(const struct lxcri_engine *engine, bool mapped)
{
	enum rootfs_overlay found = find_overlay(engine);

	return mapped ? found == ROOTFS_MAPPED_OVERLAY : found != ROOTFS_NO_OVERLAY;
}

static int choose_overlay(const struct lxcri_engine *engine, bool mapped,
			  struct driver_choice *ret_choice, struct lxcri_error *err)
{
	if (!overlay_fits(engine, mapped))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "storage.driver is overlay, but the file system of %s cannot carry a%s "
			    "overlay; set it to auto or dir%s",
			    engine->data, mapped ? " mapped" : "n",
			    mapped ? ", or use --userns host" : "");
	*ret_choice = (struct driver_choice){
		.ops = &snapshot_overlay,
		.can_map_data = find_overlay(engine) == ROOTFS_MAPPED_OVERLAY,
	};
	return 0;
}

/* Tries @ops at the place. Returns 0, or -1 where it cannot be had. */
static int choose_other(const struct lxcri_engine *engine, const struct snapshot_ops *ops,
			bool mapped, struct driver_choice *ret_choice, struct lxcri_error *err)
{
	autorun(snapshot_place_finish) struct snapshot_place place = place_of(engine);

	if (ops->probe(&place, err) < 0)
		return fail_while(err, "storage.driver is %s", ops->name);
	*ret_choice = (struct driver_choice){
		.ops = ops,
		.can_map_data = mapped && rootfs_can_map(engine->data),
	};
	return 0;
}

/* What the file system is for comes first, then what it can carry. */
static int choose_any(const struct lxcri_engine *engine, bool mapped,
		      struct driver_choice *ret_choice, struct lxcri_error *err)
{
	autofree char *dataset = mount_find_dataset(engine->data);
	struct lxcri_error why = {};

	if (dataset && choose_other(engine, &snapshot_zfs, mapped, ret_choice, &why) == 0)
		return 0;
	if (dataset)
		log_info("%s", why.text);
	if (choose_other(engine, &snapshot_btrfs, mapped, ret_choice, &why) == 0)
		return 0;
	if (overlay_fits(engine, mapped))
		return choose_overlay(engine, mapped, ret_choice, err);
	log_info("%s cannot carry a%s overlay; layers are copied", engine->data,
		 mapped ? " mapped" : "n");
	return choose_other(engine, &snapshot_dir, mapped, ret_choice, err);
}

int driver_choose(const struct lxcri_engine *engine, bool mapped, struct driver_choice *ret_choice,
		  struct lxcri_error *err)
{
	const char *wanted = config_text(engine->config, CONFIG_STORAGE_DRIVER);
	const struct snapshot_ops *ops = wanted ? snapshot_find(wanted) : NULL;

	if (!wanted || strcmp(wanted, "auto") == 0)
		return choose_any(engine, mapped, ret_choice, err);
	if (!ops)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "storage.driver is %s, which there is not; set it to auto", wanted);
	return ops == &snapshot_overlay ? choose_overlay(engine, mapped, ret_choice, err)
					: choose_other(engine, ops, mapped, ret_choice, err);
}

const char *driver_probe(const struct lxcri_engine *engine, const char *dir,
			 struct lxcri_error *err)
{
	const char *wanted = config_text(engine->config, CONFIG_STORAGE_DRIVER);
	const struct snapshot_ops *ops = wanted ? snapshot_find(wanted) : NULL;
	autorun(snapshot_place_finish) struct snapshot_place place = place_of(engine);

	/* A dataset names its owner as it is called. */
	if (ops != &snapshot_zfs)
		place.data_dir = dir;
	if (ops)
		(void)ops->probe(&place, err);
	return ops ? ops->name : NULL;
}

const struct snapshot_ops *driver_of(const struct record *record)
{
	const struct snapshot_ops *ops = record->driver ? snapshot_find(record->driver) : NULL;

	/* Programs that had only these two did not write which. */
	return ops ? ops : record->layers.count > 0 ? &snapshot_overlay : &snapshot_dir;
}

static struct snapshot_root root_of(const struct lxcri_container *container, const char *target,
				    const struct snapshot_place *place)
{
	const struct record *record = &container->record;
	struct snapshot_root root = {
		.place = place,
		.dir = container->home.data_dir,
		.target = target,
		.layers = &record->layers,
		.is_shifted = record->is_shifted,
	};

	if (record->ids.size > 0)
		root.owners = record_id_map(&record->ids);
	return root;
}

static char *target_of(const struct lxcri_container *container)
{
	return xformat("%s/rootfs", container->record.bundle);
}

int driver_prepare(const struct lxcri_engine *engine, const struct snapshot_ops *ops,
		   const struct strings *layers, struct lxcri_error *err)
{
	autorun(snapshot_place_finish) struct snapshot_place place = place_of(engine);

	if (ops->prepare && ops->prepare(&place, layers, err) < 0)
		return -1;
	return ops->can_map && ops->can_map(&place);
}

int driver_create(const struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(snapshot_place_finish) struct snapshot_place place = place_of(container->engine);
	autofree char *target = target_of(container);
	const struct snapshot_root root = root_of(container, target, &place);

	return driver_of(&container->record)->create(&root, err);
}

int driver_describe(const struct lxcri_container *container, struct mount_root *ret_mount,
		    struct lxcri_error *err)
{
	autorun(snapshot_place_finish) struct snapshot_place place = place_of(container->engine);
	autofree char *target = target_of(container);
	const struct snapshot_root root = root_of(container, target, &place);

	return driver_of(&container->record)->describe(&root, ret_mount, err);
}

int driver_open(const struct lxcri_container *container, int *ret_fd, struct lxcri_error *err)
{
	autorun(snapshot_place_finish) struct snapshot_place place = place_of(container->engine);
	autofree char *target = target_of(container);
	const struct snapshot_root root = root_of(container, target, &place);

	return driver_of(&container->record)->open_root(&root, ret_fd, err);
}
