/* SPDX-License-Identifier: MIT */
#pragma once

/* Our tables of nftables: ruleset.nft, loaded by nft when it is not there, and its sets and maps,
 * whose elements are changed by messages of our own. Changes are collected, and take effect
 * together or not at all. No other table is touched.
 *
 * To add what is there, or to remove what is not, is no failure. */

#include "net/link.h"

#define RULESET_TABLE_MAX 40

/* A deployment network. */
struct ruleset_network {
	const char *bridge;
	struct address gateways[2]; /* family 0: none */
	bool isolated;              /* its containers do not reach each other */
};

/* A container's interface in one. */
struct ruleset_endpoint {
	const char *interface; /* on the host */
	unsigned char mac[LINK_MAC_BYTES];
	struct address addresses[2]; /* family 0: none */
	bool may_spoof;              /* nothing is checked */
};

/* A published port. Both addresses are of one family. */
struct ruleset_port {
	uint8_t protocol;    /* IPPROTO_* */
	struct address host; /* of no family, or the unspecified address: any of the host's */
	uint16_t host_port;
	struct address target;
	uint16_t target_port;
};

/* Where what a service has is to be had. */
struct ruleset_target {
	struct address address;
	uint16_t port;
};

/* One port of a service, for one family of addresses. Targets without any are as if it were not
 * there. */
struct ruleset_service {
	int family; /* AF_INET, AF_INET6: of its targets, and of `host` */
	uint8_t protocol;
	struct address host; /* of family 0: each of the host's */
	uint16_t port;
	const struct ruleset_target *targets;
	size_t n_targets;
	unsigned int stay_seconds; /* how long a client stays with one; 0: it does not */
};

struct ruleset;

/* Opens the tables called @table of the calling thread's network namespace, whether they are there
 * or not. The caller owns *@ret. */
[[nodiscard]] int ruleset_open(const char *table, struct ruleset **ret, struct lxcri_error *err);

/* Drops changes that were not committed; NULL is fine. */
void ruleset_free(struct ruleset *ruleset);
DEFINE_AUTOPTR(ruleset)

/* Tells whether the tables are there, as this program has them: 1 or 0, or < 0. */
[[nodiscard]] int ruleset_is_loaded(struct ruleset *ruleset, struct lxcri_error *err);

/* Loads the rules with nothing in their sets, in place of others of the same name.
 * LXCRI_E_CONFIGURATION_FAILED when there is no nft, or it or the kernel refuses. */
[[nodiscard]] int ruleset_load(struct ruleset *ruleset, struct lxcri_error *err);

/* Tells whether they have what services need: 1 or 0, or < 0. Asked once. */
[[nodiscard]] int ruleset_has_services(struct ruleset *ruleset, struct lxcri_error *err);

/* Adds that to tables that are there and have it not. Errors as ruleset_load(). */
[[nodiscard]] int ruleset_load_services(struct ruleset *ruleset, struct lxcri_error *err);

/* Removes the tables; none is fine. */
[[nodiscard]] int ruleset_unload(struct ruleset *ruleset, struct lxcri_error *err);

enum ruleset_change { RULESET_ADD, RULESET_REMOVE };

/* Empties all sets and maps; those of services where ruleset_has_services() said so. */
void ruleset_clear(struct ruleset *ruleset);

/* Each collects one change. */
void ruleset_change_network(struct ruleset *ruleset, enum ruleset_change change,
			    const struct ruleset_network *network);
void ruleset_change_endpoint(struct ruleset *ruleset, enum ruleset_change change,
			     const struct ruleset_endpoint *endpoint);
void ruleset_change_port(struct ruleset *ruleset, enum ruleset_change change,
			 const struct ruleset_port *port);

/* Collects the change of an address of services: what is not one of them there is refused. */
void ruleset_change_virtual(struct ruleset *ruleset, enum ruleset_change change,
			    const struct address *address);

/* What the kernel is known to have of a service. */
enum ruleset_before {
	RULESET_CLEARED, /* nothing: ruleset_clear() was called */
	RULESET_UNKNOWN, /* it is asked */
};

/* Collects what makes a port of a service be as @service says, whatever it was. It costs as much as
 * that has targets, however many others there are. A client of IPv4 that stays with a target loses
 * it with that. LXCRI_E_CONFIGURATION_FAILED. */
[[nodiscard]] int ruleset_set_service(struct ruleset *ruleset, enum ruleset_before before,
				      const struct ruleset_service *service,
				      struct lxcri_error *err);

/* Lets all changes since the last commit take effect. LXCRI_E_CONFIGURATION_FAILED; then none has.
 */
[[nodiscard]] int ruleset_commit(struct ruleset *ruleset, struct lxcri_error *err);
