/* SPDX-License-Identifier: MIT */
/* Chains that differ by a number. A rule can choose among so many only as it is written in it. */

#include "net/ruleset_chains.h"

#include "base/scope.h"

/* Up to so many targets are chosen among as they are. More share out numbers, of which each has one
 * more than another at most. */
#define EXACT_MAX 16

static const unsigned int timeouts[] = { 1,   2,    5,    10,   30,    60,    120,   300,
					 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400 };

static void add_pick(struct text *text, unsigned int slots)
{
	static const char targets[] = "meta l4proto . th dport";

	text_addf(text, "\tchain pick%u {\n", slots);
	text_addf(text, "\t\tdnat ip to ip daddr . %s . numgen random mod %u map @targets4\n",
		  targets, slots);
	text_addf(text, "\t\tdnat ip6 to ip6 daddr . %s . numgen random mod %u map @targets6\n",
		  targets, slots);
	for (int version = 4; version <= 6; version += 2)
		text_addf(text, "\t\tdnat ip%s to %s . numgen random mod %u map @node_targets%d\n",
			  version == 4 ? "" : "6", targets, slots, version);
	text_addf(text, "\t}\n\n\tchain stick%u {\n", slots);
	text_addf(text, "\t\tdnat ip6 to ip6 daddr . %s . jhash ip6 saddr mod %u map @targets6\n",
		  targets, slots);
	text_addf(text, "\t\tdnat ip6 to %s . jhash ip6 saddr mod %u map @node_targets6\n\t}\n\n",
		  targets, slots);
}

void ruleset_chains_add_picks(struct text *text)
{
	for (unsigned int slots = 1; slots <= EXACT_MAX; slots++)
		add_pick(text, slots);
	add_pick(text, RULESET_SLOTS_MAX);
}

void ruleset_chains_add_keeps(struct text *text)
{
	static const char *const protocols[] = { "tcp", "udp", "sctp" };

	for (size_t i = 0; i < ARRAY_LEN(timeouts); i++) {
		text_addf(text, "\tchain keep%u {\n", timeouts[i]);
		/* What the port of a tuple means hangs on the protocol. */
		for (size_t k = 0; k < ARRAY_LEN(protocols); k++)
			text_addf(
				text,
				"\t\tmeta l4proto %s update @clients4 { ip saddr . ct original ip "
				"daddr . meta l4proto . ct original proto-dst timeout %us : ip "
				"daddr . th dport }\n",
				protocols[k], timeouts[i]);
		text_add(text, "\t}\n\n");
	}
}

unsigned int ruleset_chains_slots(size_t n_targets)
{
	return n_targets <= EXACT_MAX ? (unsigned int)n_targets : RULESET_SLOTS_MAX;
}

unsigned int ruleset_chains_seconds(unsigned int seconds)
{
	for (size_t i = 0; i < ARRAY_LEN(timeouts); i++)
		if (timeouts[i] >= seconds)
			return timeouts[i];
	return timeouts[ARRAY_LEN(timeouts) - 1];
}
