/* SPDX-License-Identifier: MIT */
#pragma once

/* Who may ask at sockets that several networks share, and of which network each is: those outside
 * of our networks who have names in one. */

#include "base/fail.h"
#include "base/scope.h"
#include "net/dns/dns_asker.h"

#define DNS_GUESTS_MAX 16384

struct dns_guests;

/* Reads them as text, one line each: "ADDRESS NETWORK". Of two lines of one address the first
 * counts. An error names the line; LXCRI_E_LIMIT_EXCEEDED when there are more than DNS_GUESTS_MAX.
 * The caller owns *@ret_guests. */
[[nodiscard]] int dns_guests_parse(const char *text, size_t size, struct dns_guests **ret_guests,
				   struct lxcri_error *err);

/* Frees them; NULL is fine. */
void dns_guests_free(struct dns_guests *guests);
DEFINE_AUTOPTR(dns_guests)

/* Returns the network of who is at @address, borrowed; NULL for a stranger. */
const char *dns_guests_find(const struct dns_guests *guests, const union dns_address *address);
