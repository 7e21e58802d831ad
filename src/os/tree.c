/* SPDX-License-Identifier: MIT */
/* Mounts as file descriptors. */

#include "os/tree.h"

#include "base/mem.h"
#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* One option of a file system; without "=" it is a flag. */
static int configure(int context, const char *option)
{
	autofree char *key = xstrdup(option);
	char *value = strchr(key, '=');
	unsigned int command = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

	if (value)
		*value++ = '\0';
	return fsconfig(context, command, key, value, 0) < 0 ? -errno : 0;
}

/* The context's log is read record by record: a letter for the severity, a space, the text. */
static void read_message(int context, struct tree_message *message)
{
	char record[sizeof(message->text) + 2];
	ssize_t size = read(context, record, sizeof(record) - 1);

	message->text[0] = '\0';
	if (size < 3)
		return;
	record[size] = '\0';
	record[strcspn(record, "\n")] = '\0';
	memcpy(message->text, record + 2, strlen(record + 2) + 1);
}

int tree_new(const char *type, const char *source, const struct strings *options,
	     uint64_t attributes, struct tree_message *ret_message)
{
	autoclose int context = fsopen(type, FSOPEN_CLOEXEC);
	int r = context < 0 ? -errno : 0;

	ret_message->text[0] = '\0';
	if (r == 0 && source && fsconfig(context, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		r = -errno;
	for (size_t i = 0; r == 0 && options && i < options->count; i++)
		r = configure(context, options->items[i]);
	if (r == 0 && fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		r = -errno;
	if (r == 0) {
		int fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned int)attributes);

		if (fd >= 0)
			return fd;
		r = -errno;
	}
	if (context >= 0)
		read_message(context, ret_message);
	return r;
}

int tree_clone(int fd, unsigned int flags)
{
	int tree = open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | flags);

	return tree < 0 ? -errno : tree;
}

int tree_change(int fd, unsigned int flags, const struct mount_attr *attributes)
{
	struct mount_attr copy = *attributes;

	return mount_setattr(fd, "", AT_EMPTY_PATH | flags, &copy, sizeof(copy)) < 0 ? -errno : 0;
}

int tree_attach(int fd, int target)
{
	if (move_mount(fd, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}
