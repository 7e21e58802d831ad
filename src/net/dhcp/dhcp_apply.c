/* SPDX-License-Identifier: MIT */
/* What a lease says, given to the interface. The monitor is linked statically and libmnl cannot be,
 * so the few messages are written here. */

#include "net/dhcp/dhcp_socket.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* One request; its attributes are few and small. */
struct request {
	_Alignas(struct nlmsghdr) unsigned char bytes[256];
};

static struct nlmsghdr *header_of(struct request *request)
{
	return (struct nlmsghdr *)request->bytes;
}

/* Begins a message; returns the place of its family's header. */
static void *begin(struct request *request, uint16_t type, uint16_t flags, size_t header_size)
{
	struct nlmsghdr *header = header_of(request);

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	header->nlmsg_len = NLMSG_LENGTH((uint32_t)header_size);
	return NLMSG_DATA(header);
}

static void put(struct request *request, unsigned short type, const void *value, size_t size)
{
	struct nlmsghdr *header = header_of(request);
	struct rtattr *attribute =
		(struct rtattr *)(request->bytes + NLMSG_ALIGN(header->nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(size);
	memcpy(RTA_DATA(attribute), value, size);
	header->nlmsg_len = NLMSG_ALIGN(header->nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

/* Sends it and reads what became of it: the kernel has answered when send() returns. */
static int run(int route, struct request *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[512];
	} answer = {};
	ssize_t got;

	if (send(route, request->bytes, header_of(request)->nlmsg_len, 0) < 0)
		return -errno;
	got = recv(route, &answer, sizeof(answer), MSG_DONTWAIT);
	if (got < 0)
		return -errno;
	if ((size_t)got < sizeof(answer.header) + sizeof(answer.error.error) ||
	    answer.header.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return answer.error.error;
}

static void put_address(struct request *request, const struct dhcp_lease *lease, unsigned int index,
			struct ifaddrmsg *header)
{
	header->ifa_family = AF_INET;
	header->ifa_prefixlen = (unsigned char)lease->prefix;
	header->ifa_index = index;
	put(request, IFA_LOCAL, lease->address.bytes, 4);
	put(request, IFA_ADDRESS, lease->address.bytes, 4);
}

static int add_address(const struct dhcp_socket *socket, const struct dhcp_lease *lease)
{
	struct request request = {};
	struct ifaddrmsg *header =
		begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*header));
	/* It ends by itself when nobody is left to renew it. */
	const struct ifa_cacheinfo times = { .ifa_prefered = lease->lease_seconds,
					     .ifa_valid = lease->lease_seconds };
	struct address broadcast = lease->address;

	for (unsigned int bit = lease->prefix; bit < 32; bit++)
		broadcast.bytes[bit / 8] |= (unsigned char)(0x80u >> bit % 8);
	put_address(&request, lease, socket->index, header);
	if (lease->prefix < 31)
		put(&request, IFA_BROADCAST, broadcast.bytes, 4);
	put(&request, IFA_CACHEINFO, &times, sizeof(times));
	return run(socket->route, &request);
}

static int add_route(const struct dhcp_socket *socket, const struct dhcp_lease *lease,
		     const struct dhcp_route *route)
{
	struct request request = {};
	struct rtmsg *header =
		begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*header));

	header->rtm_family = AF_INET;
	header->rtm_dst_len = (unsigned char)route->to.prefix;
	header->rtm_table = RT_TABLE_MAIN;
	header->rtm_protocol = RTPROT_DHCP;
	header->rtm_scope = route->gateway.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	header->rtm_type = RTN_UNICAST;
	put(&request, RTA_DST, route->to.base.bytes, 4);
	if (route->gateway.family)
		put(&request, RTA_GATEWAY, route->gateway.bytes, 4);
	put(&request, RTA_PREFSRC, lease->address.bytes, 4);
	put(&request, RTA_OIF, &socket->index, sizeof(socket->index));
	return run(socket->route, &request);
}

/* What is larger than the bridge has cannot be sent. */
static int set_mtu(const struct dhcp_socket *socket, uint32_t mtu)
{
	struct request request = {};
	struct ifinfomsg *header = begin(&request, RTM_NEWLINK, 0, sizeof(*header));

	if (mtu == 0 || mtu > socket->mtu)
		mtu = socket->mtu;
	header->ifi_index = (int)socket->index;
	put(&request, IFLA_MTU, &mtu, sizeof(mtu));
	return run(socket->route, &request);
}

int dhcp_socket_apply(const struct dhcp_socket *socket, const struct dhcp_lease *lease,
		      enum dhcp_share share)
{
	int r = set_mtu(socket, lease->mtu);

	if (r == 0)
		r = add_address(socket, lease);
	for (size_t i = 0; r == 0 && i < lease->n_routes; i++)
		if (share == DHCP_WHOLE || lease->routes[i].to.prefix > 0)
			r = add_route(socket, lease, &lease->routes[i]);
	return r;
}

int dhcp_socket_withdraw(const struct dhcp_socket *socket, const struct dhcp_lease *lease)
{
	struct request request = {};
	struct ifaddrmsg *header = begin(&request, RTM_DELADDR, 0, sizeof(*header));
	int r;

	put_address(&request, lease, socket->index, header);
	r = run(socket->route, &request);
	return r == -EADDRNOTAVAIL || r == -ENODEV ? 0 : r;
}
