/* SPDX-License-Identifier: MIT */
/* Root file systems that are clones.
 *
 * How it works: a clone is noted in the record, with its name, before it is made, and has the
 * container's token as a property from its first moment. By the note it is found, by the token it
 * is known; a dataset without that is somebody else's, whatever its name. The note goes when the
 * container's configuration names the volume: from then on it is a volume as any other. An update
 * takes these steps; below each stands what a kill right after it leaves:
 *
 *	1. record	the clone is noted
 *			the old one; nothing was made
 *	2. ZFS		it is made
 *			the old one; named by nothing, the clone is destroyed
 *	3. cluster	the container is stopped
 *			the same
 *	4. record	the next one is saved, whose root file system it is
 *			the new one; the clone is kept as that, and ct_apply() goes on before
 *			each start
 *	5. cluster	it becomes the root, the old one a mount point for a moment
 *			the new one; ct_apply() finds it so, and goes on with the next step
 *	6. record	the note goes
 *			the new one
 *	7. cluster	the mount point is taken away: the old volume is an unused one
 *			the new one; the old volume is kept for the way back
 *
 * "Destroyed" is what ct_clone_collect() does: before each start, update and removal. It waits for
 * the lock, which is held while one is made: also by a process that was killed and is still at it
 * in the kernel. A creation takes the steps 1, 2, 5, 6 and 7; killed, it is removed with all. */

#include "engine/ct/zfs/ct_clone.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/ct/zfs/ct_image.h"
#include "engine/ct/zfs/ct_pool.h"
#include "image/snapshot/zfs_base.h"
#include "image/snapshot/zfs_tool.h"
#include "os/storage/zfs.h"
#include "proxmox/property.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* On which the container's token is. */
#define OWNER       "org.proxmox-lxcri:ct"
#define NUMBERS_MAX 1000
#define OWN_MOUNTS  "/proc/self/ns/mnt"
#define HOST_MOUNTS "/proc/1/ns/mnt"

/* Yields the snapshot of the image's dataset, which stays while @lock is held. Returns 1, or 0. */
static int ensure_image(const struct ct_clone_wish *wish, const char *pool, int lock,
			char **ret_ready, struct lxcri_error *err)
{
	const struct ct_image image = {
		.pool = pool,
		.digest = wish->digest,
		.owner = wish->is_unprivileged ? CONVERSION_UNPRIVILEGED : CONVERSION_PRIVILEGED,
	};

	return ct_image_ensure(wish->container->engine, &image, lock, ret_ready, err);
}

int ct_clone_prepare(const struct ct_clone_wish *wish, struct lxcri_error *err)
{
	struct lxcri_engine *engine = wish->container->engine;
	autofree char *pool = NULL;
	autofree char *ready = NULL;
	autoclose int lock = -1;

	if (!ct_pool_find(engine, wish->place->node, wish->storage, &pool))
		return 0;
	lock = ct_image_lock(engine, err);
	return lock < 0 ? -1 : ensure_image(wish, pool, lock, &ready, err);
}

/* Tells whether Proxmox VE would say that the number @disk is taken. */
static bool is_taken(const char *pool, uint32_t vmid, unsigned int disk)
{
	static const char *const kinds[] = { "subvol", "basevol", "vm", "base" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		autofree char *name = xformat("%s/%s-%u-disk-%u", pool, kinds[i], vmid, disk);

		if (zfs_exists(name))
			return true;
	}
	return false;
}

static int save(struct lxcri_container *container, const struct ct_place *place,
		struct lxcri_error *err)
{
	ct_place_store(place, &container->record);
	return home_save_record(container->engine, &container->home, &container->record, err);
}

/* Notes a clone under the first number from *@disk on that is free. */
static int note(const struct ct_clone_wish *wish, const char *pool, unsigned int *disk,
		struct lxcri_error *err)
{
	struct ct_place *place = wish->place;

	while (*disk < NUMBERS_MAX && is_taken(pool, place->vmid, *disk))
		(*disk)++;
	if (*disk >= NUMBERS_MAX)
		return fail(err, LXCRI_E_ZFS_ERROR, "CT %u has %d volumes in %s already",
			    place->vmid, NUMBERS_MAX, pool);

	autofree char *name = xformat("subvol-%u-disk-%u", place->vmid, *disk);
	autofree char *volume = xformat("%s:%s", wish->storage, name);
	autofree char *dataset = xformat("%s/%s", pool, name);
	autofree char *size = property_format_size(wish->bytes);
	const struct ct_clone clone = { volume, dataset, size };

	ct_place_add_clone(place, &clone);
	if (!strings_has(&place->roots, volume))
		strings_add(&place->roots, volume);
	return save(wish->container, place, err);
}

static const struct ct_clone *last_noted(const struct ct_place *place)
{
	return &place->clones[place->n_clones - 1];
}

/* What Proxmox VE gives its own subvolumes; a clone has nothing of its origin's. Returns 0 or
 * -errno. */
static int clone_as_noted(const struct ct_clone_wish *wish, const char *ready)
{
	const struct zfs_property properties[] = {
		{ .name = "refquota", .number = wish->bytes },
		{ .name = "acltype", .number = ZFS_ACLTYPE_POSIX },
		{ .name = "xattr", .number = ZFS_XATTR_SA },
		{ .name = OWNER, .value = wish->place->token },
	};

	return zfs_clone(ready, last_noted(wish->place)->dataset, properties,
			 ARRAY_LEN(properties));
}

/* Takes back the last note, of what is not there. */
static int forget(const struct ct_clone_wish *wish, struct lxcri_error *err)
{
	autofree char *volume = xstrdup(last_noted(wish->place)->volume);

	ct_place_forget_clone(wish->place, volume);
	ct_place_forget_root(wish->place, volume);
	return save(wish->container, wish->place, err);
}

