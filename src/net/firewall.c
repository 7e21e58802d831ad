/* SPDX-License-Identifier: MIT */
/* Rules of others that stand in the way.
 *
 * What becomes of a packet that no rule speaks of is told by the rules without a condition, in
 * their order, and by the policy. So drop Docker and ufw (by policy), firewalld (by a last rule)
 * and pve-firewall (by the last rule of a chain that all is sent through). */

#include "net/firewall.h"

#include "base/mem.h"
#include "net/firewall_rules.h"
#include "os/network/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

/* A chain that the kernel calls, as it is read. */
struct chain {
	uint8_t family;
	char table[FIREWALL_NAME_MAX];
	char name[FIREWALL_NAME_MAX];
	uint32_t hook;
	bool has_hook;
	bool drops; /* by its policy */
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
		netlink_copy_text(attribute, chain->table, FIREWALL_NAME_MAX);
		break;
	case NFTA_CHAIN_NAME:
		netlink_copy_text(attribute, chain->name, FIREWALL_NAME_MAX);
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
	if (!chain.has_hook || (chain.hook != NF_INET_FORWARD && chain.hook != NF_INET_LOCAL_IN) ||
	    strcmp(chain.table, chains->own) == 0 ||
	    (chain.family != NFPROTO_IPV4 && chain.family != NFPROTO_IPV6 &&
	     chain.family != NFPROTO_INET))
		return 0;
	chains->items = xreallocarray(chains->items, chains->count + 1, sizeof(chain));
	chains->items[chains->count++] = chain;
	return 0;
}

static bool is_same_table(const struct chain *a, const struct chain *b)
{
	return a->family == b->family && strcmp(a->table, b->table) == 0;
}

/* Tells whether the chain, whose table has @rules, is a barrier. */
static bool is_barrier(const struct chain *chain, const struct firewall_rules *rules)
{
	int verdict = firewall_rules_verdict(rules, chain->name);

	if (verdict == NF_ACCEPT || (verdict < 0 && !chain->drops))
		return false;
	return !firewall_rules_mention(rules, chain->name);
}

int firewall_find(const char *own, const char *bridge, firewall_fn each, void *userdata,
		  struct lxcri_error *err)
{
	autorun(chains_finish) struct chains chains = { .own = own };
	autorun(firewall_rules_finish) struct firewall_rules rules = {};
	autoptr(netlink) netfilter = NULL;
	int count = 0;
	int r = netlink_open(NETLINK_NETFILTER, &netfilter);

	if (r == 0) {
		(void)firewall_add_dump(netfilter, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC);
		r = netlink_run(netfilter, take_chain, &chains);
	}
	for (size_t i = 0; r >= 0 && i < chains.count; i++) {
		const struct chain *chain = &chains.items[i];
		const struct firewall_barrier barrier = {
			.is_input = chain->hook == NF_INET_LOCAL_IN,
			.family = family_name(chain->family),
			.table = chain->table,
			.chain = chain->name,
		};

		/* Those of a table come one behind the other. */
		if (i == 0 || !is_same_table(chain, chain - 1)) {
			firewall_rules_finish(&rules);
			r = firewall_rules_read(netfilter, chain->family, chain->table, bridge,
						&rules);
		}
		if (r < 0 || !is_barrier(chain, &rules))
			continue;
		each(userdata, &barrier);
		count++;
	}
	return r < 0 ? fail_errno(err, r, "look for rules of others") : count;
}
