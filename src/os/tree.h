/* SPDX-License-Identifier: MIT */
#pragma once

/* Trees of mounts as file descriptors: made or cloned detached, given their attributes, and
 * attached at last at a place that is itself a descriptor, so that no path is looked up twice. */

#include "base/calls.h"
#include "base/strings.h"

#include <stdint.h>

/* The kernel's own words about a mount that it refused. */
struct tree_message {
	char text[256];
};

/* Makes a mount of the file system @type from @source (NULL: none) with the file system's own
 * @options ("KEY=VALUE" or "KEY") and MOUNT_ATTR_* @attributes. Returns the fd of the detached
 * mount, or -errno with what the kernel says in *@ret_message, which may be empty. */
[[nodiscard]] int tree_new(const char *type, const char *source, const struct strings *options,
			   uint64_t attributes, struct tree_message *ret_message);

/* Clones the mount at @fd, which may be a file; with @flags AT_RECURSIVE all below it as well.
 * Returns the fd of the detached tree, or -errno. */
[[nodiscard]] int tree_clone(int fd, unsigned int flags);

/* Changes @attributes of the mount @fd; @flags may be AT_RECURSIVE. Returns 0 or -errno. */
[[nodiscard]] int tree_change(int fd, unsigned int flags, const struct mount_attr *attributes);

/* Attaches the detached mount @fd at @target. Returns 0 or -errno. */
[[nodiscard]] int tree_attach(int fd, int target);
