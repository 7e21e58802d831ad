/* SPDX-License-Identifier: MIT */
/* Our tables of nftables. The form of the messages is the kernel's (linux/netfilter/nf_tables.h): a
 * key or value made of several fields has each of them filled up to a multiple of 4 bytes. */

#include "net/ruleset_part.h"

#include "base/mem.h"
#include "base/text.h"
#include "net/ruleset_chains.h"
#include "os/file.h"
#include "os/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REPLY_BYTES_MAX 4096

#define MARK '@'

static const char *const rules[] = {
#include "net/ruleset.inc"
};
static const char *const service_rules[] = {
#include "net/ruleset_services.inc"
};

static const struct {
	uint8_t family;
	const char *name;
} sets[RULESET_SETS] = {
	[SET_WITHIN] = { NFPROTO_INET, "within" },
	[SET_SELVES4] = { NFPROTO_INET, "selves4" },
	[SET_SELVES6] = { NFPROTO_INET, "selves6" },
	[SET_GATEWAYS4] = { NFPROTO_INET, "gateways4" },
	[SET_GATEWAYS6] = { NFPROTO_INET, "gateways6" },
	[SET_PORTS4] = { NFPROTO_INET, "ports4" },
	[SET_PORTS6] = { NFPROTO_INET, "ports6" },
	[SET_PORTS4_AT] = { NFPROTO_INET, "ports4_at" },
	[SET_PORTS6_AT] = { NFPROTO_INET, "ports6_at" },
	[SET_VIRTUAL4] = { NFPROTO_INET, "virtual4" },
	[SET_VIRTUAL6] = { NFPROTO_INET, "virtual6" },
	[SET_SERVICES4] = { NFPROTO_INET, "services4" },
	[SET_SERVICES6] = { NFPROTO_INET, "services6" },
	[SET_NODES4] = { NFPROTO_INET, "nodes4" },
	[SET_NODES6] = { NFPROTO_INET, "nodes6" },
	[SET_TARGETS4] = { NFPROTO_INET, "targets4" },
	[SET_TARGETS6] = { NFPROTO_INET, "targets6" },
	[SET_NODE_TARGETS4] = { NFPROTO_INET, "node_targets4" },
	[SET_NODE_TARGETS6] = { NFPROTO_INET, "node_targets6" },
	[SET_KEEPERS4] = { NFPROTO_INET, "keepers4" },
	[SET_NODE_KEEPERS4] = { NFPROTO_INET, "node_keepers4" },
	[SET_CLIENTS4] = { NFPROTO_INET, "clients4" },
	[SET_PORTS] = { NFPROTO_BRIDGE, "ports" },
	[SET_MACS] = { NFPROTO_BRIDGE, "macs" },
	[SET_ADDRESSES4] = { NFPROTO_BRIDGE, "addresses4" },
	[SET_ADDRESSES6] = { NFPROTO_BRIDGE, "addresses6" },
	[SET_TARGETS_ND6] = { NFPROTO_BRIDGE, "targets6" },
};

static const uint8_t families[] = { NFPROTO_INET, NFPROTO_BRIDGE };

int ruleset_open(const char *table, struct ruleset **ret, struct lxcri_error *err)
{
	autoptr(ruleset) ruleset = xnew(struct ruleset);
	int r = netlink_open(NETLINK_NETFILTER, &ruleset->netfilter);

	if (r < 0)
		return fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "reach nftables, which published ports and isolation need");
	(void)snprintf(ruleset->table, sizeof(ruleset->table), "%s", table);
	*ret = steal(ruleset);
	return 0;
}

void ruleset_free(struct ruleset *ruleset)
{
	if (!ruleset)
		return;
	netlink_free(ruleset->netfilter);
	netlink_free(ruleset->reader);
	free(ruleset->clients.items);
	free(ruleset->gone);
	free(ruleset);
}

/* Adds a message of nftables. */
static struct nlmsghdr *add(struct netlink *netfilter, uint16_t type, uint16_t flags,
			    uint8_t family)
{
	struct nlmsghdr *message =
		netlink_add(netfilter, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
			    sizeof(struct nfgenmsg));
	struct nfgenmsg *header;

	if (!message)
		return NULL;
	header = netlink_payload(message);
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	return message;
}

