/* SPDX-License-Identifier: MIT */
#pragma once

/* What the files of ruleset.h share: messages about elements of our sets and maps. */

#include "net/conntrack.h"
#include "net/ruleset.h"
#include "net/ruleset_chains.h"
#include "os/network/netlink.h"

#include <linux/netfilter/nf_tables.h>

#define RULESET_FIELD_BYTES_MAX 64

/* The sets and maps of ruleset.nft. */
enum ruleset_set {
	SET_WITHIN,
	SET_SELVES4,
	SET_SELVES6,
	SET_GATEWAYS4,
	SET_GATEWAYS6,
	SET_PORTS4,
	SET_PORTS6,
	SET_PORTS4_AT,
	SET_PORTS6_AT,
	SET_VIRTUAL4,
	SET_VIRTUAL6,
	SET_SERVICES4,
	SET_SERVICES6,
	SET_NODES4,
	SET_NODES6,
	SET_TARGETS4,
	SET_TARGETS6,
	SET_NODE_TARGETS4,
	SET_NODE_TARGETS6,
	SET_KEEPERS4,
	SET_NODE_KEEPERS4,
	SET_CLIENTS4,
	SET_PORTS,
	SET_MACS,
	SET_ADDRESSES4,
	SET_ADDRESSES6,
	SET_TARGETS_ND6,
	RULESET_SETS
};

/* The key or the value of an element. */
struct ruleset_fields {
	unsigned char bytes[RULESET_FIELD_BYTES_MAX];
	size_t size;
	char chain[RULESET_CHAIN_NAME_MAX]; /* of a value: it is the verdict to go there; or "" */
};

/* An element as the kernel has it. */
struct ruleset_element {
	struct ruleset_fields key;
	struct ruleset_fields value;
};

struct ruleset_element_list {
	struct ruleset_element *items;
	size_t count;
};

/* Whether ruleset_services.nft is loaded. */
enum ruleset_services { RULESET_NOT_ASKED, RULESET_NO_SERVICES, RULESET_SERVICES };

struct ruleset {
	char table[RULESET_TABLE_MAX];
	struct netlink *netfilter;
	struct netlink *reader; /* for questions while a batch is open; NULL until then */
	bool is_open;           /* a batch has begun */
	enum ruleset_services services;
	bool has_clients; /* `clients` were read */
	struct ruleset_element_list clients;
	struct conntrack_target *gone; /* targets whose datagrams are to go elsewhere */
	size_t n_gone;
};

/* Appends a field, filled up to a multiple of 4 bytes. */
void ruleset_put_field(struct ruleset_fields *fields, const void *bytes, size_t size);
void ruleset_put_port(struct ruleset_fields *fields, uint16_t port);

/* Collects one message about one element, NFT_MSG_NEWSETELEM or NFT_MSG_DELSETELEM; @value is that
 * of a map, or NULL. */
void ruleset_put_element(struct ruleset *ruleset, uint16_t type, enum ruleset_set set,
			 const struct ruleset_fields *key, const struct ruleset_fields *value);

/* Appends the elements of @set to @ret, which the caller frees: all with no @keys, else those that
 * are there of the @n_keys. < 0 is -errno. */
[[nodiscard]] int ruleset_read_elements(struct ruleset *ruleset, enum ruleset_set set,
					const struct ruleset_fields *keys, size_t n_keys,
					struct ruleset_element_list *ret);
