/* SPDX-License-Identifier: MIT */
/* Volumes of one data directory. */

#include "engine/volume.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

bool volume_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > NAME_MAX || !isalnum((unsigned char)*name))
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_.-", *c))
			return false;
	return true;
}
