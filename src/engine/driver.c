/* SPDX-License-Identifier: MIT */
/* How root file systems are made from layers. */

#include "engine/driver.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "image/rootfs.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Returns the name under which the answer for the data directory's file system is kept in the
 * run-time directory, which a reboot empties; owned by the caller. */
static char *answer_name(const struct lxcri_engine *engine)
{
	struct stat status;

	if (stat(engine->data, &status) < 0)
		return NULL;
	return xformat("overlay-%u-%u", major(status.st_dev), minor(status.st_dev));
}

static bool can_overlay(const struct lxcri_engine *engine)
{
	autoclose int root = open(engine->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *name = answer_name(engine);
	autofree char *answer = NULL;
	size_t size;

	if (name && root >= 0 && file_read(root, name, 16, &answer, &size) == 0)
		return strcmp(answer, "yes") == 0;

	const char *found = rootfs_can_overlay(engine->data) ? "yes" : "no";
	int r = name ? file_write_atomic(root, name, found, strlen(found), 0600, FILE_VOLATILE)
		     : -ENOENT;

	if (r < 0)
		log_debug("whether an overlay is possible will be tried again: %s", strerror(-r));
	return strcmp(found, "yes") == 0;
}

int driver_choose(const struct lxcri_engine *engine, enum driver *ret_driver,
		  struct lxcri_error *err)
{
	const char *wanted = config_text(engine->config, CONFIG_STORAGE_DRIVER);
	bool any = !wanted || strcmp(wanted, "auto") == 0;

	if (any || strcmp(wanted, "overlay") == 0) {
		if (can_overlay(engine)) {
			*ret_driver = DRIVER_OVERLAY;
			return 0;
		}
		if (!any)
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "storage.driver is overlay, which the file system of %s cannot "
				    "carry; set it to auto or dir",
				    engine->data);
		log_info("%s cannot carry an overlay; layers are copied", engine->data);
	} else if (strcmp(wanted, "dir") != 0) {
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "storage.driver is %s, which this build does not have; set it to auto",
			    wanted);
	}
	*ret_driver = DRIVER_DIR;
	return 0;
}
