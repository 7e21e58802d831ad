/* SPDX-License-Identifier: MIT */
/* Our tables of nftables. The form of the messages is the kernel's (linux/netfilter/nf_tables.h): a
 * key or value made of several fields has each of them filled up to a multiple of 4 bytes. */

#include "net/ruleset.h"

#include "base/mem.h"
#include "base/text.h"
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

#define FIELD_BYTES_MAX 64
#define REPLY_BYTES_MAX 4096

/* Of the comment of a set whose name tells which rules these are. */
#define TABLE_MARK "@TABLE@"

static const char *const rules[] = {
#include "net/ruleset.inc"
};

/* The sets and maps of ruleset.nft. */
enum set {
	SET_WITHIN,
	SET_SELVES4,
	SET_SELVES6,
	SET_GATEWAYS4,
	SET_GATEWAYS6,
	SET_PORTS4,
	SET_PORTS6,
	SET_PORTS4_AT,
	SET_PORTS6_AT,
	SET_PORTS,
	SET_MACS,
	SET_ADDRESSES4,
	SET_ADDRESSES6,
	SET_TARGETS6,
	SETS
};

static const struct {
	uint8_t family;
	const char *name;
} sets[SETS] = {
	[SET_WITHIN] = { NFPROTO_INET, "within" },
	[SET_SELVES4] = { NFPROTO_INET, "selves4" },
	[SET_SELVES6] = { NFPROTO_INET, "selves6" },
	[SET_GATEWAYS4] = { NFPROTO_INET, "gateways4" },
	[SET_GATEWAYS6] = { NFPROTO_INET, "gateways6" },
	[SET_PORTS4] = { NFPROTO_INET, "ports4" },
	[SET_PORTS6] = { NFPROTO_INET, "ports6" },
	[SET_PORTS4_AT] = { NFPROTO_INET, "ports4_at" },
	[SET_PORTS6_AT] = { NFPROTO_INET, "ports6_at" },
	[SET_PORTS] = { NFPROTO_BRIDGE, "ports" },
	[SET_MACS] = { NFPROTO_BRIDGE, "macs" },
	[SET_ADDRESSES4] = { NFPROTO_BRIDGE, "addresses4" },
	[SET_ADDRESSES6] = { NFPROTO_BRIDGE, "addresses6" },
	[SET_TARGETS6] = { NFPROTO_BRIDGE, "targets6" },
};

static const uint8_t families[] = { NFPROTO_INET, NFPROTO_BRIDGE };

struct ruleset {
	char table[RULESET_TABLE_MAX];
	struct netlink *netfilter;
	bool is_open; /* a batch has begun */
};

/* The key or the value of an element. */
struct fields {
	unsigned char bytes[FIELD_BYTES_MAX];
	size_t size;
};

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
	mnl_attr_put_strz(message, NFTA_SET_NAME, sets[SET_TARGETS6].name);
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

/* Returns what nft is to load: our tables, in place of those that may be there. */
static char *make_text(const char *table)
{
	struct text text = {};

	for (size_t i = 0; i < 2; i++) {
		const char *family = families[i] == NFPROTO_INET ? "inet" : "bridge";

		text_addf(&text, "table %s %s\ndelete table %s %s\n", family, table, family, table);
	}
	for (const char *at = rules[0]; *at;) {
		const char *mark = strstr(at, TABLE_MARK);

		if (!mark) {
			text_add(&text, at);
			break;
		}
		text_append(&text, at, (size_t)(mark - at));
		text_add(&text, table);
		at = mark + strlen(TABLE_MARK);
	}
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

int ruleset_load(struct ruleset *ruleset, struct lxcri_error *err)
{
	const char *nft = find_nft();
	autofree char *text = make_text(ruleset->table);
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
	return r < 0 ? fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "remove the table %s of nftables", ruleset->table)
		     : 0;
}

void ruleset_clear(struct ruleset *ruleset)
{
	begin(ruleset);
	for (size_t i = 0; i < SETS; i++) {
		struct nlmsghdr *message =
			add(ruleset->netfilter, NFT_MSG_DELSETELEM, 0, sets[i].family);

		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, ruleset->table);
		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, sets[i].name);
	}
}

/* Appends a field, filled up to a multiple of 4 bytes. */
static void put_field(struct fields *fields, const void *bytes, size_t size)
{
	memcpy(fields->bytes + fields->size, bytes, size);
	fields->size += (size + 3) / 4 * 4;
}

static void put_name(struct fields *fields, const char *name)
{
	char padded[IFNAMSIZ] = "";

	(void)snprintf(padded, sizeof(padded), "%s", name);
	put_field(fields, padded, sizeof(padded));
}

static void put_port(struct fields *fields, uint16_t port)
{
	uint16_t in_network_order = htons(port);

	put_field(fields, &in_network_order, sizeof(in_network_order));
}

