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

int driver_choose(const struct lxcri_engine *engine, bool mapped, struct driver_choice *ret_choice,
		  struct lxcri_error *err)
{
	const char *wanted = config_text(engine->config, CONFIG_STORAGE_DRIVER);
	bool any = !wanted || strcmp(wanted, "auto") == 0;
	enum rootfs_overlay found = find_overlay(engine);
	bool fits = mapped ? found == ROOTFS_MAPPED_OVERLAY : found != ROOTFS_NO_OVERLAY;
	const char *kind = mapped ? "mapped overlay" : "overlay";

	if (!any && strcmp(wanted, "overlay") != 0 && strcmp(wanted, "dir") != 0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "storage.driver is %s, which this build does not have; set it to auto",
			    wanted);
	if (!any && strcmp(wanted, "overlay") == 0 && !fits)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "storage.driver is overlay, but the file system of %s cannot carry a%s "
			    "%s; set it to auto or dir%s",
			    engine->data, mapped ? "" : "n", kind,
			    mapped ? ", or use --userns host" : "");
	if (any && !fits)
		log_info("%s cannot carry a%s %s; layers are copied", engine->data,
			 mapped ? "" : "n", kind);
	*ret_choice = (struct driver_choice){
		.driver = fits && (any || strcmp(wanted, "overlay") == 0) ? DRIVER_OVERLAY
									  : DRIVER_DIR,
		.can_map = found == ROOTFS_MAPPED_OVERLAY,
	};
	return 0;
}
