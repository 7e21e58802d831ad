/* SPDX-License-Identifier: MIT */
/* What may come out of a container's port on the LAN. */

#include "engine/lan/lan_rules.h"

#include "engine/database/lans.h"
#include "engine/lan/lan_spec.h"

#include <string.h>

/* Fills in what is to hold for @place. Returns 1, or 0 when it asks for no rules, or has no
 * interface. */
static int rule_of(const struct lan_row *place, struct ruleset_endpoint *ret,
		   struct lxcri_error *err)
{
	struct lan_spec spec;

	if (!place->interface)
		return 0;
	if (lan_spec_parse(place->spec, &spec, err) < 0)
		return -1;
	*ret = (struct ruleset_endpoint){ .interface = place->interface };
	memcpy(ret->mac, place->mac, sizeof(ret->mac));
	memcpy(ret->addresses, spec.addresses, sizeof(ret->addresses));
	return spec.antispoof;
}

/* Calls @each for the places of @container (NULL: all) but those of @without that are in use and
 * ask for rules. Returns how many there are. */
static int walk(struct session *session, const char *container, const char *without,
		void (*each)(struct ruleset *rules, const struct ruleset_endpoint *rule),
		struct lxcri_error *err)
{
	autorun(lan_list_finish) struct lan_list places = {};
	int count = 0;

	if (lan_list_read(session->database, container, &places, err) < 0)
		return -1;
	for (size_t i = 0; i < places.count; i++) {
		const struct lan_row *place = &places.items[i];
		struct ruleset_endpoint rule;
		int r;

		if (without && strcmp(place->container, without) == 0)
			continue;
		r = rule_of(place, &rule, err);
		if (r < 0)
			return -1;
		if (r > 0)
			each(session->rules, &rule);
		count += r;
	}
	return count;
}

static void add(struct ruleset *rules, const struct ruleset_endpoint *rule)
{
	ruleset_change_endpoint(rules, RULESET_ADD, rule);
}

static void remove_again(struct ruleset *rules, const struct ruleset_endpoint *rule)
{
	ruleset_change_endpoint(rules, RULESET_REMOVE, rule);
}

static void do_nothing(struct ruleset *rules, const struct ruleset_endpoint *rule)
{
}

int lan_rules_set(struct session *session, struct lxcri_error *err)
{
	return walk(session, NULL, NULL, add, err) < 0 ? -1 : 0;
}

int lan_rules_are_needed(struct session *session, const char *without, struct lxcri_error *err)
{
	int count = walk(session, NULL, without, do_nothing, err);

	return count < 0 ? -1 : count > 0;
}

int lan_rules_add(struct session *session, const char *container, struct lxcri_error *err)
{
	int count = walk(session, container, NULL, do_nothing, err);
	int loaded = count > 0 ? ruleset_is_loaded(session->rules, err) : count;

	if (count <= 0 || loaded < 0)
		return count < 0 || loaded < 0 ? -1 : 0;
	/* What is loaded now has all that the database has. */
	if (!loaded)
		return session_set_rules(session, err);
	return walk(session, container, NULL, add, err) < 0 ? -1
							    : ruleset_commit(session->rules, err);
}

int lan_rules_remove(struct session *session, const char *container, struct lxcri_error *err)
{
	int loaded = ruleset_is_loaded(session->rules, err);
	int count = loaded > 0 ? walk(session, container, NULL, remove_again, err) : loaded;

	if (count <= 0)
		return count;
	return ruleset_commit(session->rules, err) < 0 ? -1 : session_tidy(session, container, err);
}

int lan_rules_remove_one(struct session *session, const struct lan_row *place,
			 struct lxcri_error *err)
{
	struct ruleset_endpoint rule;
	int loaded = ruleset_is_loaded(session->rules, err);
	int asks = loaded > 0 ? rule_of(place, &rule, err) : loaded;

	if (asks <= 0)
		return asks;
	remove_again(session->rules, &rule);
	return ruleset_commit(session->rules, err) < 0 ? -1 : session_tidy(session, NULL, err);
}