static void put_fields(struct nlmsghdr *message, uint16_t type, const struct fields *fields)
{
	struct nlattr *attribute = mnl_attr_nest_start(message, type);

	mnl_attr_put(message, NFTA_DATA_VALUE, fields->size, fields->bytes);
	mnl_attr_nest_end(message, attribute);
}

/* Adds one message about one element; @value is that of a map. */
static void put_element(struct ruleset *ruleset, uint16_t type, enum set set,
			const struct fields *key, const struct fields *value)
{
	struct nlmsghdr *message =
		add(ruleset->netfilter, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0,
		    sets[set].family);
	struct nlattr *list;
	struct nlattr *element;

	if (!message)
		return;
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, ruleset->table);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, sets[set].name);
	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	put_fields(message, NFTA_SET_ELEM_KEY, key);
	if (value)
		put_fields(message, NFTA_SET_ELEM_DATA, value);
	mnl_attr_nest_end(message, element);
	mnl_attr_nest_end(message, list);
}

/* What may not be there is added before it is removed. */
static void change_element(struct ruleset *ruleset, enum ruleset_change change, enum set set,
			   const struct fields *key, const struct fields *value)
{
	begin(ruleset);
	put_element(ruleset, NFT_MSG_NEWSETELEM, set, key, value);
	if (change == RULESET_REMOVE)
		put_element(ruleset, NFT_MSG_DELSETELEM, set, key, value);
}

void ruleset_change_network(struct ruleset *ruleset, enum ruleset_change change,
			    const struct ruleset_network *network)
{
	struct fields pair = {};

	put_name(&pair, network->bridge);
	put_name(&pair, network->bridge);
	if (!network->isolated || change == RULESET_REMOVE)
		change_element(ruleset, change, SET_WITHIN, &pair, NULL);
	for (size_t i = 0; i < ARRAY_LEN(network->gateways); i++) {
		const struct address *gateway = &network->gateways[i];
		struct fields key = {};

		if (!gateway->family)
			continue;
		put_field(&key, gateway->bytes, address_size(gateway));
		change_element(ruleset, change,
			       gateway->family == AF_INET ? SET_GATEWAYS4 : SET_GATEWAYS6, &key,
			       NULL);
	}
}

static void change_address(struct ruleset *ruleset, enum ruleset_change change,
			   const char *interface, const struct address *address)
{
	struct fields key = {};

	put_name(&key, interface);
	put_field(&key, address->bytes, address_size(address));
	change_element(ruleset, change,
		       address->family == AF_INET ? SET_ADDRESSES4 : SET_ADDRESSES6, &key, NULL);
	if (address->family == AF_INET6)
		change_element(ruleset, change, SET_TARGETS6, &key, NULL);
}

/* A container that reaches itself by way of the host. */
static void change_self(struct ruleset *ruleset, enum ruleset_change change,
			const struct address *address)
{
	struct fields key = {};

	put_field(&key, address->bytes, address_size(address));
	put_field(&key, address->bytes, address_size(address));
	change_element(ruleset, change, address->family == AF_INET ? SET_SELVES4 : SET_SELVES6,
		       &key, NULL);
}

void ruleset_change_endpoint(struct ruleset *ruleset, enum ruleset_change change,
			     const struct ruleset_endpoint *endpoint)
{
	const struct address local = link_local_address(endpoint->mac);
	struct fields port = {};
	struct fields mac = {};

	for (size_t i = 0; i < ARRAY_LEN(endpoint->addresses); i++)
		if (endpoint->addresses[i].family)
			change_self(ruleset, change, &endpoint->addresses[i]);
	if (endpoint->may_spoof && change == RULESET_ADD)
		return;
	put_name(&port, endpoint->interface);
	put_name(&mac, endpoint->interface);
	put_field(&mac, endpoint->mac, LINK_MAC_BYTES);
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
	struct fields key = {};
	struct fields value = {};

	if (!any)
		put_field(&key, port->host.bytes, address_size(&port->host));
	put_field(&key, &port->protocol, sizeof(port->protocol));
	put_port(&key, port->host_port);
	put_field(&value, port->target.bytes, address_size(&port->target));
	put_port(&value, port->target_port);
	change_element(ruleset, change,
		       is_v4 ? any ? SET_PORTS4 : SET_PORTS4_AT
		       : any ? SET_PORTS6
			     : SET_PORTS6_AT,
		       &key, &value);
}

int ruleset_commit(struct ruleset *ruleset, struct lxcri_error *err)
{
	int r = end(ruleset);

	return r < 0 ? fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
				       "change the table %s of nftables%s%s", ruleset->table,
				       *netlink_complaint(ruleset->netfilter) ? ": " : "",
				       netlink_complaint(ruleset->netfilter))
		     : 0;
}
