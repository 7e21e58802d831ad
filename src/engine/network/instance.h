/* SPDX-License-Identifier: MIT */
#pragma once

/* What things on the host are called, so that data directories that know nothing of each other can
 * share it: those of the usual one have plain names, those of others a sum of its path. */

#include "engine/engine.h"

#include <net/if.h>

/* Returns the name of our tables of nftables; owned by the caller. */
[[nodiscard]] char *instance_table(const struct lxcri_engine *engine);

/* Returns the alias of the bridge of @network; owned by the caller. */
[[nodiscard]] char *instance_alias(const struct lxcri_engine *engine, const char *network);

/* Tells whether @alias is that of a bridge of this data directory. */
bool instance_has_alias(const struct lxcri_engine *engine, const char *alias);

/* Writes the name that the bridge of @network has where it cannot have a plain one. */
void instance_bridge(const struct lxcri_engine *engine, const char *network,
		     char ret[static IFNAMSIZ]);

/* Tells whether this is the usual data directory. */
bool instance_is_usual(const struct lxcri_engine *engine);

/* Writes a MAC address for @container in @network that is always the same, and unlike any other's;
 * @attempt counts those that turned out to be taken. */
void instance_mac(const struct lxcri_engine *engine, const char *network, const char *container,
		  unsigned int attempt, unsigned char ret[static 6]);
