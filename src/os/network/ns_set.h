/* SPDX-License-Identifier: MIT */
#pragma once

/* A set of namespaces that is there without a process: network, IPC and UTS, each held by a mount
 * on a file of one directory, "net", "ipc" and "uts". */

#include <stdbool.h>

/* Makes the namespaces of the set @dir, which is made where it is missing, with the host's name
 * @hostname, the loopback up, and ports that nobody needs a right for. The calling thread stays
 * where it is. What is half made is replaced. 0 or -errno. */
[[nodiscard]] int ns_set_create(const char *dir, const char *hostname);

/* Tells whether all of @dir are there. */
bool ns_set_is_there(const char *dir);

/* Opens the network namespace of @dir. Returns a descriptor or -errno. */
[[nodiscard]] int ns_set_open_net(const char *dir);

/* Takes all but the network namespace away: the set is not there any more, and whoever is killed
 * from here on leaves nothing that is taken for one. None is fine. 0 or -errno. */
[[nodiscard]] int ns_set_break(const char *dir);

/* Takes the mounts away, and the files and the directory; none is fine. 0 or -errno. */
[[nodiscard]] int ns_set_remove(const char *dir);
