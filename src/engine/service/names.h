/* SPDX-License-Identifier: MIT */
#pragma once

/* The names of a network: in NETWORK, a container is called by its own name, its host name and its
 * aliases, each alone and as NAME.NETWORK.DOMAIN, where DOMAIN is network.cluster_domain, and as a
 * member of headless services. Only those that run have names. */

#include "base/text.h"
#include "engine/network/network.h"

/* Who knows which containers that run are ready. */
struct names_judge {
	bool (*is_ready)(void *userdata, const char *container);
	void *userdata;
};

/* Appends the zone of @row as text, as net/dns/dns_zone.h reads it. */
[[nodiscard]] int names_format_zone(struct lxcri_engine *engine, const struct network_row *row,
				    const struct names_judge *judge, struct text *ret_text,
				    struct lxcri_error *err);

/* What the resolv.conf of a container has. Zeroed is nothing. */
struct names_lookup {
	struct strings servers;
	struct strings search;
	struct strings options;
};

/* Frees what @lookup holds. Safe to repeat. */
void names_lookup_finish(struct names_lookup *lookup);

/* Has @options, whose container's networks are in the database, ask the servers of those, unless
 * they name some. Names are looked for in its networks and, where those have services, among them:
 * in the namespace of the first that it is of, and by whatever part of their names. Domains and
 * resolver options that @options name stay. What they point at from then on is in *@ret, which the
 * caller finishes. */
[[nodiscard]] int names_complete(struct lxcri_engine *engine, struct lxcri_create_options *options,
				 struct names_lookup *ret, struct lxcri_error *err);