/* Adds the message that begins or ends a transaction. */
static void put_bound(struct netlink *netfilter, uint16_t type)
{
	struct nlmsghdr *message = netlink_add(netfilter, type, 0, sizeof(struct nfgenmsg));
	struct nfgenmsg *header;

	if (!message)
		return;
	header = netlink_payload(message);
	header->version = NFNETLINK_V0;
	header->res_id = htons(NFNL_SUBSYS_NFTABLES);
}

static void begin(struct ruleset *ruleset)
{
	if (!ruleset->is_open)
		put_bound(ruleset->netfilter, NFNL_MSG_BATCH_BEGIN);
	ruleset->is_open = true;
}

static int end(struct ruleset *ruleset)
{
	if (!ruleset->is_open)
		return 0;
	ruleset->is_open = false;
	put_bound(ruleset->netfilter, NFNL_MSG_BATCH_END);
	return netlink_run(ruleset->netfilter, NULL, NULL);
}

int ruleset_is_loaded(struct ruleset *ruleset, struct lxcri_error *err)
{
	/* The last set of the last table: nft loads all or nothing. */
	struct nlmsghdr *message = add(ruleset->netfilter, NFT_MSG_GETSET, 0, NFPROTO_BRIDGE);
	int r;

	mnl_attr_put_strz(message, NFTA_SET_TABLE, ruleset->table);
	mnl_attr_put_strz(message, NFTA_SET_NAME, sets[SET_TARGETS_ND6].name);
	r = netlink_run(ruleset->netfilter, NULL, NULL);
	if (r == 0) {
		message = add(ruleset->netfilter, NFT_MSG_GETSET, 0, NFPROTO_INET);
		mnl_attr_put_strz(message, NFTA_SET_TABLE, ruleset->table);
		mnl_attr_put_strz(message, NFTA_SET_NAME, sets[SET_SELVES6].name);
		r = netlink_run(ruleset->netfilter, NULL, NULL);
	}
	/* A kernel that has no nftables any more has no tables either. */
	if (r == -ENOENT || r == -EINVAL || r == -EOPNOTSUPP)
		return 0;
	return r < 0 ? fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "look for the table %s of nftables", ruleset->table)
		     : 1;
}

int ruleset_has_services(struct ruleset *ruleset, struct lxcri_error *err)
{
	struct nlmsghdr *message;
	int r = 0;

	if (ruleset->services != RULESET_NOT_ASKED)
		return ruleset->services == RULESET_SERVICES;
	if (!ruleset->reader)
		r = netlink_open(NETLINK_NETFILTER, &ruleset->reader);
	if (r == 0) {
		message = add(ruleset->reader, NFT_MSG_GETSET, 0, NFPROTO_INET);
		mnl_attr_put_strz(message, NFTA_SET_TABLE, ruleset->table);
		mnl_attr_put_strz(message, NFTA_SET_NAME, sets[SET_CLIENTS4].name);
		r = netlink_run(ruleset->reader, NULL, NULL);
	}
	if (r < 0 && r != -ENOENT && r != -EINVAL && r != -EOPNOTSUPP)
		return fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "look for the rules of services in the table %s of nftables",
				       ruleset->table);
	ruleset->services = r == 0 ? RULESET_SERVICES : RULESET_NO_SERVICES;
	return r == 0;
}

/* Adds what stands for the mark at @at, if it is one: else that one character. Returns how long the
 * mark is. */
static size_t add_marked(struct text *text, const char *at, const char *table)
{
	static const struct {
		const char *mark;
		void (*add)(struct text *text);
	} chains[] = { { "@PICKS@", ruleset_chains_add_picks },
		       { "@KEEPS@", ruleset_chains_add_keeps } };
	static const char table_mark[] = "@TABLE@";

	if (!*at)
		return 0;
	if (text_starts_with(at, table_mark)) {
		text_add(text, table);
		return strlen(table_mark);
	}
	for (size_t i = 0; i < ARRAY_LEN(chains); i++)
		/* In the comment that explains it it means itself. */
		if (text_starts_with(at, chains[i].mark) && at[-1] == '\n') {
			chains[i].add(text);
			return strlen(chains[i].mark);
		}
	text_append(text, at, 1);
	return 1;
}

