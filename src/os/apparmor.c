/* SPDX-License-Identifier: MIT */
/* AppArmor as this host has it. */

#include "os/apparmor.h"

#include "base/scope.h"
#include "os/file.h"

#include <fcntl.h>
#include <string.h>

#define PARAMETER_BYTES_MAX 64

/* Hosts with many snaps have a thousand profiles, each a line. */
#define PROFILES_BYTES_MAX (4u << 20)

bool apparmor_is_enabled(void)
{
	autofree char *enabled = NULL;
	size_t size;

	return file_read(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", PARAMETER_BYTES_MAX,
			 &enabled, &size) == 0 &&
	       enabled[0] == 'Y';
}

int apparmor_has_profile(const char *name)
{
	autofree char *profiles = NULL;
	size_t length = strlen(name);
	size_t size;
	int r = file_read(AT_FDCWD, "/sys/kernel/security/apparmor/profiles", PROFILES_BYTES_MAX,
			  &profiles, &size);

	if (r < 0)
		return r;
	/* A line is "NAME (MODE)"; a name may have spaces and parentheses of its own. */
	for (char *line = profiles; *line;) {
		char *end = strchrnul(line, '\n');
		char *next = *end ? end + 1 : end;

		*end = '\0';

		char *mode = strrchr(line, '(');

		if (mode && (size_t)(mode - line) == length + 1 && memcmp(line, name, length) == 0)
			return 1;
		line = next;
	}
	return 0;
}
