/* SPDX-License-Identifier: MIT */
#pragma once

/* How root file systems are made from layers: storage.driver of the configuration, or what the file
 * system of the data directory is and can carry. Which it was is in a container's record. */

#include "engine/engine.h"
#include "image/snapshot/snapshot.h"

struct lxcri_container;
struct record;

/* What is chosen for one container. */
struct driver_choice {
	const struct snapshot_ops *ops;
	bool can_map_data; /* mounts of the data directory can have other owners than the disk has
			    */
};

/* Chooses how the root file system of a container is made, one with ids of its own (@mapped) or
 * not. Of overlays what can be had is tried once, and remembered until the next boot. A driver that
 * was asked for and cannot be had is LXCRI_E_UNSUPPORTED_OPERATION or LXCRI_E_ZFS_ERROR. */
[[nodiscard]] int driver_choose(const struct lxcri_engine *engine, bool mapped,
				struct driver_choice *ret_choice, struct lxcri_error *err);

/* Returns the name of the driver that the configuration asks for, borrowed, having filled @err
 * where it cannot be had for a data directory at @dir; NULL where it asks for none. Nothing is
 * changed. */
const char *driver_probe(const struct lxcri_engine *engine, const char *dir,
			 struct lxcri_error *err);

/* Returns the dataset below which the zfs driver works: that of the configuration, else one of its
 * own in that of the data directory. Owned by the caller; NULL where there is none. */
[[nodiscard]] char *driver_dataset(const struct lxcri_engine *engine);

/* Adds what layers take outside of their directories, whatever the driver. */
void driver_measure_layers(const struct lxcri_engine *engine, struct snapshot_sizes *sizes);

/* Returns the driver of a container. */
const struct snapshot_ops *driver_of(const struct record *record);

/* Makes of @layers (topmost first) what @ops takes root file systems from. Returns 1 where these
 * can be mounted with other owners than the disk has, else 0. */
[[nodiscard]] int driver_prepare(const struct lxcri_engine *engine, const struct snapshot_ops *ops,
				 const struct strings *layers, struct lxcri_error *err);

/* Makes the root file system of @container, whose record is complete and whose directories are
 * there. */
[[nodiscard]] int driver_create(const struct lxcri_container *container, struct lxcri_error *err);

/* Fills in what the monitor of @container mounts; without a target: nothing. The caller ends
 * *@ret_mount. */
[[nodiscard]] int driver_describe(const struct lxcri_container *container,
				  struct mount_root *ret_mount, struct lxcri_error *err);

/* Opens the root file system of @container as it lies on the disk; not of an overlay, whose driver
 * has no open_root(). */
[[nodiscard]] int driver_open(const struct lxcri_container *container, int *ret_fd,
			      struct lxcri_error *err);
