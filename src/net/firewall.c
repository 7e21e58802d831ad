/* SPDX-License-Identifier: MIT */
/* Rules of others that stand in the way. */

#include "net/firewall.h"

#include "base/mem.h"
#include "os/network/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#define NAME_MAX_BYTES 256

/* One chain, as it is read. */
struct chain {
	uint8_t family;
	char table[NAME_MAX_BYTES];
	char name[NAME_MAX_BYTES];
	uint32_t hook;
	bool has_hook;
	bool drops;
};

struct chains {
	struct chain *items;
	size_t count;
	const char *own;
};

static void chains_finish(struct chains *chains)
{
	free(chains->items);
}

static const char *family_name(uint8_t family)
{
	return family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "inet";
}

static void copy_text(const struct nlattr *attribute, char ret[static NAME_MAX_BYTES])
{
	size_t length =
		strnlen(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));

	if (length >= NAME_MAX_BYTES)
		length = NAME_MAX_BYTES - 1;
	memcpy(ret, mnl_attr_get_payload(attribute), length);
	ret[length] = '\0';
}

static int take_hook(const struct nlattr *attribute, void *userdata)
{
	struct chain *chain = userdata;

	if (mnl_attr_get_type(attribute) == NFTA_HOOK_HOOKNUM &&
	    mnl_attr_validate(attribute, MNL_TYPE_U32) == 0) {
		chain->hook = ntohl(mnl_attr_get_u32(attribute));
		chain->has_hook = true;
	}
	return MNL_CB_OK;
}

static int take_attribute(const struct nlattr *attribute, void *userdata)
{
	struct chain *chain = userdata;

	switch (mnl_attr_get_type(attribute)) {
	case NFTA_CHAIN_TABLE:
		copy_text(attribute, chain->table);
		break;
	case NFTA_CHAIN_NAME:
		copy_text(attribute, chain->name);
		break;
	case NFTA_CHAIN_HOOK:
		(void)mnl_attr_parse_nested(attribute, take_hook, chain);
		break;
	case NFTA_CHAIN_POLICY:
		chain->drops = mnl_attr_validate(attribute, MNL_TYPE_U32) == 0 &&
			       ntohl(mnl_attr_get_u32(attribute)) == NF_DROP;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int take_chain(const struct nlmsghdr *message, void *userdata)
{
	struct chains *chains = userdata;
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	struct chain chain = {};

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return -EBADMSG;
	chain.family = header->nfgen_family;
	(void)mnl_attr_parse(message, sizeof(*header), take_attribute, &chain);
	if (!chain.has_hook || chain.hook != NF_INET_FORWARD || !chain.drops ||
	    strcmp(chain.table, chains->own) == 0 ||
	    (chain.family != NFPROTO_IPV4 && chain.family != NFPROTO_IPV6 &&
	     chain.family != NFPROTO_INET))
		return 0;
	chains->items = xreallocarray(chains->items, chains->count + 1, sizeof(chain));
	chains->items[chains->count++] = chain;
	return 0;
}

/* Whether a name stands in a message. */
struct mention {
	const char *name;
	bool found;
};

static int look_for_name(const struct nlmsghdr *message, void *userdata)
{
	struct mention *mention = userdata;

	mention->found |= memmem(mnl_nlmsg_get_payload(message), mnl_nlmsg_get_payload_len(message),
				 mention->name, strlen(mention->name)) != NULL;
	return 0;
}

static struct nlmsghdr *add_dump(struct netlink *netfilter, uint16_t type, uint8_t family)
{
	struct nlmsghdr *message =
		netlink_add(netfilter, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NLM_F_DUMP,
			    sizeof(struct nfgenmsg));
	struct nfgenmsg *header = netlink_payload(message);

	header->nfgen_family = family;
	return message;
}

/* Tells whether a rule of the chain's table has the bridge's name in it: 1 or 0, or -errno. */
static int is_mentioned(struct netlink *netfilter, const struct chain *chain, const char *bridge)
{
	struct mention mention = { .name = bridge };
	struct nlmsghdr *message = add_dump(netfilter, NFT_MSG_GETRULE, chain->family);
	int r;

	mnl_attr_put_strz(message, NFTA_RULE_TABLE, chain->table);
	r = netlink_run(netfilter, look_for_name, &mention);
	return r < 0 ? r : mention.found;
}

int firewall_find(const char *own, const char *bridge, firewall_fn each, void *userdata,
		  struct lxcri_error *err)
{
	autorun(chains_finish) struct chains chains = { .own = own };
	autoptr(netlink) netfilter = NULL;
	int count = 0;
	int r = netlink_open(NETLINK_NETFILTER, &netfilter);

	if (r == 0) {
		(void)add_dump(netfilter, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC);
		r = netlink_run(netfilter, take_chain, &chains);
	}
	for (size_t i = 0; r >= 0 && i < chains.count; i++) {
		const struct chain *chain = &chains.items[i];
		const struct firewall_barrier barrier = { family_name(chain->family), chain->table,
							  chain->name };

		r = is_mentioned(netfilter, chain, bridge);
		if (r != 0)
			continue;
		each(userdata, &barrier);
		count++;
	}
	return r < 0 ? fail_errno(err, r, "look for rules of others") : count;
}
