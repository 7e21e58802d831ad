/* SPDX-License-Identifier: MIT */
/* What was being written when the power went, or when its writer was killed. */

#include "engine/system/check.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/home.h"
#include "image/layout.h"
#include "image/rootfs.h"
#include "os/file.h"
#include "os/path.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

/* Reports, and where asked removes, the names in the directory @path that @is_left chooses. */
static void sweep(struct check *check, const char *path, bool (*is_left)(const char *name))
{
	autorun(strings_finish) struct strings names = {};
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0 || path_list_names(dir, &names) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		autofree char *object = xformat("%s/%s", path, names.items[i]);
		struct trouble trouble = { "disk.temporary",
					   object,
					   LXCRI_HEALTH_WARNING,
					   "it takes room for nothing",
					   "proxmox-lxcri system check --repair",
					   false };

		if (!is_left(names.items[i]))
			continue;

		autoclose int lock = openat(dir, names.items[i],
					    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		/* A directory that somebody is at work in is locked. */
		if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0)
			continue;
		trouble.repaired =
			check->options.repair && path_remove_tree(dir, names.items[i]) == 0;
		check_report(check, &trouble, "whoever was writing it is gone");
	}
}

static bool is_trial(const char *name)
{
	return text_starts_with(name, ROOTFS_TRIAL);
}

/* Of one on which somebody is at work nothing is said. */
static void sweep_container(struct check *check, const char *id)
{
	autorun(home_finish) struct home home = HOME_NULL;
	struct lxcri_error ignored;

	if (check_is_attended(check, id) || home_open(check->engine, id, &home, &ignored) < 0 ||
	    (check->options.repair && home_lock(&home, HOME_TRY, &ignored) <= 0))
		return;
	sweep(check, home.data_dir, file_is_temporary);
	if (home.locked)
		home_unlock(&home);
}

/* Files of the store are written under its lock, those for new containers while what is in use may
 * not be removed. */
static int sweep_shared(struct check *check, struct lxcri_error *err)
{
	autorun(layout_finish) struct layout layout = LAYOUT_NULL;
	autofree char *images = xformat("%s/images", check->engine->data);
	autofree char *cache = xformat("%s/cache/seccomp", check->engine->data);
	autoclose int store_lock = -1;
	autoclose int lock = -1;

	if (layout_open(check->engine->data, &layout, err) < 0)
		return -1;
	if (layout.data_fd < 0)
		return 0;
	if (layout_lock_shared(&layout, &store_lock, err) < 0)
		return -1;
	lock = usage_lock(check->engine, USAGE_ALONE, err);
	if (lock < 0)
		return -1;
	sweep(check, check->engine->data, is_trial);
	sweep(check, images, file_is_temporary);
	sweep(check, cache, file_is_temporary);
	return 0;
}

int check_temporaries(struct check *check, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings ids = {};
	autofree char *dir = xformat("%s/containers", check->engine->data);

	check_list(check, dir, &ids);
	for (size_t i = 0; i < ids.count; i++)
		sweep_container(check, ids.items[i]);
	return sweep_shared(check, err);
}
