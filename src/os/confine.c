/* SPDX-License-Identifier: MIT */
/* Giving rights up. */

#include "os/confine.h"

#include "base/scope.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define READ_FILE_ACCESS LANDLOCK_ACCESS_FS_READ_FILE
#define READ_ACCESS      (READ_FILE_ACCESS | LANDLOCK_ACCESS_FS_READ_DIR)

int confine_capabilities(const unsigned int *capabilities, size_t count)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
	uint32_t keep[_LINUX_CAPABILITY_U32S_3] = {};

	for (size_t i = 0; i < count; i++)
		keep[CAP_TO_INDEX(capabilities[i])] |= CAP_TO_MASK(capabilities[i]);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(data); i++) {
		data[i].permitted &= keep[i];
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* All that the kernel's version of Landlock can deny of files; 0 for none that is of use. */
static uint64_t handled_access(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (version < 2)
		return 0;
	return (LANDLOCK_ACCESS_FS_REFER << 1) - 1 +
	       (version >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0);
}

int confine_files(const struct confine_path *paths, size_t count)
{
	struct landlock_ruleset_attr attributes = { .handled_access_fs = handled_access() };

	if (!attributes.handled_access_fs)
		return -EOPNOTSUPP;

	autoclose int ruleset =
		(int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);

	if (ruleset < 0)
		return -errno;
	for (size_t i = 0; i < count; i++) {
		struct landlock_path_beneath_attr rule = { .parent_fd = paths[i].fd };
		struct stat status;

		if (paths[i].fd < 0)
			continue;
		if (fstat(paths[i].fd, &status) < 0)
			return -errno;
		rule.allowed_access = READ_ACCESS;
		if (paths[i].access == CONFINE_WRITE)
			rule.allowed_access =
				attributes.handled_access_fs & ~LANDLOCK_ACCESS_FS_EXECUTE;
		/* A rule for a file may only allow what can be done to one. */
		if (!S_ISDIR(status.st_mode))
			rule.allowed_access &= READ_FILE_ACCESS | LANDLOCK_ACCESS_FS_WRITE_FILE;
		if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) <
		    0)
			return -errno;
	}
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}