static void add_rules(struct text *text, const char *at, const char *table)
{
	while (*at) {
		const char *mark = strchrnul(at, MARK);

		text_append(text, at, (size_t)(mark - at));
		at = mark + add_marked(text, mark, table);
	}
}

/* Returns what nft is to load: our tables, in place of those that may be there. */
static char *make_text(const char *table)
{
	struct text text = {};

	for (size_t i = 0; i < 2; i++) {
		const char *family = families[i] == NFPROTO_INET ? "inet" : "bridge";

		text_addf(&text, "table %s %s\ndelete table %s %s\n", family, table, family, table);
	}
	add_rules(&text, rules[0], table);
	return text_steal(&text);
}

/* Returns what is added to them for services. */
static char *make_service_text(const char *table)
{
	struct text text = {};

	add_rules(&text, service_rules[0], table);
	return text_steal(&text);
}

/* Makes a file of @text that nobody else has. */
static int make_file(const char *text)
{
	autoclose int fd = memfd_create("proxmox-lxcri.nft", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : file_write_all(fd, text, strlen(text));

	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? r : steal_fd(&fd);
}

static const char *find_nft(void)
{
	static const char *const paths[] = { "/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	return NULL;
}

/* Says what nft said first. */
static int refuse(int reply, struct lxcri_error *err)
{
	autofree char *text = NULL;
	size_t size = 0;

	if (lseek(reply, 0, SEEK_SET) < 0 ||
	    file_read_fd(reply, REPLY_BYTES_MAX, &text, &size) < 0 || !text)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED, "nft refused the rules");
	text[strcspn(text, "\n")] = '\0';
	text_mask_controls(text, '?');
	return fail(err, LXCRI_E_CONFIGURATION_FAILED, "nft refused the rules: %s", text);
}

static int load(const char *text, struct lxcri_error *err)
{
	const char *nft = find_nft();
	autoclose int input = make_file(text);
	autoclose int reply = make_file("");
	char *const argv[] = { (char *)"nft", (char *)"-f", (char *)"-", NULL };
	const int fds[] = { input, -1, reply };
	const struct spawn spawn = { .path = nft, .argv = argv, .fds = fds, .n_fds = 3 };
	pid_t pid;
	int status;

	if (!nft)
		return fail(err, LXCRI_E_CONFIGURATION_FAILED,
			    "there is no nft; install nftables, or use --network none");
	if (input < 0 || reply < 0)
		return fail_errno(err, input < 0 ? input : reply, "write the rules for nft");
	pid = process_spawn(&spawn);
	status = pid < 0 ? (int)pid : process_wait(pid);
	if (status < 0)
		return fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, status, "run %s", nft);
	return process_exit_code(status) == 0 ? 0 : refuse(reply, err);
}

int ruleset_load(struct ruleset *ruleset, struct lxcri_error *err)
{
	autofree char *text = make_text(ruleset->table);

	ruleset->services = RULESET_NOT_ASKED;
	return load(text, err);
}

int ruleset_load_services(struct ruleset *ruleset, struct lxcri_error *err)
{
	autofree char *text = make_service_text(ruleset->table);

	ruleset->services = RULESET_NOT_ASKED;
	return load(text, err);
}

int ruleset_unload(struct ruleset *ruleset, struct lxcri_error *err)
{
	int r;

	begin(ruleset);
	/* To add what is there is no failure, and to delete what was just added neither. */
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		for (size_t step = 0; step < 2; step++) {
			struct nlmsghdr *message =
				add(ruleset->netfilter, step ? NFT_MSG_DELTABLE : NFT_MSG_NEWTABLE,
				    step ? 0 : NLM_F_CREATE, families[i]);

			mnl_attr_put_strz(message, NFTA_TABLE_NAME, ruleset->table);
		}
	r = end(ruleset);
	ruleset->services = RULESET_NOT_ASKED;
	return r < 0 ? fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "remove the table %s of nftables", ruleset->table)
		     : 0;
}

