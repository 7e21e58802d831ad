/* SPDX-License-Identifier: MIT */
/* Volumes: those that a container owns go with it; half of one is not left. */

#include "engine/system/check.h"

#include "base/mem.h"
#include "engine/volume.h"
#include "os/path.h"

#include <string.h>

int check_volumes(struct check *check, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings owners = {};
	autofree char *path = xformat("%s/volumes/.owned", check->engine->data);

	check_list(path, &owners);
	for (size_t i = 0; i < owners.count; i++) {
		const char *id = owners.items[i];
		autofree char *dir = engine_data_dir(check->engine, id);
		struct trouble trouble = { "volume.owner",
					   id,
					   LXCRI_HEALTH_WARNING,
					   "the deletion of the container was interrupted",
					   "proxmox-lxcri system check --repair",
					   false };

		if (path_exists(dir) != 0)
			continue;
		if (check->options.repair) {
			if (volume_remove_owned(check->engine->data, id, err) < 0)
				return -1;
			trouble.repaired = true;
		}
		check_report(check, &trouble, "anonymous volumes of a container that is gone");
	}
	return 0;
}
