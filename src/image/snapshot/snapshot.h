/* SPDX-License-Identifier: MIT */
#pragma once

/* How the root file system of a container comes to be from unpacked layers: one struct snapshot_ops
 * for each driver.
 *
 *	         of each layer                      of each container
 *	overlay  -                                  <dir>/upper, <dir>/work
 *	btrfs    layers/<chain id>/merged,          <dir>/root, a snapshot of it
 *	         a read-only subvolume
 *	zfs      <dataset>/layers/<chain id>@ready  <dataset>/containers/<key>, a
 *	                                            clone of it: zfs_note.h
 *	dir      -                                  <target>: a copy, which shares
 *	                                            blocks where that can be
 *
 * prepare() is called under no lock, and takes the image store's while it makes something; create()
 * under one that keeps the layers. What a killed process leaves of a layer is removed by who comes
 * next; what it leaves of a container by destroy() and with <dir>, which must exist from before
 * create() until after destroy(). */

#include "base/fail.h"
#include "base/strings.h"
#include "image/collect.h"
#include "os/id_map.h"
#include "os/storage/mount_root.h"

#include <stdint.h>

/* Where root file systems are kept. */
struct snapshot_place {
	const char *data_dir; /* absolute, exists */
	char *dataset;        /* of ZFS, below which all is ours, owned; NULL: there is none */
};

/* Frees what @place holds. Safe to repeat. */
void snapshot_place_finish(struct snapshot_place *place);

/* The root file system of one container. */
struct snapshot_root {
	const struct snapshot_place *place;
	const char *dir;              /* absolute: what the driver has of it is kept there */
	const char *target;           /* absolute: the directory where it shall be seen */
	const struct strings *layers; /* fs directories of the image store, topmost first */
	struct id_map owners;         /* of a user namespace; empty: the host's ids */
	bool is_shifted;              /* files on the disk have the ids of the host behind them */
};

/* What layers take outside of their directories. Zeroed is nothing. */
struct snapshot_sizes {
	struct strings chain_ids;
	uint64_t *bytes; /* as many */
};

/* Appends a layer. */
void snapshot_sizes_add(struct snapshot_sizes *sizes, const char *chain_id, uint64_t bytes);

/* Returns what the layer takes; 0 for one that is not there. */
uint64_t snapshot_sizes_get(const struct snapshot_sizes *sizes, const char *chain_id);

/* Frees what @sizes holds. Safe to repeat. */
void snapshot_sizes_finish(struct snapshot_sizes *sizes);

struct snapshot_ops {
	const char *name; /* as storage.driver has it */

	/* Tells whether it can be had at @place. Fails with LXCRI_E_UNSUPPORTED_OPERATION,
	 * LXCRI_E_INVALID_CONFIG or LXCRI_E_ZFS_ERROR, and says what helps. */
	int (*probe)(const struct snapshot_place *place, struct lxcri_error *err);

	/* Tells whether what is mounted can have other owners than the disk has; asked after
	 * prepare(). Else the owners on the disk are changed, which an overlay cannot. NULL: no. */
	bool (*can_map)(const struct snapshot_place *place);

	/* Makes of @layers (topmost first) what containers are taken from; quick where that was
	 * done before. NULL: nothing is needed. LXCRI_E_STORAGE_ERROR, LXCRI_E_ZFS_ERROR. */
	int (*prepare)(const struct snapshot_place *place, const struct strings *layers,
		       struct lxcri_error *err);

	/* Returns what is wrong with what prepare() has made of one layer, or NULL. NULL: it can't
	 * be told apart from what is right. */
	const char *(*find_fault)(const char *layer_dir);

	/* Makes the root file system of a container. Fails as prepare(); what it has made by then
	 * is removed with the container. */
	int (*create)(const struct snapshot_root *root, struct lxcri_error *err);

	/* Fills in what a monitor is to mount; without a target: nothing. The caller ends
	 * *@ret_mount. */
	int (*describe)(const struct snapshot_root *root, struct mount_root *ret_mount,
			struct lxcri_error *err);

	/* Opens the whole tree as it is on the disk. NULL: there is none, but layers and an upper
	 * directory. */
	int (*open_root)(const struct snapshot_root *root, int *ret_fd, struct lxcri_error *err);

	/* Removes what create() has made outside of <dir> and the target. What is not there is
	 * fine. NULL: there is nothing. */
	int (*destroy)(const char *dir, struct lxcri_error *err);

	/* Fails as destroy() would where that is sure to fail, before anything else is removed. */
	int (*can_destroy)(const char *dir, struct lxcri_error *err);

	/* Appends the name of what destroy() would destroy. 0, or -errno where that cannot be told.
	 * NULL: there is nothing. */
	int (*list_outside)(const char *dir, struct strings *names);

	/* Removes what prepare() has made of layers that are not in @layers (sorted chain ids, of
	 * those that stay), and what is in no list_outside() of @options. The store's lock is held,
	 * and no container comes or goes. NULL: it goes with the layers. */
	int (*collect)(const struct snapshot_place *place, const struct strings *layers,
		       const struct collect_options *options, struct lxcri_error *err);

	/* Returns what the container has on the disk for itself, outside of what a count of <dir>
	 * finds. NULL: nothing. */
	uint64_t (*measure)(const char *dir);

	/* Adds what prepare() has made of each layer, as far as a count of the layer's directory
	 * does not find it. NULL: there is nothing. */
	void (*measure_layers)(const struct snapshot_place *place, struct snapshot_sizes *sizes);
};

extern const struct snapshot_ops snapshot_overlay;
extern const struct snapshot_ops snapshot_dir;
extern const struct snapshot_ops snapshot_btrfs;
extern const struct snapshot_ops snapshot_zfs;

/* Returns the driver called @name, or NULL. */
const struct snapshot_ops *snapshot_find(const char *name);

/* Fails where snapshot_destroy() is sure to fail. */
[[nodiscard]] int snapshot_can_destroy(const char *dir, struct lxcri_error *err);

/* Removes what any driver has made for the container whose directory is @dir, but for the directory
 * itself. Safe to repeat. */
[[nodiscard]] int snapshot_destroy(const char *dir, struct lxcri_error *err);

/* Appends the names of what the containers whose directories are in @parent have outside of them.
 * LXCRI_E_STORAGE_ERROR where that cannot be told: then nothing must be collected. */
[[nodiscard]] int snapshot_list_outside(const char *parent, struct strings *names,
					struct lxcri_error *err);

/* Returns the first fault that a driver finds in what it has of the layer @layer_dir, or NULL. */
const char *snapshot_find_fault(const char *layer_dir);

/* Lets each driver collect() at @place. */
[[nodiscard]] int snapshot_collect(const struct snapshot_place *place, const struct strings *layers,
				   const struct collect_options *options, struct lxcri_error *err);

/* Returns what the container whose directory is @dir has on the disk outside of it and its target.
 */
uint64_t snapshot_measure(const char *dir);

/* Adds what all drivers have of layers at @place outside of the layers' directories. */
void snapshot_measure_layers(const struct snapshot_place *place, struct snapshot_sizes *sizes);

/* Returns the name of the layer whose fs directory is @layer_dir, owned by the caller. */
[[nodiscard]] char *snapshot_chain_id(const char *layer_dir);