void ruleset_clear(struct ruleset *ruleset)
{
	begin(ruleset);
	for (size_t i = 0; i < RULESET_SETS; i++) {
		struct nlmsghdr *message;

		/* Clients stay with what they were led to. */
		if (i == SET_CLIENTS4 || (i >= SET_VIRTUAL4 && i < SET_CLIENTS4 &&
					  ruleset->services != RULESET_SERVICES))
			continue;
		message = add(ruleset->netfilter, NFT_MSG_DELSETELEM, 0, sets[i].family);

		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, ruleset->table);
		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, sets[i].name);
	}
}

void ruleset_put_field(struct ruleset_fields *fields, const void *bytes, size_t size)
{
	memcpy(fields->bytes + fields->size, bytes, size);
	fields->size += (size + 3) / 4 * 4;
}

static void put_name(struct ruleset_fields *fields, const char *name)
{
	char padded[IFNAMSIZ] = "";

	(void)snprintf(padded, sizeof(padded), "%s", name);
	ruleset_put_field(fields, padded, sizeof(padded));
}

void ruleset_put_port(struct ruleset_fields *fields, uint16_t port)
{
	uint16_t in_network_order = htons(port);

	ruleset_put_field(fields, &in_network_order, sizeof(in_network_order));
}

static void put_fields(struct nlmsghdr *message, uint16_t type, const struct ruleset_fields *fields)
{
	struct nlattr *attribute = mnl_attr_nest_start(message, type);

	if (*fields->chain) {
		struct nlattr *verdict = mnl_attr_nest_start(message, NFTA_DATA_VERDICT);

		mnl_attr_put_u32(message, NFTA_VERDICT_CODE, htonl((uint32_t)NFT_GOTO));
		mnl_attr_put_strz(message, NFTA_VERDICT_CHAIN, fields->chain);
		mnl_attr_nest_end(message, verdict);
	} else {
		mnl_attr_put(message, NFTA_DATA_VALUE, fields->size, fields->bytes);
	}
	mnl_attr_nest_end(message, attribute);
}

static void put_set(struct nlmsghdr *message, const struct ruleset *ruleset, enum ruleset_set set)
{
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, ruleset->table);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, sets[set].name);
}

static void put_list(struct nlmsghdr *message, const struct ruleset_fields *key,
		     const struct ruleset_fields *value)
{
	struct nlattr *list;
	struct nlattr *element;

	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	put_fields(message, NFTA_SET_ELEM_KEY, key);
	if (value)
		put_fields(message, NFTA_SET_ELEM_DATA, value);
	mnl_attr_nest_end(message, element);
	mnl_attr_nest_end(message, list);
}

void ruleset_put_element(struct ruleset *ruleset, uint16_t type, enum ruleset_set set,
			 const struct ruleset_fields *key, const struct ruleset_fields *value)
{
	struct nlmsghdr *message;

	begin(ruleset);
	message = add(ruleset->netfilter, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0,
		      sets[set].family);
	if (!message)
		return;
	put_set(message, ruleset, set);
	put_list(message, key, value);
}

/* How many elements are asked for at a time: the answers wait in the socket. */
#define ASKED_MAX 64

static int take_verdict(const struct nlattr *attribute, void *userdata)
{
	struct ruleset_fields *fields = userdata;

	if (mnl_attr_get_type(attribute) == NFTA_VERDICT_CHAIN)
		(void)snprintf(fields->chain, sizeof(fields->chain), "%.*s",
			       (int)mnl_attr_get_payload_len(attribute),
			       (const char *)mnl_attr_get_payload(attribute));
	return MNL_CB_OK;
}

