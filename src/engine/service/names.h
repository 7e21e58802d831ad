/* SPDX-License-Identifier: MIT */
#pragma once

/* The names of a network: in NETWORK, a container is called by its own name, its host name and its
 * aliases, each alone and as NAME.NETWORK.DOMAIN, where DOMAIN is network.cluster_domain. Only
 * those that run have names. */

#include "base/text.h"
#include "engine/network/network.h"

/* Appends the zone of @row as text, as net/dns/dns_zone.h reads it. */
[[nodiscard]] int names_format_zone(struct lxcri_engine *engine, const struct network_row *row,
				    struct text *ret_text, struct lxcri_error *err);

/* Appends what the resolv.conf of @container has, of which the networks are in the database: the
 * servers of its networks, and the domains in which a name is looked for. */
[[nodiscard]] int names_of_container(struct lxcri_engine *engine, const char *container,
				     struct strings *servers, struct strings *search,
				     struct lxcri_error *err);

/* Has @options ask those, unless they name servers; domains that they name stay too. What they
 * point at from then on is in @servers and @search. */
[[nodiscard]] int names_complete(struct lxcri_engine *engine, struct lxcri_create_options *options,
				 struct strings *servers, struct strings *search,
				 struct lxcri_error *err);