/* Notes and makes it. Somebody may take the name in between: then it gets the next one. */
static int make(const struct ct_clone_wish *wish, const char *pool, const char *ready,
		struct lxcri_error *err)
{
	for (unsigned int disk = 0;; disk++) {
		struct lxcri_error second = {};
		int r;

		if (note(wish, pool, &disk, err) < 0)
			return -1;
		r = clone_as_noted(wish, ready);
		if (r == 0)
			return 0;
		if (r != -EEXIST)
			(void)fail_code_errno(err, LXCRI_E_ZFS_ERROR, r, "clone %s as %s", ready,
					      last_noted(wish->place)->dataset);
		if (forget(wish, r == -EEXIST ? err : &second) < 0 || r != -EEXIST)
			return -1;
	}
}

int ct_clone_make(const struct ct_clone_wish *wish, char **ret_volume, struct lxcri_error *err)
{
	struct lxcri_engine *engine = wish->container->engine;
	autofree char *pool = NULL;
	autofree char *ready = NULL;
	autoclose int lock = -1;
	int r;

	if (!ct_pool_find(engine, wish->place->node, wish->storage, &pool))
		return 0;
	/* From here on nobody destroys the image's dataset. */
	lock = ct_image_lock(engine, err);
	r = lock < 0 ? -1 : ensure_image(wish, pool, lock, &ready, err);
	if (r <= 0)
		return r;
	if (make(wish, pool, ready, err) < 0)
		return -1;
	*ret_volume = xstrdup(last_noted(wish->place)->volume);
	return 1;
}

/* Tells whether @clone is there and the container's: 1, 0 or -1. */
static int is_owned(const struct ct_place *place, const struct ct_clone *clone,
		    struct lxcri_error *err)
{
	autofree char *token = NULL;

	if (!zfs_exists(clone->dataset))
		return 0;
	if (zfs_base_read_own(clone->dataset, OWNER, &token, err) < 0)
		return -1;
	return token && strcmp(token, place->token) == 0;
}

int ct_clone_is_there(const struct ct_place *place, const char *volume, struct lxcri_error *err)
{
	const struct ct_clone *clone = ct_place_find_clone(place, volume);

	return clone ? is_owned(place, clone, err) : 0;
}

/* Tells whether what we mount is mounted for all. */
static bool sees_host_mounts(void)
{
	struct stat own, host;

	return stat(OWN_MOUNTS, &own) == 0 && stat(HOST_MOUNTS, &host) == 0 &&
	       own.st_ino == host.st_ino && own.st_dev == host.st_dev;
}

void ct_clone_mount(const struct lxcri_container *container, const struct ct_place *place,
		    const char *volume)
{
	const struct ct_clone *clone = ct_place_find_clone(place, volume);
	struct lxcri_error problem = {};
	autoclose int lock = -1;

	if (!clone || !sees_host_mounts())
		return;
	lock = ct_image_try_lock(container->engine, &problem);

	const char *const args[] = { "mount", clone->dataset, NULL };

	/* Who is killed meanwhile leaves a program that is at it: it has the lock. */
	if (lock < 0 || zfs_tool(args, lock, NULL, &problem) < 0)
		log_debug("%s", problem.text);
}

/* Waits for the lock: the container may be down only as long as there is something to destroy. */
static int destroy(const struct lxcri_engine *engine, const struct ct_place *place,
		   const struct ct_clone *clone, struct lxcri_error *err)
{
	const char *const args[] = { "destroy", "-r", clone->dataset, NULL };
	autoclose int lock = -1;
	int r;

	if (zfs_open() < 0)
		return fail(err, LXCRI_E_ZFS_ERROR, "destroy the dataset %s: ZFS cannot be had",
			    clone->dataset);
	lock = ct_image_lock(engine, err);
	r = lock < 0 ? -1 : is_owned(place, clone, err);
	return r <= 0 ? r : zfs_tool(args, lock, NULL, err);
}

static bool is_named_by(struct json_object *config, const char *volume)
{
	json_object_object_foreach(config, key, value)
	{
		bool is_volume = strcmp(key, "rootfs") == 0 || ct_is_mount_key(key) ||
				 text_starts_with(key, "unused");
		autofree char *one =
			is_volume ? ct_place_parse_volume(json_object_get_string(value)) : NULL;

		if (one && strcmp(one, volume) == 0)
			return true;
	}
	return false;
}

static bool is_same(const char *one, const char *other)
{
	return one && strcmp(one, other) == 0;
}

/* Forgets or destroys each that is due. Returns how many notes went. */
static int collect(struct lxcri_container *container, struct ct_place *place,
		   struct json_object *config, struct lxcri_error *err)
{
	autofree char *previous = ct_place_previous_root(&container->record);
	int gone = 0;

	for (size_t i = place->n_clones; i-- > 0;) {
		autofree char *volume = xstrdup(place->clones[i].volume);
		bool is_in_use = config && is_named_by(config, volume);

		if (config && !is_in_use &&
		    (is_same(place->rootfs, volume) || is_same(previous, volume)))
			continue;
		if (!is_in_use) {
			if (destroy(container->engine, place, &place->clones[i], err) < 0)
				return -1;
			ct_place_forget_root(place, volume);
		}
		ct_place_forget_clone(place, volume);
		gone++;
	}
	return gone;
}

int ct_clone_collect(struct lxcri_container *container, struct ct_place *place,
		     struct json_object *config, struct lxcri_error *err)
{
	int r = collect(container, place, config, err);

	return r <= 0 ? r : save(container, place, err);
}
