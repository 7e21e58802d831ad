/* SPDX-License-Identifier: MIT */

#include "net/firewall_rules.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#define JUMPS_MAX 16 /* as the kernel has it */

/* What a rule does with every packet, or that it speaks of the bridge. */
struct firewall_rule {
	char chain[FIREWALL_NAME_MAX];
	char target[FIREWALL_NAME_MAX]; /* of a jump */
	int32_t verdict;                /* NF_ACCEPT, NF_DROP, NFT_JUMP, NFT_GOTO, NFT_RETURN */
	bool has_verdict;
	bool has_condition;
	bool mentions;
};

/* One expression of a rule. */
struct expression {
	const struct nlattr *data;
	char name[FIREWALL_NAME_MAX];
	char extension[FIREWALL_NAME_MAX]; /* of iptables */
};

struct nlmsghdr *firewall_add_dump(struct netlink *netfilter, uint16_t type, uint8_t family)
{
	struct nlmsghdr *message =
		netlink_add(netfilter, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NLM_F_DUMP,
			    sizeof(struct nfgenmsg));
	struct nfgenmsg *header = netlink_payload(message);

	header->nfgen_family = family;
	return message;
}

static int take_verdict(const struct nlattr *attribute, void *userdata)
{
	struct firewall_rule *rule = userdata;

	switch (mnl_attr_get_type(attribute)) {
	case NFTA_VERDICT_CODE:
		if (mnl_attr_validate(attribute, MNL_TYPE_U32) == 0) {
			rule->verdict = (int32_t)ntohl(mnl_attr_get_u32(attribute));
			rule->has_verdict = true;
		}
		break;
	case NFTA_VERDICT_CHAIN:
		netlink_copy_text(attribute, rule->target, FIREWALL_NAME_MAX);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int take_data(const struct nlattr *attribute, void *userdata)
{
	return mnl_attr_get_type(attribute) == NFTA_DATA_VERDICT
		       ? mnl_attr_parse_nested(attribute, take_verdict, userdata)
		       : MNL_CB_OK;
}

static int take_immediate(const struct nlattr *attribute, void *userdata)
{
	return mnl_attr_get_type(attribute) == NFTA_IMMEDIATE_DATA
		       ? mnl_attr_parse_nested(attribute, take_data, userdata)
		       : MNL_CB_OK;
}

static int take_extension(const struct nlattr *attribute, void *userdata)
{
	struct expression *expression = userdata;

	_Static_assert((int)NFTA_TARGET_NAME == (int)NFTA_MATCH_NAME, "of both");
	if (mnl_attr_get_type(attribute) == NFTA_TARGET_NAME)
		netlink_copy_text(attribute, expression->extension, FIREWALL_NAME_MAX);
	return MNL_CB_OK;
}

static int take_member(const struct nlattr *attribute, void *userdata)
{
	struct expression *expression = userdata;

	if (mnl_attr_get_type(attribute) == NFTA_EXPR_NAME)
		netlink_copy_text(attribute, expression->name, FIREWALL_NAME_MAX);
	if (mnl_attr_get_type(attribute) == NFTA_EXPR_DATA)
		expression->data = attribute;
	return MNL_CB_OK;
}

static void refuse(struct firewall_rule *rule)
{
	rule->verdict = NF_DROP;
	rule->has_verdict = true;
}

/* What is neither a verdict nor known to let every packet go on is a condition. */
static int take_expression(const struct nlattr *attribute, void *userdata)
{
	struct firewall_rule *rule = userdata;
	struct expression one = {};

	(void)mnl_attr_parse_nested(attribute, take_member, &one);
	if (one.data && (strcmp(one.name, "target") == 0 || strcmp(one.name, "match") == 0))
		(void)mnl_attr_parse_nested(one.data, take_extension, &one);
	if (one.data && strcmp(one.name, "immediate") == 0)
		(void)mnl_attr_parse_nested(one.data, take_immediate, rule);
	else if (strcmp(one.name, "reject") == 0 || strcmp(one.extension, "REJECT") == 0)
		refuse(rule);
	else if (strcmp(one.name, "counter") != 0 && strcmp(one.name, "log") != 0 &&
		 strcmp(one.name, "target") != 0 && strcmp(one.extension, "comment") != 0)
		rule->has_condition = true;
	return MNL_CB_OK;
}

static int take_attribute(const struct nlattr *attribute, void *userdata)
{
	struct firewall_rule *rule = userdata;

	switch (mnl_attr_get_type(attribute)) {
	case NFTA_RULE_CHAIN:
		netlink_copy_text(attribute, rule->chain, FIREWALL_NAME_MAX);
		break;
	case NFTA_RULE_EXPRESSIONS:
		return mnl_attr_parse_nested(attribute, take_expression, rule);
	default:
		break;
	}
	return MNL_CB_OK;
}

static int take_rule(const struct nlmsghdr *message, void *userdata)
{
	struct firewall_rules *rules = userdata;
	const void *payload = mnl_nlmsg_get_payload(message);
	size_t size = mnl_nlmsg_get_payload_len(message);
	struct firewall_rule rule = {};

	if (size < sizeof(struct nfgenmsg))
		return -EBADMSG;
	(void)mnl_attr_parse(message, sizeof(struct nfgenmsg), take_attribute, &rule);
	rule.mentions = memmem(payload, size, rules->bridge, strlen(rules->bridge)) != NULL;
	if (!rule.mentions && (rule.has_condition || !rule.has_verdict))
		return 0;
	rules->items = xreallocarray(rules->items, rules->count + 1, sizeof(rule));
	rules->items[rules->count++] = rule;
	return 0;
}

int firewall_rules_read(struct netlink *netfilter, uint8_t family, const char *table,
			const char *bridge, struct firewall_rules *ret)
{
	struct nlmsghdr *message = firewall_add_dump(netfilter, NFT_MSG_GETRULE, family);

	*ret = (struct firewall_rules){ .bridge = bridge };
	mnl_attr_put_strz(message, NFTA_RULE_TABLE, table);
	return netlink_run(netfilter, take_rule, ret);
}

/* Returns what is decided in @chain, NFT_RETURN where it goes back, or -1 at its end. */
static int follow(const struct firewall_rules *rules, const char *chain, unsigned int jumps)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct firewall_rule *rule = &rules->items[i];
		int there;

		if (rule->has_condition || !rule->has_verdict || strcmp(rule->chain, chain) != 0)
			continue;
		if (rule->verdict == NF_ACCEPT || rule->verdict == NF_DROP)
			return rule->verdict;
		if (rule->verdict == NFT_RETURN)
			return -1;
		if ((rule->verdict != NFT_JUMP && rule->verdict != NFT_GOTO) || jumps == 0)
			continue;
		there = follow(rules, rule->target, jumps - 1);
		if (there >= 0 || rule->verdict == NFT_GOTO)
			return there;
	}
	return -1;
}

int firewall_rules_verdict(const struct firewall_rules *rules, const char *chain)
{
	return follow(rules, chain, JUMPS_MAX);
}

static bool mentions(const struct firewall_rules *rules, const char *chain, unsigned int jumps)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct firewall_rule *rule = &rules->items[i];
		bool leads = rule->has_verdict && !rule->has_condition &&
			     (rule->verdict == NFT_JUMP || rule->verdict == NFT_GOTO);

		if (strcmp(rule->chain, chain) != 0)
			continue;
		if (rule->mentions ||
		    (leads && jumps > 0 && mentions(rules, rule->target, jumps - 1)))
			return true;
	}
	return false;
}

bool firewall_rules_mention(const struct firewall_rules *rules, const char *chain)
{
	return mentions(rules, chain, JUMPS_MAX);
}

void firewall_rules_finish(struct firewall_rules *rules)
{
	free(rules->items);
	*rules = (struct firewall_rules){};
}
