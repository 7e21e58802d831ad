/* SPDX-License-Identifier: MIT */
/* Finding the helpers. PATH and the environment have no say: what root runs must not follow them.
 */

#include "os/helper.h"

#include "base/mem.h"
#include "base/scope.h"

#include <limits.h>
#include <string.h>

/* Returns the path of @name beside the running executable if it is there, else NULL. */
static char *find_beside(const char *name)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length <= 0)
		return NULL;
	self[length] = '\0';

	char *slash = strrchr(self, '/');
	autofree char *beside = slash ? xformat("%.*s/%s", (int)(slash - self), self, name) : NULL;

	return beside && access(beside, X_OK) == 0 ? steal(beside) : NULL;
}

char *helper_path(const char *name)
{
	char *beside = find_beside(name);

	return beside ? beside : xformat("%s/%s", LXCRI_HELPER_DIR, name);
}

char *helper_command_path(void)
{
	char *beside = find_beside("proxmox-lxcri");

	return beside ? beside : xstrdup(LXCRI_COMMAND);
}
