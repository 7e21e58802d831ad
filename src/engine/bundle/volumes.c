/* SPDX-License-Identifier: MIT */
/* The directories of a container's volumes, and to whom they belong. */

#include "engine/creation.h"

#include "base/mem.h"
#include "engine/volumes/parts.h"
#include "engine/volumes/volume.h"
#include "os/owner.h"
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Gives what is open as @fd, which may be an error, with all that is in it to the container's user;
 * @mapped tells that the ids on the disk are those of the container. */
static int give(const struct creation *creation, int fd, const char *path, bool mapped,
		struct lxcri_error *err)
{
	struct owner_change change = { .uid = creation->bundle.uid, .gid = creation->bundle.gid };
	int r = fd < 0 ? fd : 0;

	if (r == 0 && !mapped) {
		r = id_extents_to_host(&creation->map.uids, creation->bundle.uid, &change.uid);
		if (r == 0)
			r = id_extents_to_host(&creation->map.gids, creation->bundle.gid,
					       &change.gid);
	}
	if (r == 0)
		r = owner_change_tree(fd, &change);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "give %s to the user of the container", path)
		     : 0;
}

/* What was found at the path of the host and seen to be none of the system's is given, and nothing
 * that somebody who can write there has put a link to in its place. */
static int give_gift(const struct creation *creation, const struct bundle_gift *gift,
		     struct lxcri_error *err)
{
	autoclose int fd = path_open_plain(AT_FDCWD, gift->path, O_RDONLY | O_NONBLOCK);

	return give(creation, fd, gift->path, gift->mapped, err);
}

static int give_volume(const struct creation *creation, const char *path, bool mapped,
		       struct lxcri_error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return give(creation, fd < 0 ? -errno : fd, path, mapped, err);
}

/* Lets the pod's group write to @volume, unless nobody writes to it by this container. */
static int share(const struct creation *creation, const struct bundle_volume *volume, bool mapped,
		 struct lxcri_error *err)
{
	const struct create_place *place = creation->place;
	struct owner_change change = { .to_group = true };
	autoclose int fd = -1;
	struct stat status;
	int r = 0;

	if (!place || place->fs_group < 0 || !volume->name || strings_has(&volume->options, "ro"))
		return 0;
	change.gid = (gid_t)place->fs_group;
	if (!id_map_is_host(&creation->map) && !mapped)
		r = id_extents_to_host(&creation->map.gids, (uint32_t)place->fs_group, &change.gid);
	if (r == 0) {
		fd = open(volume->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 || fstat(fd, &status) < 0 ? -errno : 0;
	}
	if (r == 0 && !(place->keep_group && owner_is_group_of(&status, change.gid)))
		r = owner_change_tree(fd, &change);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r,
				       "give the volume %s to the group %jd (fsGroup)",
				       volume->name, (intmax_t)place->fs_group)
		     : 0;
}

/* What is to be mounted is a part of it. */
static int take_part(const struct creation *creation, struct bundle_volume *volume,
		     struct strings *parts, struct lxcri_error *err)
{
	const struct home *home = &creation->container->home;
	autofree char *whole = steal(volume->source);

	if (!creation->place)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "a part of a volume is for containers of pods");
	if (parts_check(volume->sub_path, err) < 0)
		return -1;
	volume->source = parts_add(parts, whole, volume->sub_path, home->run_dir);
	return 0;
}

/* On the disk the files of a volume have the ids that they have in containers, so that several can
 * share it, where they can be mapped as it is mounted. */
static int make_one(struct creation *creation, struct bundle_volume *volume, bool mapped,
		    struct strings *parts, struct lxcri_error *err)
{
	const struct lxcri_container *container = creation->container;
	bool own_ids = !id_map_is_host(&creation->map);
	const struct volume_request request = {
		.data_dir = container->engine->data,
		.name = volume->name,
		.container_id = container->home.id,
		.layer_dirs =
			volume->no_copy || volume->sub_path ? NULL : &creation->image.layer_dirs,
		.destination = volume->destination,
		.owners = own_ids && !mapped ? &creation->map : NULL,
	};

	if (!volume->is_of_host && (volume_ensure(&request, &volume->source, err) < 0 ||
				    share(creation, volume, mapped, err) < 0))
		return -1;
	if (volume->give && give_volume(creation, volume->source, mapped, err) < 0)
		return -1;
	return volume->sub_path ? take_part(creation, volume, parts, err) : 0;
}

int creation_make_volumes(struct creation *creation, struct lxcri_error *err)
{
	struct bundle *bundle = &creation->bundle;
	bool mapped = !id_map_is_host(&creation->map) && creation->storage.can_map_data;
	autorun(strings_finish) struct strings parts = {};

	for (size_t i = 0; i < bundle->n_gifts; i++)
		if (give_gift(creation, &bundle->gifts[i], err) < 0)
			return -1;
	for (size_t i = 0; i < bundle->n_volumes; i++)
		if (make_one(creation, &bundle->volumes[i], mapped, &parts, err) < 0)
			return fail_while(err, "volume for %s", bundle->volumes[i].destination);
	bundle_mount_volumes(bundle, mapped);
	return parts_save(&parts, creation->container->home.data_dir, err);
}
