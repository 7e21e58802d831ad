/* SPDX-License-Identifier: MIT */
/* Published ports on the loopback of the host. */

#include "engine/network/proxy.h"

#include "engine/network/rows.h"
#include "net/forward/forward.h"
#include "os/file.h"
#include "os/helper.h"
#include "os/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

/* Takes the port of @address for a moment, port 0 a free one, which it returns; or -errno. */
static int try_bind(const struct port_row *port, const struct address *address)
{
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} bound = {};
	socklen_t size = sizeof(bound);
	static const int on = 1;
	bool is_v4 = address->family == AF_INET;
	int type = port->protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
	autoclose int fd = socket(address->family, type | SOCK_CLOEXEC, port->protocol);

	/* A host without the protocol has no other program that uses it. */
	if (fd < 0)
		return errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT
			       ? 0
			       : -errno;
	/* What is left of ended connections is no program. */
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!is_v4)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (is_v4) {
		bound.four = (struct sockaddr_in){ .sin_family = AF_INET,
						   .sin_port = htons(port->host_port) };
		memcpy(&bound.four.sin_addr, address->bytes, sizeof(bound.four.sin_addr));
	} else {
		bound.six = (struct sockaddr_in6){ .sin6_family = AF_INET6,
						   .sin6_port = htons(port->host_port) };
		memcpy(&bound.six.sin6_addr, address->bytes, sizeof(bound.six.sin6_addr));
	}
	if (bind(fd, &bound.any, is_v4 ? sizeof(bound.four) : sizeof(bound.six)) < 0 ||
	    getsockname(fd, &bound.any, &size) < 0)
		return -errno;
	return ntohs(is_v4 ? bound.four.sin_port : bound.six.sin6_port);
}

int proxy_find_free(struct port_row *port, struct lxcri_error *err)
{
	static const struct address any = { .family = AF_INET };
	int r;

	port->host_port = 0;
	r = try_bind(port, port->host.family ? &port->host : &any);
	if (r <= 0)
		return fail_code_errno(err, LXCRI_E_PORT_FORWARDING_FAILED, r ? r : EPROTONOSUPPORT,
				       "find a free port of the host");
	port->host_port = (uint16_t)r;
	return 0;
}

int proxy_check(const struct port_row *port, struct lxcri_error *err)
{
	static const struct address any[] = { { .family = AF_INET }, { .family = AF_INET6 } };
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(any); i++) {
		const struct address *address = port->host.family ? &port->host : &any[i];
		int r = try_bind(port, address);

		if (r < 0)
			return fail_code_errno(err, LXCRI_E_PORT_FORWARDING_FAILED, r,
					       "publish port %u of %s", port->host_port,
					       port->host.family ? address_format(address, text)
								 : "the host");
		if (port->host.family)
			break;
	}
	return 0;
}

/* Kills @process, and waits until it has let go of all that it had. Its lock goes before that, and
 * its ports only then. */
static void end_process(int process)
{
	struct pollfd end = { .fd = process, .events = POLLIN };

	if (pidfd_send_signal(process, SIGKILL, NULL, 0) < 0)
		return;
	while (poll(&end, 1, -1) < 0 && errno == EINTR)
		;
}

