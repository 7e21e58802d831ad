/* SPDX-License-Identifier: MIT */
/* Hearing of what becomes of the host's network. Which of it is ours is not asked here: looking
 * costs little, and such things are rare. */

#include "serve/netwatch.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER_BYTES (64u << 10)

struct netwatch {
	void (*lost)(void *userdata);
	void *userdata;
	int fds[2];
	sd_event_source *sources[2];
	uint8_t buffer[BUFFER_BYTES] __attribute__((aligned(8)));
};

void netwatch_free(struct netwatch *netwatch)
{
	if (!netwatch)
		return;
	for (size_t i = 0; i < ARRAY_LEN(netwatch->fds); i++) {
		(void)sd_event_source_disable_unref(netwatch->sources[i]);
		closep(&netwatch->fds[i]);
	}
	free(netwatch);
}

/* A bridge that is set down carries nothing. Veths come and go with containers. */
static bool is_down(const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);

	return message->nlmsg_len >= NLMSG_LENGTH(sizeof(*link)) && !(link->ifi_flags & IFF_UP) &&
	       (link->ifi_change & IFF_UP);
}

static bool is_loss(const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_DELLINK:
	case RTM_DELADDR:
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE:
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELCHAIN:
	case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELRULE:
		return true;
	case RTM_NEWLINK:
		return is_down(message);
	default:
		return false;
	}
}

static int on_message(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct netwatch *netwatch = userdata;
	bool has_loss = false;
	ssize_t size;

	while ((size = recv(fd, netwatch->buffer, BUFFER_BYTES, MSG_DONTWAIT)) > 0) {
		size_t left = (size_t)size;

		for (const struct nlmsghdr *message = (void *)netwatch->buffer;
		     NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
			has_loss = has_loss || is_loss(message);
	}
	/* More than there was room for: among it may be anything. */
	if (has_loss || (size < 0 && errno == ENOBUFS))
		netwatch->lost(netwatch->userdata);
	return 0;
}

static int listen_to(int protocol, const unsigned int *groups, size_t n_groups)
{
	autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK };

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	for (size_t i = 0; i < n_groups; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			return -errno;
	return steal_fd(&fd);
}

int netwatch_create(const struct serve_part *part, void (*lost)(void *userdata), void *userdata,
		    struct netwatch **ret, struct lxcri_error *err)
{
	static const unsigned int route[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
					      RTNLGRP_IPV6_IFADDR };
	static const unsigned int rules[] = { NFNLGRP_NFTABLES };
	autoptr(netwatch) netwatch = xnew(struct netwatch);
	int r = 0;

	netwatch->lost = lost;
	netwatch->userdata = userdata;
	netwatch->fds[0] = listen_to(NETLINK_ROUTE, route, ARRAY_LEN(route));
	netwatch->fds[1] = listen_to(NETLINK_NETFILTER, rules, ARRAY_LEN(rules));
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(netwatch->fds); i++) {
		r = netwatch->fds[i];
		if (r >= 0)
			r = sd_event_add_io(part->event, &netwatch->sources[i], netwatch->fds[i],
					    EPOLLIN, on_message, netwatch);
	}
	if (r < 0)
		return fail_errno(err, r, "listen to the host's network");
	*ret = steal(netwatch);
	return 0;
}
