/* SPDX-License-Identifier: MIT */
/* Finding the helpers. PATH and the environment have no say: what root runs must not follow them.
 */

#include "os/helper.h"

#include "base/mem.h"
#include "base/scope.h"

#include <limits.h>
#include <string.h>

char *helper_path(const char *name)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length > 0) {
		self[length] = '\0';

		char *slash = strrchr(self, '/');
		autofree char *beside =
			slash ? xformat("%.*s/%s", (int)(slash - self), self, name) : NULL;

		if (beside && access(beside, X_OK) == 0)
			return steal(beside);
	}
	return xformat("%s/%s", LXCRI_HELPER_DIR, name);
}