static int take_element_part(const struct nlattr *attribute, void *userdata)
{
	struct ruleset_fields *fields = userdata;
	size_t size = mnl_attr_get_payload_len(attribute);

	switch (mnl_attr_get_type(attribute)) {
	case NFTA_DATA_VALUE:
		if (size > sizeof(fields->bytes))
			return MNL_CB_ERROR;
		memcpy(fields->bytes, mnl_attr_get_payload(attribute), size);
		fields->size = size;
		return MNL_CB_OK;
	case NFTA_DATA_VERDICT:
		return mnl_attr_parse_nested(attribute, take_verdict, fields);
	default:
		return MNL_CB_OK;
	}
}

static int take_element_member(const struct nlattr *attribute, void *userdata)
{
	struct ruleset_element *element = userdata;

	switch (mnl_attr_get_type(attribute)) {
	case NFTA_SET_ELEM_KEY:
		return mnl_attr_parse_nested(attribute, take_element_part, &element->key);
	case NFTA_SET_ELEM_DATA:
		return mnl_attr_parse_nested(attribute, take_element_part, &element->value);
	default:
		return MNL_CB_OK;
	}
}

static int take_element(const struct nlattr *attribute, void *userdata)
{
	struct ruleset_element_list *list = userdata;

	/* A power of two is full. */
	if ((list->count & (list->count - 1)) == 0)
		list->items = xreallocarray(list->items, list->count ? list->count * 2 : 1,
					    sizeof(*list->items));
	list->items[list->count] = (struct ruleset_element){};
	return mnl_attr_parse_nested(attribute, take_element_member, &list->items[list->count++]);
}

static int take_elements(const struct nlattr *attribute, void *userdata)
{
	return mnl_attr_get_type(attribute) == NFTA_SET_ELEM_LIST_ELEMENTS
		       ? mnl_attr_parse_nested(attribute, take_element, userdata)
		       : MNL_CB_OK;
}

static int take_answer(const struct nlmsghdr *message, void *userdata)
{
	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
		return 0;
	return mnl_attr_parse(message, sizeof(struct nfgenmsg), take_elements, userdata) < 0
		       ? -EBADMSG
		       : 0;
}

static void ask(struct ruleset *ruleset, enum ruleset_set set, const struct ruleset_fields *key)
{
	struct nlmsghdr *message =
		add(ruleset->reader, NFT_MSG_GETSETELEM, key ? 0 : NLM_F_DUMP, sets[set].family);

	if (!message)
		return;
	put_set(message, ruleset, set);
	if (key)
		put_list(message, key, NULL);
}

int ruleset_read_elements(struct ruleset *ruleset, enum ruleset_set set,
			  const struct ruleset_fields *keys, size_t n_keys,
			  struct ruleset_element_list *ret)
{
	int r = ruleset->reader ? 0 : netlink_open(NETLINK_NETFILTER, &ruleset->reader);
	size_t done = 0;

	while (r == 0 && done < n_keys) {
		for (size_t i = 0; i < ASKED_MAX && done < n_keys; i++)
			ask(ruleset, set, &keys[done++]);
		r = netlink_run(ruleset->reader, take_answer, ret);
		r = r == -ENOENT ? 0 : r;
	}
	if (r == 0 && !keys) {
		ask(ruleset, set, NULL);
		r = netlink_run(ruleset->reader, take_answer, ret);
	}
	return r;
}

/* What may not be there is added before it is removed. */
static void change_element(struct ruleset *ruleset, enum ruleset_change change,
			   enum ruleset_set set, const struct ruleset_fields *key,
			   const struct ruleset_fields *value)
{
	ruleset_put_element(ruleset, NFT_MSG_NEWSETELEM, set, key, value);
	if (change == RULESET_REMOVE)
		ruleset_put_element(ruleset, NFT_MSG_DELSETELEM, set, key, value);
}

void ruleset_change_network(struct ruleset *ruleset, enum ruleset_change change,
			    const struct ruleset_network *network)
{
	struct ruleset_fields pair = {};

	put_name(&pair, network->bridge);
	put_name(&pair, network->bridge);
	if (!network->isolated || change == RULESET_REMOVE)
		change_element(ruleset, change, SET_WITHIN, &pair, NULL);
	for (size_t i = 0; i < ARRAY_LEN(network->gateways); i++) {
		const struct address *gateway = &network->gateways[i];
		struct ruleset_fields key = {};

		if (!gateway->family)
			continue;
		ruleset_put_field(&key, gateway->bytes, address_size(gateway));
		change_element(ruleset, change,
			       gateway->family == AF_INET ? SET_GATEWAYS4 : SET_GATEWAYS6, &key,
			       NULL);
	}
}

