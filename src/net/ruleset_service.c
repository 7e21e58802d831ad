/* SPDX-License-Identifier: MIT */
/* Services in our tables: a verdict that names the chain which picks among so many targets, and the
 * targets by their numbers. What is to be otherwise is removed and added within one transaction. */

#include "net/ruleset_part.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The sets of one family, and whether it is had at one address or at each of the host's. */
struct places {
	enum ruleset_set verdicts;
	enum ruleset_set targets;
	enum ruleset_set keepers;
	bool may_keep;
};

static struct places places_of(const struct ruleset_service *service)
{
	bool is_v4 = service->family == AF_INET;

	if (service->host.family)
		return (struct places){ is_v4 ? SET_SERVICES4 : SET_SERVICES6,
					is_v4 ? SET_TARGETS4 : SET_TARGETS6, SET_KEEPERS4, is_v4 };
	return (struct places){ is_v4 ? SET_NODES4 : SET_NODES6,
				is_v4 ? SET_NODE_TARGETS4 : SET_NODE_TARGETS6, SET_NODE_KEEPERS4,
				is_v4 };
}

static struct ruleset_fields key_of(const struct ruleset_service *service)
{
	struct ruleset_fields key = {};

	if (service->host.family)
		ruleset_put_field(&key, service->host.bytes, address_size(&service->host));
	ruleset_put_field(&key, &service->protocol, sizeof(service->protocol));
	ruleset_put_port(&key, service->port);
	return key;
}

/* numgen yields a number as the processor has it. */
static struct ruleset_fields slot_key(const struct ruleset_fields *service, uint32_t slot)
{
	struct ruleset_fields key = *service;

	ruleset_put_field(&key, &slot, sizeof(slot));
	return key;
}

static struct ruleset_fields value_of(const struct ruleset_target *target)
{
	struct ruleset_fields value = {};

	ruleset_put_field(&value, target->address.bytes, address_size(&target->address));
	ruleset_put_port(&value, target->port);
	return value;
}

static bool equals(const struct ruleset_fields *one, const struct ruleset_fields *other)
{
	return one->size == other->size && memcmp(one->bytes, other->bytes, one->size) == 0 &&
	       strcmp(one->chain, other->chain) == 0;
}

/* Collects what makes an element be @after, or not be there where that is empty. */
static void change(struct ruleset *ruleset, enum ruleset_set set, const struct ruleset_fields *key,
		   const struct ruleset_fields *before, const struct ruleset_fields *after)
{
	bool was = before->size > 0 || *before->chain;
	bool is = after->size > 0 || *after->chain;

	if (was == is && equals(before, after))
		return;
	if (was)
		ruleset_put_element(ruleset, NFT_MSG_DELSETELEM, set, key, NULL);
	if (is)
		ruleset_put_element(ruleset, NFT_MSG_NEWSETELEM, set, key, after);
}

static int refuse(int r, struct lxcri_error *err)
{
	return fail_code_errno(err, LXCRI_E_CONFIGURATION_FAILED, r,
			       "read the rules of a service from nftables");
}

/* Reads one element; an empty value when it is not there. */
static int read_one(struct ruleset *ruleset, enum ruleset_set set, const struct ruleset_fields *key,
		    struct ruleset_fields *ret, struct lxcri_error *err)
{
	struct ruleset_element_list list = {};
	int r = ruleset_read_elements(ruleset, set, key, 1, &list);

	if (r == 0 && list.count > 0)
		*ret = list.items[0].value;
	free(list.items);
	return r < 0 ? refuse(r, err) : 0;
}

/* How many numbers the chain called @name picks among. */
static uint32_t slots_of(const char *name)
{
	const char *digits = name + strcspn(name, "0123456789");
	unsigned long slots = strtoul(digits, NULL, 10);

	return *digits && slots <= RULESET_SLOTS_MAX ? (uint32_t)slots : 0;
}

/* Reads the targets that are there, by their numbers; those of @slots that are not stay empty. */
static int read_slots(struct ruleset *ruleset, enum ruleset_set set,
		      const struct ruleset_fields *service, uint32_t slots,
		      struct ruleset_fields *ret, struct lxcri_error *err)
{
	autofree struct ruleset_fields *keys = xcalloc(slots + 1u, sizeof(*keys));
	struct ruleset_element_list list = {};
	int r;

	for (uint32_t i = 0; i < slots; i++)
		keys[i] = slot_key(service, i);
	r = slots ? ruleset_read_elements(ruleset, set, keys, slots, &list) : 0;
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		uint32_t slot = slots;

		if (list.items[i].key.size == service->size + sizeof(slot))
			memcpy(&slot, list.items[i].key.bytes + service->size, sizeof(slot));
		if (slot < slots)
			ret[slot] = list.items[i].value;
	}
	free(list.items);
	return r < 0 ? refuse(r, err) : 0;
}

/* Tells whether @client is one of @service: where it came to is the key's end. */
static bool is_client_of(const struct ruleset_element *client,
			 const struct ruleset_service *service)
{
	const struct ruleset_fields key = key_of(service);

	return client->key.size > key.size &&
	       memcmp(client->key.bytes + client->key.size - key.size, key.bytes, key.size) == 0;
}

