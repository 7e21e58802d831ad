/* SPDX-License-Identifier: MIT */
/* Terminals. */

#include "os/terminal.h"

#include "base/scope.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

int terminal_make_raw(int fd, struct terminal_mode *mode)
{
	struct termios raw;

	if (tcgetattr(fd, &mode->before) < 0)
		return -errno;
	raw = mode->before;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSANOW, &raw) < 0)
		return -errno;
	mode->fd = fd;
	return 0;
}

void terminal_restore(struct terminal_mode *mode)
{
	if (mode->fd >= 0)
		(void)tcsetattr(mode->fd, TCSANOW, &mode->before);
	mode->fd = -1;
}

int terminal_get_size(int fd, uint16_t *ret_rows, uint16_t *ret_columns)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		return -errno;
	*ret_rows = size.ws_row;
	*ret_columns = size.ws_col;
	return 0;
}

int terminal_set_size(int fd, uint16_t rows, uint16_t columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };

	return ioctl(fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int terminal_listen(int dirfd, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int length = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
			      dirfd, name);

	if (fd < 0)
		return -errno;
	if (length >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	/* The mode of the socket's inode is set before bind() makes the name. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (fchmodat(dirfd, name, 0600, 0) < 0 || listen(fd, 1) < 0)
		return -errno;
	return steal_fd(&fd);
}

static int wait_readable(int fd, int timeout_ms)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	int r;

	do
		r = poll(&poller, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

int terminal_receive(int listener, int timeout_ms)
{
	char name[256]; /* the sender writes the name of the terminal along with it */
	int fds[SOCKET_FDS_MAX];
	size_t n_fds = 0;
	int r = wait_readable(listener, timeout_ms);

	if (r < 0)
		return r;

	autoclose int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (connection < 0)
		return -errno;
	r = wait_readable(connection, timeout_ms);
	if (r < 0)
		return r;

	ssize_t got = socket_receive(connection, name, sizeof(name), fds, &n_fds, 0);

	if (got < 0)
		return (int)got;
	for (size_t i = 1; i < n_fds; i++)
		(void)close(fds[i]);
	return n_fds > 0 ? fds[0] : -EPROTO;
}
