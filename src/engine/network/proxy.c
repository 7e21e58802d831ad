/* SPDX-License-Identifier: MIT */
/* Published ports on the loopback of the host. */

#include "engine/network/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
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
		return errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT ||
				       errno == ESOCKTNOSUPPORT
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

int proxy_start(struct lxcri_container *container, pid_t pid, struct lxcri_error *err)
{
	return 0;
}

int proxy_stop(int run_dirfd, struct lxcri_error *err)
{
	return 0;
}