/* Ends who holds the lock, if somebody does, and waits until he is gone. */
static int end_holder(int lock)
{
	struct flock wanted = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	autoclose int process = -1;
	pid_t pid, still;
	int r = file_find_lock(lock, NULL, &pid);

	if (r <= 0)
		return r;
	process = pidfd_open(pid, 0);
	/* The number may have passed to another one meanwhile: it is still the holder, or it was
	 * not when the descriptor was opened. */
	r = file_find_lock(lock, NULL, &still);
	if (r < 0)
		return r;
	if (process >= 0 && r > 0 && still == pid)
		end_process(process);
	while (fcntl(lock, F_SETLKW, &wanted) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

bool proxy_is_running(int run_dirfd)
{
	autoclose int lock = openat(run_dirfd, FORWARD_LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	return lock >= 0 && file_find_lock(lock, NULL, NULL) > 0;
}

int proxy_stop(int run_dirfd, struct lxcri_error *err)
{
	autoclose int lock = openat(run_dirfd, FORWARD_LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int r = 0;

	if (lock < 0)
		return errno == ENOENT ? 0 : fail_errno(err, errno, "open " FORWARD_LOCK);
	r = end_holder(lock);
	if (r < 0)
		return fail_errno(err, r, "end the helper of published ports");
	(void)unlinkat(run_dirfd, FORWARD_LOCK, 0);
	return 0;
}

/* Adds what the helper shall carry for one port: on each family's any address where none is named.
 */
static void add_arguments(struct strings *argv, const struct port_row *port,
			  const struct endpoint_row *endpoint)
{
	static const struct address any[] = { { .family = AF_INET }, { .family = AF_INET6 } };
	char host[ADDRESS_TEXT_MAX];
	char target[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(any); i++) {
		const struct address *address = port->host.family ? &port->host : &any[i];
		const struct address *to = &endpoint->addresses[address->family == AF_INET6];

		if (address->family != any[i].family)
			continue;
		if (!to->family)
			to = &endpoint->addresses[0];
		strings_addf(argv, "%u %s %u %s %u", port->protocol, address_format(address, host),
			     port->host_port, address_format(to, target), port->container_port);
	}
}

/* Waits for what the helper says once it is ready, or not. */
static int await_report(int fd, const struct strings *argv, struct lxcri_error *err)
{
	struct forward_report report = {};
	ssize_t got;

	do {
		got = read(fd, &report, sizeof(report));
	} while (got < 0 && errno == EINTR);
	if (got != sizeof(report))
		return fail(err, LXCRI_E_PORT_FORWARDING_FAILED,
			    "the helper of published ports ended at once");
	if (report.result == 0)
		return 0;
	return fail_code_errno(err, LXCRI_E_PORT_FORWARDING_FAILED, report.result, "publish %s",
			       report.index >= 0 && (size_t)report.index + 1 < argv->count
				       ? argv->items[report.index + 1]
				       : "ports");
}

/* Opens what tells the helper that the container has ended; of a pod, which has no first process,
 * something that never does. */
static int open_end(pid_t pid)
{
	return pid > 0 ? pidfd_open(pid, 0) : eventfd(0, EFD_CLOEXEC);
}

static int start(int run_dirfd, pid_t pid, struct strings *argv, struct lxcri_error *err)
{
	autofree char *program = helper_path("lxcri-forward");
	autoclose int init = open_end(pid);
	int ends[2] = { -1, -1 };
	int r = init < 0 ? -errno : 0;

	if (r == 0 && pipe2(ends, O_CLOEXEC) < 0)
		r = -errno;

	autoclose int ours = ends[0];
	autoclose int theirs = ends[1];
	const int fds[FORWARD_FDS] = { -1, -1, -1, run_dirfd, init, theirs };
	const struct spawn spawn = {
		.path = program, .argv = argv->items, .fds = fds, .n_fds = FORWARD_FDS
	};

	if (r == 0)
		r = process_spawn_detached(&spawn);
	closep(&theirs); /* or its end would not be seen */
	if (r < 0)
		return fail_code_errno(err, LXCRI_E_PORT_FORWARDING_FAILED, r, "start %s", program);
	return await_report(ours, argv, err);
}

int proxy_start(struct lxcri_container *container, pid_t pid, struct lxcri_error *err)
{
	struct database *database = engine_database(container->engine, err);
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};
	autorun(port_list_finish) struct port_list ports = {};
	autorun(strings_finish) struct strings argv = {};
	const char *id = container->home.id;

	if (!database || proxy_stop(container->home.run_fd, err) < 0 ||
	    port_list_read(database, id, &ports, err) < 0 ||
	    endpoint_list_read(database, id, NULL, &endpoints, err) < 0)
		return -1;
	if (ports.count == 0 || endpoints.count == 0)
		return 0;
	strings_add(&argv, "lxcri-forward");
	for (size_t i = 0; i < ports.count; i++)
		add_arguments(&argv, &ports.items[i], &endpoints.items[0]);
	return start(container->home.run_fd, pid, &argv, err);
}
