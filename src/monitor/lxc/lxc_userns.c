/* SPDX-License-Identifier: MIT */
/* What the host's root does for a container with a user namespace. */

#include "monitor/lxc/lxc_userns.h"

#include "base/mem.h"
#include "base/scope.h"
#include "monitor/lxc/lxc_command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DEVICES_DIR LXC_STATE_DIR "/dev"

static int take_mappings(const struct spec_id_mapping *mappings, size_t count,
			 struct id_extents *extents)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct id_extent extent = { .inside = (uint32_t)mappings[i].container_id,
						  .outside = (uint32_t)mappings[i].host_id,
						  .size = (uint32_t)mappings[i].size };

		r = id_extents_add(extents, &extent);
	}
	return r;
}

int lxc_userns_map(const struct spec_linux *part, struct id_map *ret_map, struct lxcri_error *err)
{
	const struct spec_namespace *ns = spec_linux_namespace(part, "user");
	struct id_map map = {};

	if (ns && !ns->path &&
	    (take_mappings(part->uid_mappings, part->n_uid_mappings, &map.uids) < 0 ||
	     take_mappings(part->gid_mappings, part->n_gid_mappings, &map.gids) < 0))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "linux.uidMappings and gidMappings: more than %d on LXC",
			    ID_EXTENTS_MAX);
	*ret_map = map;
	return 0;
}

void lxc_userns_give_streams(const struct id_map *map)
{
	uint32_t uid;
	uint32_t gid;
	struct stat status;

	if (id_map_is_host(map) || id_extents_to_host(&map->uids, 0, &uid) < 0 ||
	    id_extents_to_host(&map->gids, 0, &gid) < 0)
		return;
	for (int fd = 0; fd <= 2; fd++)
		if (fstat(fd, &status) == 0 &&
		    (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)))
			(void)!fchown(fd, uid, gid);
}

void lxc_userns_raise_limits(const struct lxc_plan_process *process)
{
	for (size_t i = 0; i < process->n_rlimits; i++) {
		const struct lxc_plan_rlimit *limit = &process->rlimits[i];
		struct rlimit64 value;

		if (prlimit64(0, limit->resource, NULL, &value) < 0 ||
		    limit->hard <= value.rlim_max)
			continue;
		value.rlim_max = limit->hard;
		(void)prlimit64(0, limit->resource, &value, NULL);
	}
}

static int make_device(const struct lxc_plan_device *device, const char *path,
		       const struct id_map *map)
{
	uint32_t uid;
	uint32_t gid;

	/* An owner without an id in the container is shown as nobody there, and is root here. */
	if (id_extents_to_host(&map->uids, device->uid, &uid) < 0)
		uid = 0;
	if (id_extents_to_host(&map->gids, device->gid, &gid) < 0)
		gid = 0;
	if (mknod(path, device->mode, makedev(device->major, device->minor)) < 0 ||
	    chown(path, uid, gid) < 0 || chmod(path, device->mode & 07777) < 0)
		return -errno;
	return 0;
}

int lxc_userns_make_devices(const struct lxc_plan *plan, const struct id_map *map,
			    int (*send)(void *userdata, const char *path, struct lxcri_error *err),
			    void *userdata, struct lxcri_error *err)
{
	if (plan->n_devices == 0)
		return 0;
	if (mkdir(DEVICES_DIR, 0700) < 0 ||
	    mount("lxcri", DEVICES_DIR, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=700") < 0)
		return fail_errno(err, errno, "mount a tmpfs at " DEVICES_DIR);
	for (size_t i = 0; i < plan->n_devices; i++) {
		autofree char *path = xformat(DEVICES_DIR "/%zu", i);
		int r = make_device(&plan->devices[i], path, map);

		if (r < 0)
			return fail_errno(err, r, "make device %s", plan->devices[i].path);
		if (send(userdata, path, err) < 0)
			return -1;
	}
	return 0;
}
