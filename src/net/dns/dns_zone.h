/* SPDX-License-Identifier: MIT */
#pragma once

/* What one network's names lead to. A zone is filled once and then only asked; another one takes
 * its place when something has changed. Asking allocates nothing and costs the same however many
 * names there are.
 *
 * It is the authority for its origins (a domain, and the reverse names of its subnets) with all
 * that is below them, and for the names of one label that it has. Of other such names it says that
 * they have no address: they are of no use to anybody else. */

#include "base/fail.h"
#include "base/scope.h"
#include "net/dns/dns_message.h"

#include <sys/socket.h>

#define DNS_ZONE_NAMES_MAX   262144
#define DNS_ZONE_RECORDS_MAX 1048576

struct dns_zone;

/* Makes an empty zone whose answers hold for @ttl seconds. The caller owns it. */
[[nodiscard]] struct dns_zone *dns_zone_create(uint32_t ttl);

/* Frees it; NULL is fine. */
void dns_zone_free(struct dns_zone *zone);
DEFINE_AUTOPTR(dns_zone)

/* Makes the zone the authority for @name and all below it. LXCRI_E_INVALID_ARGUMENT, like all that
 * follow, for what is no name; LXCRI_E_LIMIT_EXCEEDED when there are too many. */
[[nodiscard]] int dns_zone_add_origin(struct dns_zone *zone, const char *name,
				      struct lxcri_error *err);

/* Makes it the authority for the addresses of a subnet. */
[[nodiscard]] int dns_zone_add_subnet(struct dns_zone *zone, int family, const void *address,
				      unsigned int bits, struct lxcri_error *err);

/* Adds an address (AF_INET, AF_INET6) of @name. The same one again changes nothing. */
[[nodiscard]] int dns_zone_add_address(struct dns_zone *zone, const char *name, int family,
				       const void *address, struct lxcri_error *err);

/* Adds the name that @address belongs to. */
[[nodiscard]] int dns_zone_add_pointer(struct dns_zone *zone, int family, const void *address,
				       const char *name, struct lxcri_error *err);

/* Adds a place where the service @name ("_http._tcp.web.…") is to be had. */
[[nodiscard]] int dns_zone_add_service(struct dns_zone *zone, const char *name, uint16_t port,
				       const char *target, struct lxcri_error *err);

/* Has @name lead to the name @target, whoever's that is; it has no other records then. */
[[nodiscard]] int dns_zone_add_alias(struct dns_zone *zone, const char *name, const char *target,
				     struct lxcri_error *err);

/* Reads a zone as text, one line each:
 *
 *     ttl SECONDS
 *     origin NAME
 *     subnet ADDRESS/BITS
 *     address NAME ADDRESS
 *     pointer ADDRESS NAME
 *     service NAME PORT TARGET
 *     alias NAME TARGET
 *
 * An error names the line. The caller owns *@ret_zone. */
[[nodiscard]] int dns_zone_parse(const char *text, size_t size, struct dns_zone **ret_zone,
				 struct lxcri_error *err);

/* Fills @answer, which was begun for @query, with what the zone says. Returns the answer's code, or
 * -ENOENT for a name that others are asked for; @answer is as it was then. -EREMOTE for an alias
 * of a name that others are asked for: @answer has the alias then. */
[[nodiscard]] int dns_zone_ask(const struct dns_zone *zone, const struct dns_query *query,
			       struct dns_answer *answer);

/* Writes into @target what the alias @name leads to. Returns the size, 0 for what is none. */
size_t dns_zone_find_alias(const struct dns_zone *zone, const uint8_t *name, size_t size,
			   uint8_t target[DNS_NAME_MAX]);
