/* SPDX-License-Identifier: MIT */
#pragma once

/* Names below a directory that is held open. Nothing here follows a link out of that directory. */

#include "base/strings.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens @path as seen from inside @rootfd: no "..", symlink or magic link can lead out of it.
 * Returns a new close-on-exec fd, or -errno. */
[[nodiscard]] int path_open_in(int rootfd, const char *path, uint64_t flags);

/* As path_open_in(), with O_CREAT and @mode. */
[[nodiscard]] int path_create_in(int rootfd, const char *path, uint64_t flags, mode_t mode);

/* Opens @path, in which no component may be a symlink. Returns a new fd, or -errno (-ELOOP). */
[[nodiscard]] int path_open_plain(int dirfd, const char *path, uint64_t flags);

/* Makes the directory @path below @rootfd with all that is missing above it, as seen from inside
 * @rootfd. What is there already stays as it is; what is made has @mode, whatever the umask.
 * Returns an O_PATH fd of the directory, or -errno (-ENOTDIR where something else is in the way).
 */
[[nodiscard]] int path_make_dirs_in(int rootfd, const char *path, mode_t mode);

/* Makes the directory @path on the host with its parents and @mode; 0 or -errno. */
[[nodiscard]] int path_make_dirs(const char *path, mode_t mode);

/* Tells whether @path leads to anything: 1, 0, or -errno when that cannot be told, which must not
 * count as absence where something is removed then. */
[[nodiscard]] int path_exists(const char *path);

/* Removes @name below @dirfd with everything in it, subvolumes of btrfs included, never crossing
 * into another mount and never following a symlink. What is absent counts as removed. Returns 0 or
 * the first -errno, having removed what could be. */
[[nodiscard]] int path_remove_tree(int dirfd, const char *name);

/* Appends the names in the directory @dirfd, whose position stays. 0 or -errno. */
[[nodiscard]] int path_list_names(int dirfd, struct strings *names);

/* Appends the names in the directory @path that do not begin with a dot; none where it is not
 * there. 0 or -errno. */
[[nodiscard]] int path_list_shown(const char *path, struct strings *names);

/* Tells whether the directory @path has a name that does not begin with a dot. */
bool path_has_shown(const char *path);
