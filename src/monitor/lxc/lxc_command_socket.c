/* SPDX-License-Identifier: MIT */
/* Where liblxc's command socket lies.
 *
 * liblxc listens on an abstract socket, which has no permissions, and gives whoever connects as
 * root control of the container and descriptors of the host's directories. A container on the
 * host's network could connect. So bind() and connect() as liblxc finds them are these: the socket
 * gets a name in the container's run directory, where only root of the host comes to. The linker
 * exports them, and what the program itself defines comes before what a library has. */

#include "monitor/lxc/lxc_command_socket.h"

#include "base/mem.h"
#include "base/scope.h"
#include "runtime/lxc/lxc_runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* The directory of the socket; -1 until it is known, and for containers that are not ours. */
static int socket_dirfd = -1;

int lxc_command_socket_place(const char *run_dir, struct lxcri_error *err)
{
	autofree char *path = xformat("%s/" LXC_RUNTIME_DIR, run_dir);

	socket_dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return socket_dirfd < 0 ? fail_errno(err, errno, "open %s", path) : 0;
}

static bool is_abstract(const struct sockaddr *address, socklen_t length)
{
	const struct sockaddr_un *local = (const struct sockaddr_un *)address;

	return length > offsetof(struct sockaddr_un, sun_path) && local->sun_family == AF_UNIX &&
	       !local->sun_path[0];
}

/* sun_path holds 108 bytes; a run directory may be longer, this is not. */
static socklen_t make_address(struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(address->sun_path, sizeof(address->sun_path),
		       "/proc/self/fd/%d/" LXC_RUNTIME_COMMAND, socket_dirfd);
	return sizeof(*address);
}

[[gnu::visibility("default")]] int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_un ours;

	if (is_abstract(address, length)) {
		/* The mode of the socket's inode is set before bind() makes the name. */
		if (fchmod(fd, 0600) < 0)
			return -1;
		length = make_address(&ours);
		address = (const struct sockaddr *)&ours;
		/* Of an earlier run whose end could not be cleaned up. Whoever starts the container
		 * knows that it has ended. */
		(void)unlinkat(socket_dirfd, LXC_RUNTIME_COMMAND, 0);
	}
	return (int)syscall(SYS_bind, fd, address, length);
}

[[gnu::visibility("default")]] int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_un ours;
	int r;

	/* A container of Proxmox VE has its socket where liblxc looks for it. */
	if (socket_dirfd < 0 || !is_abstract(address, length))
		return (int)syscall(SYS_connect, fd, address, length);
	r = (int)syscall(SYS_connect, fd, (const struct sockaddr *)&ours, make_address(&ours));
	/* What liblxc expects of an abstract name that nobody has: the container does not run. */
	if (r < 0 && errno == ENOENT)
		errno = ECONNREFUSED;
	return r;
}
