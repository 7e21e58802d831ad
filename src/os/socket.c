/* SPDX-License-Identifier: MIT */
/* Unix sockets that keep message boundaries and carry file descriptors. */

#include "os/socket.h"

#include "base/scope.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* sun_path holds 108 bytes; "/proc/self/fd/N/NAME" always fits. */
static int make_address(int dirfd, const char *name, struct sockaddr_un *address)
{
	int length;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	length = snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s",
			  dirfd, name);
	return length < (int)sizeof(address->sun_path) ? 0 : -ENAMETOOLONG;
}

static int make_socket(int flags)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);

	return fd < 0 ? -errno : fd;
}

int socket_listen(int dirfd, const char *name)
{
	struct sockaddr_un address;
	autoclose int fd = make_socket(SOCK_NONBLOCK);
	int r = fd < 0 ? fd : make_address(dirfd, name, &address);

	if (r < 0)
		return r;
	/* The mode of the socket's inode is set before bind() makes the name. */
	if (fchmod(fd, 0600) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (fchmodat(dirfd, name, 0600, 0) < 0 || listen(fd, 128) < 0)
		return -errno;
	return steal_fd(&fd);
}

int socket_connect(int dirfd, const char *name)
{
	struct sockaddr_un address;
	autoclose int fd = make_socket(0);
	int r = fd < 0 ? fd : make_address(dirfd, name, &address);

	if (r < 0)
		return r;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return steal_fd(&fd);
}

int socket_accept(int listener)
{
	autoclose int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	if (peer.uid != 0 && peer.uid != geteuid())
		return -EAGAIN;
	return steal_fd(&fd);
}

int socket_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

int socket_send(int fd, const void *bytes, size_t size, const int *fds, size_t n_fds)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * SOCKET_FDS_MAX)];
		struct cmsghdr align;
	} control = {};
	struct iovec part = { .iov_base = (void *)bytes, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (n_fds > SOCKET_FDS_MAX)
		return -EINVAL;
	if (n_fds > 0) {
		message.msg_control = control.space;
		message.msg_controllen = (unsigned int)CMSG_SPACE(sizeof(int) * n_fds);

		struct cmsghdr *header = CMSG_FIRSTHDR(&message);

		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = (unsigned int)CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
	}
	for (;;) {
		if (sendmsg(fd, &message, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

/* Hands the descriptors of @message to @fds, or closes them when nobody wants them. */
static void collect_fds(struct msghdr *message, int *fds, size_t *n_fds)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;

		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < count; i++) {
			int got;

			memcpy(&got, CMSG_DATA(header) + i * sizeof(int), sizeof(got));
			if (fds && *n_fds < SOCKET_FDS_MAX)
				fds[(*n_fds)++] = got;
			else
				(void)close(got);
		}
	}
}

ssize_t socket_receive(int fd, void *bytes, size_t size, int fds[SOCKET_FDS_MAX], size_t *ret_n_fds,
		       int flags)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * SOCKET_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec part = { .iov_base = bytes, .iov_len = size };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control.space,
				  .msg_controllen = sizeof(control.space) };
	size_t n_fds = 0;
	ssize_t got;

	do
		got = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	collect_fds(&message, ret_n_fds ? fds : NULL, &n_fds);
	if (message.msg_flags & MSG_TRUNC) {
		for (size_t i = 0; i < n_fds; i++)
			(void)close(fds[i]);
		return -EMSGSIZE;
	}
	if (ret_n_fds)
		*ret_n_fds = n_fds;
	return got;
}
