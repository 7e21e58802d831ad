/* SPDX-License-Identifier: MIT */
#pragma once

/* The chains of ruleset.nft that differ by a number alone: those that pick one of so many targets,
 * and those that remember for so many seconds which it was. */

#include "base/text.h"

#define RULESET_CHAIN_NAME_MAX 24

/* How many numbers a chain picks among at most. */
#define RULESET_SLOTS_MAX 1024

/* Append them. */
void ruleset_chains_add_picks(struct text *text);
void ruleset_chains_add_keeps(struct text *text);

/* Returns how many numbers a chain has that picks among @n_targets: as many, or many more, which
 * are dealt out among them. */
unsigned int ruleset_chains_slots(size_t n_targets);

/* Returns the seconds that the chain has that remembers for @seconds, or longer. */
unsigned int ruleset_chains_seconds(unsigned int seconds);
