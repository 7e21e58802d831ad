/* SPDX-License-Identifier: MIT */
/* The headers of IP and UDP. */

#include "net/dhcp/dhcp_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>

#define HOPS 64

/* Sums @size bytes as numbers of 16 bits. */
static uint32_t add_up(uint32_t sum, const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

size_t dhcp_frame_format(const void *message, size_t size, const struct address *source,
			 const struct address *target, unsigned char ret[static DHCP_FRAME_OUT_MAX])
{
	const size_t udp_size = sizeof(struct udphdr) + size;
	struct iphdr ip = { .version = 4,
			    .ihl = sizeof(ip) / 4,
			    .ttl = HOPS,
			    .protocol = IPPROTO_UDP,
			    .daddr = INADDR_NONE, /* everybody */
			    .tot_len = htons((uint16_t)(sizeof(ip) + udp_size)) };
	struct udphdr udp = { .source = htons(DHCP_CLIENT_PORT),
			      .dest = htons(DHCP_SERVER_PORT),
			      .len = htons((uint16_t)udp_size) };
	uint32_t sum = IPPROTO_UDP + (uint32_t)udp_size;

	if (source->family)
		memcpy(&ip.saddr, source->bytes, 4);
	if (target->family)
		memcpy(&ip.daddr, target->bytes, 4);
	ip.check = fold(add_up(0, (const unsigned char *)&ip, sizeof(ip)));
	/* The addresses count for UDP as well. */
	sum = add_up(sum, (const unsigned char *)&ip.saddr, 8);
	sum = add_up(sum, (const unsigned char *)&udp, sizeof(udp));
	udp.check = fold(add_up(sum, message, size));
	if (udp.check == 0)
		udp.check = 0xffff;
	memcpy(ret, &ip, sizeof(ip));
	memcpy(ret + sizeof(ip), &udp, sizeof(udp));
	memcpy(ret + DHCP_FRAME_HEADERS, message, size);
	return DHCP_FRAME_HEADERS + size;
}

/* The sum of UDP is not looked at: of a sender on this host it has not been made yet. */
int dhcp_frame_parse(const unsigned char *bytes, size_t size, const unsigned char **ret_message,
		     size_t *ret_size)
{
	struct iphdr ip;
	struct udphdr udp;
	size_t head;
	size_t total;
	size_t udp_size;

	if (size < DHCP_FRAME_HEADERS)
		return -ENOENT;
	memcpy(&ip, bytes, sizeof(ip));
	head = (size_t)ip.ihl * 4;
	total = ntohs(ip.tot_len);
	if (ip.version != 4 || head < sizeof(ip) || ip.protocol != IPPROTO_UDP || total > size ||
	    total < head + sizeof(udp) || (ntohs(ip.frag_off) & (IP_MF | IP_OFFMASK)))
		return -ENOENT;
	memcpy(&udp, bytes + head, sizeof(udp));
	udp_size = ntohs(udp.len);
	if (udp_size < sizeof(udp) || udp_size > total - head ||
	    ntohs(udp.source) != DHCP_SERVER_PORT || ntohs(udp.dest) != DHCP_CLIENT_PORT)
		return -ENOENT;
	*ret_message = bytes + head + sizeof(udp);
	*ret_size = udp_size - sizeof(udp);
	return 0;
}
