/* SPDX-License-Identifier: MIT */
#pragma once

/* Unix sockets that keep message boundaries (SOCK_SEQPACKET) and carry file descriptors. Only path
 * sockets: an abstract one would be reachable from a container that shares the host's network. */

#include <stddef.h>
#include <sys/types.h>

#define SOCKET_FDS_MAX 8

/* Makes a listening socket at @name in the directory @dirfd, with mode 0600. The name is reached
 * through the directory's fd, so that the length of its path does not matter. Returns an fd or
 * -errno. */
[[nodiscard]] int socket_listen(int dirfd, const char *name);

/* Connects to the socket @name in @dirfd. Returns an fd or -errno (-ECONNREFUSED when nobody
 * listens any more). */
[[nodiscard]] int socket_connect(int dirfd, const char *name);

/* Accepts one connection of a process of our own user or root; others are closed unheard. Returns
 * an fd, or -errno (-EAGAIN, also for a refused one). */
[[nodiscard]] int socket_accept(int listener);

/* Makes a connected pair; 0 or -errno. Both are close-on-exec. */
[[nodiscard]] int socket_pair(int fds[2]);

/* Sends one message with @n_fds descriptors, which stay the caller's. Returns 0 or -errno; a closed
 * peer is -EPIPE and raises no signal. */
[[nodiscard]] int socket_send(int fd, const void *bytes, size_t size, const int *fds, size_t n_fds);

/* Receives one message of at most @size bytes and up to SOCKET_FDS_MAX descriptors, all
 * close-on-exec, owned by the caller. *@ret_n_fds may be NULL with @fds when none are expected:
 * what comes is closed then. Returns the size, 0 at the end of the stream, or -errno (-EMSGSIZE for
 * a longer message). @flags are MSG_*. */
[[nodiscard]] ssize_t socket_receive(int fd, void *bytes, size_t size, int fds[SOCKET_FDS_MAX],
				     size_t *ret_n_fds, int flags);
