/* SPDX-License-Identifier: MIT */
#pragma once

/* The options of run and create that say how a container is reached. */

#include "base/strings.h"
#include "cli/options.h"
#include "lxcri/network.h"

struct network_options {
	struct strings networks;
	const char *ip;
	const char *ip6;
	const char *mac_address;
	struct strings aliases;
	struct strings services;
	struct strings publish;
	bool publish_all;
	struct strings dns;
	struct strings dns_search;
	struct strings dns_options;
};

/* clang-format off */
#define NETWORK_OPTION(struct_, member_, name_, letter_, kind_, value_, help_, form_) \
	{ name_, letter_, OPTION_##kind_, offsetof(struct struct_, member_), value_, help_, form_ }

/* The rows of a verb's table: @member_ of `struct struct_` is a struct network_options. */
#define NETWORK_OPTIONS(struct_, member_, form_)                                                     \
	NETWORK_OPTION(struct_, member_.networks, "network", 0, LIST, "NAME|none|host|container:ID", \
		       "network (default); may be given again", form_),                              \
	NETWORK_OPTION(struct_, member_.ip, "ip", 0, TEXT, "ADDRESS",                                \
		       "address of IPv4 in the first network", form_),                               \
	NETWORK_OPTION(struct_, member_.ip6, "ip6", 0, TEXT, "ADDRESS",                              \
		       "address of IPv6 in the first network", form_),                               \
	NETWORK_OPTION(struct_, member_.mac_address, "mac-address", 0, TEXT, "MAC",                  \
		       "MAC address in the first network", form_),                                   \
	NETWORK_OPTION(struct_, member_.aliases, "network-alias", 0, LIST, "NAME",                   \
		       "further name in its networks", form_),                                       \
	NETWORK_OPTION(struct_, member_.services, "service", 0, LIST, "NAME[.NAMESPACE]",            \
		       "headless service of its networks that it is of", form_),                     \
	NETWORK_OPTION(struct_, member_.publish, "publish", 'p', LIST,                               \
		       "[[IP:]PORT:]PORT[/tcp|udp|sctp]",                                            \
		       "publish a port, or a range, on the host", form_),                            \
	NETWORK_OPTION(struct_, member_.publish_all, "publish-all", 'P', FLAG, NULL,                 \
		       "publish the ports that the image exposes", form_),                           \
	NETWORK_OPTION(struct_, member_.dns, "dns", 0, LIST, "ADDRESS", "name server", form_),       \
	NETWORK_OPTION(struct_, member_.dns_search, "dns-search", 0, LIST, "DOMAIN",                 \
		       "domain that names are looked for in", form_),                                \
	NETWORK_OPTION(struct_, member_.dns_options, "dns-option", 0, LIST, "OPTION",                \
		       "option of the resolver", form_)
/* clang-format on */

/* Reads "tcp", "udp" or "sctp". 0, or -1 for any other word. */
[[nodiscard]] int network_options_parse_protocol(const char *name, enum lxcri_protocol *ret);

/* Reads a value of --publish. *@ret_texts keeps what @ret points to. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int network_options_parse_port(const char *value, struct strings *ret_texts,
					     struct lxcri_port *ret, struct lxcri_error *err);

/* Reads what says which published port it is: as above, and the port of the host alone will do.
 * LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int network_options_parse_published(const char *value, struct strings *ret_texts,
						  struct lxcri_port *ret, struct lxcri_error *err);
