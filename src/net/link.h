/* SPDX-License-Identifier: MIT */
#pragma once

/* Network interfaces: finding and removing them, their names and addresses. */

#include "base/fail.h"
#include "net/address.h"
#include "os/network/netlink.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* Bridges of ours are in this group of interfaces, whichever instance made them: rules that keep
 * deployment networks apart know them by it. */
#define LINK_GROUP 27768

#define LINK_MAC_BYTES    6
#define LINK_MAC_TEXT_MAX 18

/* An interface, as the kernel tells of it. */
struct link {
	unsigned int index;
	unsigned int master; /* 0: none */
	unsigned int peer;   /* index of the other end of a pair, in its namespace */
	unsigned int group;
	uint32_t mtu;
	bool is_up;
	bool is_bridge;
	bool vlan_filtering;       /* of a bridge */
	unsigned int default_vlan; /* into which a bridge puts every port; 0: none */
	bool is_port;              /* of a bridge */
	bool is_isolated;          /* as such */
	bool is_hairpin;
	char name[IFNAMSIZ];
	char alias[256]; /* "" for none */
	unsigned char mac[LINK_MAC_BYTES];
	uint64_t rx_bytes, rx_packets, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_dropped;
};

/* Reads one message about an interface. 0, -EBADMSG, or -ENOENT when it tells of none. */
[[nodiscard]] int link_read(const struct nlmsghdr *message, struct link *ret);

/* Finds the interface @name. Returns 1, 0 when there is none, or < 0. */
[[nodiscard]] int link_find(struct netlink *route, const char *name, struct link *ret,
			    struct lxcri_error *err);

/* The same by its index. */
[[nodiscard]] int link_find_index(struct netlink *route, unsigned int index, struct link *ret,
				  struct lxcri_error *err);

/* Calls @each for every interface. */
[[nodiscard]] int link_each(struct netlink *route,
			    void (*each)(void *userdata, const struct link *link), void *userdata,
			    struct lxcri_error *err);

/* Adds a message that changes the interface @index, so far nothing of it. Returns its header; that
 * and *@ret_message are good until the next message is added. */
struct ifinfomsg *link_add_change(struct netlink *route, unsigned int index,
				  struct nlmsghdr **ret_message);

/* Adds what gives the interface @index a name, and leaves it down: before Linux 6.2 one that is up
 * keeps its name, and of one message the name is what is done first. */
void link_put_name(struct netlink *route, unsigned int index, const char *name);

/* Removes the interface @index; one that is gone is fine. */
[[nodiscard]] int link_remove(struct netlink *route, unsigned int index, struct lxcri_error *err);

/* Tells whether @name can be an interface's. */
bool link_name_is_valid(const char *name);

/* Reads "02:00:00:00:00:01", of one interface: a group's address, or all zeroes, is -EINVAL. */
[[nodiscard]] int link_mac_parse(const char *text, unsigned char ret[static LINK_MAC_BYTES]);

/* Writes a MAC address. Returns @ret. */
const char *link_mac_format(const unsigned char mac[static LINK_MAC_BYTES],
			    char ret[static LINK_MAC_TEXT_MAX]);

/* The address that the kernel gives an interface with @mac by itself. */
struct address link_local_address(const unsigned char mac[static LINK_MAC_BYTES]);
