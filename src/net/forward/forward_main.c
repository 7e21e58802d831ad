/* SPDX-License-Identifier: MIT */
/* The start of lxcri-forward, and its loop. */

#include "net/forward/forward.h"

#include "base/scope.h"
#include "base/text.h"
#include "base/version.h"
#include "os/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_MAX   8192
#define BACKLOG     128
#define NOBODY      65534
#define EVENTS_MAX  32
#define PORT_WORDS  5
#define FDS_BESIDES 2048

static struct forward_port ports[PORTS_MAX];
static size_t n_ports;

int forward_epoll = -1;

/* What epoll tells of a listener: its place among the ports, in one watch each. */
struct listener {
	struct forward_watch watch;
	const struct forward_port *port;
};

static struct listener listeners[PORTS_MAX];
static struct forward_watch end_watch;

socklen_t forward_address_make(const struct address *address, uint16_t port,
			       union forward_address *ret)
{
	*ret = (union forward_address){};
	if (address->family == AF_INET) {
		ret->four.sin_family = AF_INET;
		ret->four.sin_port = htons(port);
		memcpy(&ret->four.sin_addr, address->bytes, sizeof(ret->four.sin_addr));
		return sizeof(ret->four);
	}
	ret->six.sin6_family = AF_INET6;
	ret->six.sin6_port = htons(port);
	memcpy(&ret->six.sin6_addr, address->bytes, sizeof(ret->six.sin6_addr));
	return sizeof(ret->six);
}

bool forward_is_loopback(const union forward_address *address)
{
	if (address->any.sa_family == AF_INET)
		return ntohl(address->four.sin_addr.s_addr) >> 24 == 127;
	return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address->six.sin6_addr);
}

int forward_watch(struct forward_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(forward_epoll, EPOLL_CTL_ADD, watch->fd, &event) < 0 ? -errno : 0;
}

void forward_rewatch(struct forward_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	(void)epoll_ctl(forward_epoll, EPOLL_CTL_MOD, watch->fd, &event);
}

/* Cuts @text at spaces into PORT_WORDS words. */
static bool split(char *text, char *words[PORT_WORDS])
{
	size_t n = 0;
	char *rest = NULL;

	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (n == PORT_WORDS)
			return false;
		words[n++] = word;
	}
	return n == PORT_WORDS;
}

static bool read_port(char *text, struct forward_port *ret)
{
	char *words[PORT_WORDS];
	uint64_t protocol;
	uint64_t host_port;
	uint64_t target_port;

	if (!split(text, words) || text_parse_u64(words[0], 0, 255, &protocol) < 0 ||
	    address_parse(words[1], AF_UNSPEC, &ret->host) < 0 ||
	    text_parse_u64(words[2], 1, 65535, &host_port) < 0 ||
	    address_parse(words[3], AF_UNSPEC, &ret->target) < 0 ||
	    text_parse_u64(words[4], 1, 65535, &target_port) < 0)
		return false;
	ret->protocol = (uint8_t)protocol;
	ret->host_port = (uint16_t)host_port;
	ret->target_port = (uint16_t)target_port;
	ret->listener = -1;
	return true;
}

/* A lock of this process, by which proxy_stop() finds it. */
static int lock(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(FORWARD_RUN_DIR_FD, FORWARD_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			0600);

	if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0)
		return -errno;
	return 0; /* held until the process ends */
}

static void listener_ready(struct forward_watch *watch, uint32_t events)
{
	const struct listener *listener = (const struct listener *)watch;

	if (listener->port->protocol == IPPROTO_UDP)
		forward_datagram_receive(listener->port);
	else
		forward_stream_accept(listener->port);
}

/* Opens the listener of @port. What the host cannot speak nobody on it needs. */
static int open_listener(struct forward_port *port, struct listener *listener)
{
	static const int on = 1;
	int type = port->protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
	int fd = socket(port->host.family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, port->protocol);
	union forward_address address;
	socklen_t size = forward_address_make(&port->host, port->host_port, &address);

	if (fd < 0)
		return errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT
			       ? 0
			       : -errno;
	if (port->host.family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &address.any, size) < 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) < 0)) {
		int problem = -errno;

		(void)close(fd);
		return problem;
	}
	port->listener = fd;
	*listener = (struct listener){ { listener_ready, fd }, port };
	return forward_watch(&listener->watch, EPOLLIN);
}

/* Whoever finds the lock free may take the ports. */
static void container_ended(struct forward_watch *watch, uint32_t events)
{
	for (size_t i = 0; i < n_ports; i++)
		if (ports[i].listener >= 0)
			(void)close(ports[i].listener);
	_exit(0);
}

/* All that needs rights. */
static int set_up(struct forward_report *report)
{
	struct rlimit files = { n_ports + FDS_BESIDES, n_ports + FDS_BESIDES };
	int r = lock();

	if (r < 0)
		return r;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	forward_epoll = epoll_create1(EPOLL_CLOEXEC);
	if (forward_epoll < 0)
		return -errno;
	end_watch = (struct forward_watch){ container_ended, FORWARD_INIT_FD };
	r = forward_watch(&end_watch, EPOLLIN);
	for (size_t i = 0; r == 0 && i < n_ports; i++) {
		report->index = (int32_t)i;
		r = open_listener(&ports[i], &listeners[i]);
	}
	return r;
}

/* What comes from now on is handled by somebody who may do nothing else. */
static int drop_rights(void)
{
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	r = confine_files(NULL, 0);
	return r == -EOPNOTSUPP ? 0 : r;
}

static int start(int argc, char **argv, struct forward_report *report)
{
	int r;

	if (argc - 1 > PORTS_MAX)
		return -E2BIG;
	for (int i = 1; i < argc; i++)
		if (!read_port(argv[i], &ports[n_ports++]))
			return -EINVAL;
	r = set_up(report);
	if (r == 0)
		report->index = -1;
	return r == 0 ? drop_rights() : r;
}

static void run(void)
{
	struct epoll_event events[EVENTS_MAX];

	for (;;) {
		int n = epoll_wait(forward_epoll, events, EVENTS_MAX, forward_datagram_expire());

		for (int i = 0; i < n; i++) {
			struct forward_watch *watch = events[i].data.ptr;

			watch->ready(watch, events[i].events);
		}
	}
}

int main(int argc, char **argv)
{
	struct forward_report report = { .index = -1 };

	if (version_is_asked(argc, argv)) {
		(void)puts(VERSION_LINE("lxcri-forward"));
		return 0;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setsid();
	if (chdir("/") < 0)
		return 2;
	report.result = start(argc, argv, &report);
	if (write(FORWARD_REPORT_FD, &report, sizeof(report)) != sizeof(report))
		return 2;
	(void)close(FORWARD_REPORT_FD);
	(void)close(FORWARD_RUN_DIR_FD);
	if (report.result < 0)
		return 1;
	run();
}