static void change_address(struct ruleset *ruleset, enum ruleset_change change,
			   const char *interface, const struct address *address)
{
	struct ruleset_fields key = {};

	put_name(&key, interface);
	ruleset_put_field(&key, address->bytes, address_size(address));
	change_element(ruleset, change,
		       address->family == AF_INET ? SET_ADDRESSES4 : SET_ADDRESSES6, &key, NULL);
	if (address->family == AF_INET6)
		change_element(ruleset, change, SET_TARGETS_ND6, &key, NULL);
}

/* A container that reaches itself by way of the host. */
static void change_self(struct ruleset *ruleset, enum ruleset_change change,
			const struct address *address)
{
	struct ruleset_fields key = {};

	ruleset_put_field(&key, address->bytes, address_size(address));
	ruleset_put_field(&key, address->bytes, address_size(address));
	change_element(ruleset, change, address->family == AF_INET ? SET_SELVES4 : SET_SELVES6,
		       &key, NULL);
}

void ruleset_change_endpoint(struct ruleset *ruleset, enum ruleset_change change,
			     const struct ruleset_endpoint *endpoint)
{
	const struct address local = link_local_address(endpoint->mac);
	struct ruleset_fields port = {};
	struct ruleset_fields mac = {};

	for (size_t i = 0; i < ARRAY_LEN(endpoint->addresses); i++)
		if (endpoint->addresses[i].family)
			change_self(ruleset, change, &endpoint->addresses[i]);
	if (endpoint->may_spoof && change == RULESET_ADD)
		return;
	put_name(&port, endpoint->interface);
	put_name(&mac, endpoint->interface);
	ruleset_put_field(&mac, endpoint->mac, LINK_MAC_BYTES);
	change_element(ruleset, change, SET_MACS, &mac, NULL);
	for (size_t i = 0; i < ARRAY_LEN(endpoint->addresses); i++)
		if (endpoint->addresses[i].family)
			change_address(ruleset, change, endpoint->interface,
				       &endpoint->addresses[i]);
	change_address(ruleset, change, endpoint->interface, &local);
	change_element(ruleset, change, SET_PORTS, &port, NULL);
}

static bool is_any(const struct address *address)
{
	static const unsigned char zeroes[16];

	return !address->family || memcmp(address->bytes, zeroes, sizeof(zeroes)) == 0;
}

void ruleset_change_port(struct ruleset *ruleset, enum ruleset_change change,
			 const struct ruleset_port *port)
{
	bool any = is_any(&port->host);
	bool is_v4 = port->target.family == AF_INET;
	struct ruleset_fields key = {};
	struct ruleset_fields value = {};

	if (!any)
		ruleset_put_field(&key, port->host.bytes, address_size(&port->host));
	ruleset_put_field(&key, &port->protocol, sizeof(port->protocol));
	ruleset_put_port(&key, port->host_port);
	ruleset_put_field(&value, port->target.bytes, address_size(&port->target));
	ruleset_put_port(&value, port->target_port);
	change_element(ruleset, change,
		       is_v4 ? any ? SET_PORTS4 : SET_PORTS4_AT
		       : any ? SET_PORTS6
			     : SET_PORTS6_AT,
		       &key, &value);
}

int ruleset_commit(struct ruleset *ruleset, struct lxcri_error *err)
{
	int r = end(ruleset);

	/* Those that are led there already pass no rule any more. */
	if (r == 0)
		conntrack_forget(ruleset->gone, ruleset->n_gone);
	ruleset->n_gone = 0;

	return r < 0 ? fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "change the table %s of nftables%s%s", ruleset->table,
				       *netlink_complaint(ruleset->netfilter) ? ": " : "",
				       netlink_complaint(ruleset->netfilter))
		     : 0;
}
