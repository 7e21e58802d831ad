/* SPDX-License-Identifier: MIT */
/* What networks of containers will stand on. */

#include "engine/doctor/doctor.h"
#include "engine/doctor/probe.h"

#include "base/mem.h"
#include "net/dns/dns_message.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define SOCKETS_MAX     (16u << 20)
#define STATE_LISTENING 10 /* TCP_LISTEN, as /proc/net/tcp has it */
#define STATE_UNBOUND   7  /* what a UDP socket that waits has there */

static void check_forwarding(struct doctor *doctor, const char *check, const char *path)
{
	const struct advice advice = { check,
				       "containers on a bridge reach nothing beyond this host",
				       "nothing to do: it is switched on when a network needs it" };
	uint64_t value = 0;
	int r = probe_read_number(path, &value);

	if (r < 0)
		doctor_report(doctor, LXCRI_HEALTH_INFO, &advice, "%s: %s", path, strerror(-r));
	else
		doctor_report(doctor, value ? LXCRI_HEALTH_OK : LXCRI_HEALTH_INFO, &advice, "%s",
			      value ? "on" : "off");
}

static void check_bridge_filter(struct doctor *doctor)
{
	static const struct advice advice = {
		"network.bridge_filter",
		"packets between containers of one bridge pass the host's iptables rules, which "
		"may drop them",
		"sysctl net.bridge.bridge-nf-call-iptables=0, unless another engine needs it"
	};
	uint64_t value = 0;

	/* Without the module br_netfilter there is no such file, which is well. */
	(void)probe_read_number("/proc/sys/net/bridge/bridge-nf-call-iptables", &value);
	doctor_report(doctor, value ? LXCRI_HEALTH_WARNING : LXCRI_HEALTH_OK, &advice, "%s",
		      value ? "bridge-nf-call-iptables is on" : "off");
}

/* Asks nf_tables for its generation, the smallest question that it answers. */
static int ask_nftables(void)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg body;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
			    .nlmsg_flags = NLM_F_REQUEST },
		.body = { .version = NFNETLINK_V0 },
	};
	char answer[4096];
	autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct nlmsghdr header;

	if (fd < 0 || send(fd, &request, sizeof(request), 0) < 0)
		return -errno;

	ssize_t size = recv(fd, answer, sizeof(answer), 0);

	if (size < (ssize_t)sizeof(header))
		return size < 0 ? -errno : -EPROTO;
	memcpy(&header, answer, sizeof(header));
	if (header.nlmsg_type != NLMSG_ERROR)
		return 0;
	if (size < (ssize_t)(sizeof(header) + sizeof(int)))
		return -EPROTO;

	int error;

	memcpy(&error, answer + sizeof(header), sizeof(error));
	return error;
}

static void check_nftables(struct doctor *doctor)
{
	static const struct advice advice = {
		"network.nftables", "bridges, port forwarding and isolation cannot be had",
		"boot a kernel with CONFIG_NF_TABLES, or load the module nf_tables"
	};
	int r = ask_nftables();

	if (r < 0)
		doctor_report(doctor, LXCRI_HEALTH_WARNING, &advice, "%s", strerror(-r));
	else
		doctor_report(doctor, LXCRI_HEALTH_OK, &advice, "the kernel has it");
}

/* Counts the sockets of the table @path that wait at @port on any address. */
static unsigned int count_at_any(const char *path, unsigned int port, unsigned int state)
{
	autofree char *text = NULL;
	char *at = NULL;
	unsigned int found = 0;
	size_t size;

	if (file_read(AT_FDCWD, path, SOCKETS_MAX, &text, &size) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &at); line; line = strtok_r(NULL, "\n", &at)) {
		char address[33];
		unsigned int line_port;
		unsigned int line_state;

		if (sscanf(line, " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x", address, &line_port,
			   &line_state) == 3 &&
		    line_port == port && line_state == state &&
		    strspn(address, "0") == strlen(address))
			found++;
	}
	return found;
}

static void check_dns_port(struct doctor *doctor)
{
	static const struct advice advice = {
		"network.port_53",
		"a name server for containers could not listen on a bridge's address",
		"bind the other name server to the addresses that it serves"
	};
	unsigned int found = count_at_any("/proc/net/udp", DNS_PORT, STATE_UNBOUND) +
			     count_at_any("/proc/net/udp6", DNS_PORT, STATE_UNBOUND) +
			     count_at_any("/proc/net/tcp", DNS_PORT, STATE_LISTENING) +
			     count_at_any("/proc/net/tcp6", DNS_PORT, STATE_LISTENING);

	doctor_report(doctor, found ? LXCRI_HEALTH_INFO : LXCRI_HEALTH_OK, &advice, "%s",
		      found ? "somebody listens on every address" : "free");
}

void doctor_network(struct doctor *doctor)
{
	check_forwarding(doctor, "network.ipv4_forwarding", "/proc/sys/net/ipv4/ip_forward");
	check_forwarding(doctor, "network.ipv6_forwarding",
			 "/proc/sys/net/ipv6/conf/all/forwarding");
	check_bridge_filter(doctor);
	check_nftables(doctor);
	check_dns_port(doctor);
}