static bool is_target(const struct ruleset_fields *value, const struct ruleset_service *service)
{
	for (size_t i = 0; i < service->n_targets; i++) {
		const struct ruleset_fields target = value_of(&service->targets[i]);

		if (equals(&target, value))
			return true;
	}
	return false;
}

/* Has clients forget what they were led to and is a target no more. */
static int drop_clients(struct ruleset *ruleset, const struct ruleset_service *service,
			struct lxcri_error *err)
{
	int r = ruleset->has_clients
			? 0
			: ruleset_read_elements(ruleset, SET_CLIENTS4, NULL, 0, &ruleset->clients);

	if (r < 0)
		return refuse(r, err);
	ruleset->has_clients = true;
	for (size_t i = 0; i < ruleset->clients.count; i++) {
		struct ruleset_element *client = &ruleset->clients.items[i];

		if (!is_client_of(client, service) ||
		    (service->stay_seconds && is_target(&client->value, service)))
			continue;
		ruleset_put_element(ruleset, NFT_MSG_DELSETELEM, SET_CLIENTS4, &client->key, NULL);
		client->key.size = 0; /* once is enough */
	}
	return 0;
}

static int set_keeper(struct ruleset *ruleset, enum ruleset_before known,
		      const struct ruleset_service *service, enum ruleset_set set,
		      struct lxcri_error *err)
{
	const struct ruleset_fields key = key_of(service);
	struct ruleset_fields before = {};
	struct ruleset_fields after = {};

	if (service->stay_seconds && service->n_targets > 0)
		(void)snprintf(after.chain, sizeof(after.chain), "keep%u",
			       ruleset_chains_seconds(service->stay_seconds));
	if (known == RULESET_UNKNOWN && read_one(ruleset, set, &key, &before, err) < 0)
		return -1;
	change(ruleset, set, &key, &before, &after);
	return *before.chain || (known == RULESET_CLEARED && *after.chain)
		       ? drop_clients(ruleset, service, err)
		       : 0;
}

/* Notes what datagrams were led to and are no more: who sends them opens no new connection. */
static void note_gone(struct ruleset *ruleset, const struct ruleset_service *service,
		      const struct ruleset_fields *before)
{
	struct conntrack_target target = { .protocol = service->protocol,
					   .address = { .family = service->family } };
	size_t size = address_size(&target.address);
	uint16_t port;

	if (service->protocol != IPPROTO_UDP || before->size != size + 4 ||
	    is_target(before, service))
		return;
	memcpy(target.address.bytes, before->bytes, size);
	memcpy(&port, before->bytes + size, sizeof(port));
	target.port = ntohs(port);
	ruleset->gone = xreallocarray(ruleset->gone, ruleset->n_gone + 1, sizeof(*ruleset->gone));
	ruleset->gone[ruleset->n_gone++] = target;
}

static void set_slots(struct ruleset *ruleset, const struct ruleset_service *service,
		      enum ruleset_set set, const struct ruleset_fields *before, uint32_t n_before)
{
	const struct ruleset_fields service_key = key_of(service);
	uint32_t slots = ruleset_chains_slots(service->n_targets);

	for (uint32_t i = 0; i < slots || i < n_before; i++) {
		static const struct ruleset_fields none;
		const struct ruleset_fields key = slot_key(&service_key, i);
		const struct ruleset_fields after =
			i < slots ? value_of(&service->targets[i % service->n_targets]) : none;

		change(ruleset, set, &key, i < n_before ? &before[i] : &none, &after);
		if (i < n_before)
			note_gone(ruleset, service, &before[i]);
	}
}

int ruleset_set_service(struct ruleset *ruleset, enum ruleset_before known,
			const struct ruleset_service *service, struct lxcri_error *err)
{
	const struct places places = places_of(service);
	const struct ruleset_fields key = key_of(service);
	autofree struct ruleset_fields *before = NULL;
	struct ruleset_fields verdict = {};
	struct ruleset_fields after = {};
	uint32_t n_before;

	if (known == RULESET_UNKNOWN && read_one(ruleset, places.verdicts, &key, &verdict, err) < 0)
		return -1;
	n_before = slots_of(verdict.chain);
	before = xcalloc(n_before + 1u, sizeof(*before));
	if (read_slots(ruleset, places.targets, &key, n_before, before, err) < 0)
		return -1;
	if (service->n_targets > 0)
		(void)snprintf(after.chain, sizeof(after.chain), "%s%u",
			       service->stay_seconds && service->family == AF_INET6 ? "stick"
										    : "pick",
			       ruleset_chains_slots(service->n_targets));
	set_slots(ruleset, service, places.targets, before, n_before);
	change(ruleset, places.verdicts, &key, &verdict, &after);
	return places.may_keep ? set_keeper(ruleset, known, service, places.keepers, err) : 0;
}

void ruleset_change_virtual(struct ruleset *ruleset, enum ruleset_change change_,
			    const struct address *address)
{
	enum ruleset_set set = address->family == AF_INET ? SET_VIRTUAL4 : SET_VIRTUAL6;
	struct ruleset_fields key = {};

	ruleset_put_field(&key, address->bytes, address_size(address));
	/* What may not be there is added before it is removed. */
	ruleset_put_element(ruleset, NFT_MSG_NEWSETELEM, set, &key, NULL);
	if (change_ == RULESET_REMOVE)
		ruleset_put_element(ruleset, NFT_MSG_DELSETELEM, set, &key, NULL);
}
