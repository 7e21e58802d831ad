/* SPDX-License-Identifier: MIT */
/* The interface of a client of DHCP. Whole packets go through a packet socket in all states, so
 * that no port is taken from the container's programs: a lease is renewed at the hardware address
 * from which it came. */

#include "net/dhcp/dhcp_socket.h"

#include "base/scope.h"
#include "net/dhcp/dhcp_frame.h"
#include "os/network/netns_visit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Packets of UDP from a server's port to a client's, whole ones: nothing else wakes us. */
static struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 8),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 6, 0),
	BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP_SERVER_PORT, 0, 3),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP_CLIENT_PORT, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, DHCP_FRAME_IN_MAX),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static int open_both(void *userdata)
{
	struct dhcp_socket *ret = userdata;

	/* Of no protocol, it receives nothing before the filter is there. */
	ret->packets = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ret->route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	return ret->packets < 0 || ret->route < 0 ? -errno : 0;
}

static int ask_about(int fd, unsigned long what, const char *name, struct ifreq *ret)
{
	*ret = (struct ifreq){};
	strncpy(ret->ifr_name, name, sizeof(ret->ifr_name) - 1);
	return ioctl(fd, what, ret) < 0 ? -errno : 0;
}

/* Fills in what the kernel knows of the interface. */
static int look(struct dhcp_socket *socket, const char *name)
{
	struct ifreq answer;
	int r = ask_about(socket->packets, SIOCGIFINDEX, name, &answer);

	if (r < 0)
		return r;
	socket->index = (unsigned int)answer.ifr_ifindex;
	r = ask_about(socket->packets, SIOCGIFMTU, name, &answer);
	if (r < 0)
		return r;
	socket->mtu = (unsigned int)answer.ifr_mtu;
	r = ask_about(socket->packets, SIOCGIFHWADDR, name, &answer);
	if (r < 0)
		return r;
	if (answer.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EAFNOSUPPORT;
	memcpy(socket->mac, answer.ifr_hwaddr.sa_data, sizeof(socket->mac));
	return 0;
}

static int listen_to(const struct dhcp_socket *socket)
{
	const struct sock_fprog program = { ARRAY_LEN(filter), filter };
	const struct sockaddr_ll address = { .sll_family = AF_PACKET,
					     .sll_protocol = htons(ETH_P_IP),
					     .sll_ifindex = (int)socket->index };

	if (setsockopt(socket->packets, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) <
		    0 ||
	    bind(socket->packets, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return 0;
}

int dhcp_socket_open(int netns, const char *name, struct dhcp_socket *ret)
{
	struct dhcp_socket socket = DHCP_SOCKET_NULL;
	int r = netns_visit(netns, open_both, &socket);

	if (r == 0)
		r = look(&socket, name);
	if (r == 0)
		r = listen_to(&socket);
	if (r < 0) {
		dhcp_socket_close(&socket);
		return r;
	}
	*ret = socket;
	return 0;
}

void dhcp_socket_close(struct dhcp_socket *socket)
{
	closep(&socket->packets);
	closep(&socket->route);
}

int dhcp_socket_send(const struct dhcp_socket *socket, const struct dhcp_packet *packet)
{
	unsigned char frame[DHCP_FRAME_OUT_MAX];
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_IP),
				       .sll_ifindex = (int)socket->index,
				       .sll_halen = DHCP_MAC_BYTES };
	size_t size;

	if (packet->size == 0)
		return 0;
	size = dhcp_frame_format(packet->bytes, packet->size, &packet->source, &packet->target,
				 frame);
	memcpy(address.sll_addr, packet->target_mac, DHCP_MAC_BYTES);
	return sendto(socket->packets, frame, size, MSG_DONTWAIT, (const struct sockaddr *)&address,
		      sizeof(address)) < 0
		       ? -errno
		       : 0;
}

int dhcp_socket_receive(const struct dhcp_socket *socket, const unsigned char **ret_message,
			unsigned char ret_mac[static DHCP_MAC_BYTES])
{
	static unsigned char frame[DHCP_FRAME_IN_MAX];
	struct sockaddr_ll sender = {};
	socklen_t sender_size = sizeof(sender);
	size_t size = 0;
	ssize_t got = recvfrom(socket->packets, frame, sizeof(frame), MSG_DONTWAIT | MSG_TRUNC,
			       (struct sockaddr *)&sender, &sender_size);

	if (got < 0)
		return -errno;
	if (got > (ssize_t)sizeof(frame) || sender.sll_pkttype == PACKET_OUTGOING ||
	    sender.sll_halen != DHCP_MAC_BYTES ||
	    dhcp_frame_parse(frame, (size_t)got, ret_message, &size) < 0)
		return 0;
	memcpy(ret_mac, sender.sll_addr, DHCP_MAC_BYTES);
	return (int)size;
}
