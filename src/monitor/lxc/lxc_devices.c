/* SPDX-License-Identifier: MIT */
/* Ordered device rules, of which later ones win, as one list of what is allowed: liblxc and the
 * device controller have no order. */

#include "monitor/lxc/lxc_config.h"

#include "base/mem.h"
#include "base/scope.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum access { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_MKNOD = 4, ACCESS_ALL = 7 };

struct rule {
	char type;     /* 'b' or 'c' */
	int64_t major; /* -1: all */
	int64_t minor;
	unsigned int access;
};

struct rules {
	struct rule *items;
	size_t count;
};

/* What runc gives every container besides making the files of all devices. */
static const struct rule always[] = {
	{ 'c', -1, -1, ACCESS_MKNOD }, { 'b', -1, -1, ACCESS_MKNOD }, { 'c', 1, 3, ACCESS_ALL },
	{ 'c', 1, 5, ACCESS_ALL },     { 'c', 1, 7, ACCESS_ALL },     { 'c', 1, 8, ACCESS_ALL },
	{ 'c', 1, 9, ACCESS_ALL },     { 'c', 5, 0, ACCESS_ALL },     { 'c', 5, 1, ACCESS_ALL },
	{ 'c', 5, 2, ACCESS_ALL },     { 'c', 136, -1, ACCESS_ALL },
};

static unsigned int parse_access(const char *text)
{
	unsigned int access = 0;

	if (!text || !*text)
		return ACCESS_ALL;
	access |= strchr(text, 'r') ? ACCESS_READ : 0;
	access |= strchr(text, 'w') ? ACCESS_WRITE : 0;
	access |= strchr(text, 'm') ? ACCESS_MKNOD : 0;
	return access;
}

static bool covers(int64_t wide, int64_t narrow)
{
	return wide == -1 || wide == narrow;
}

static bool overlaps(int64_t a, int64_t b)
{
	return a == -1 || b == -1 || a == b;
}

static void allow(struct rules *rules, const struct rule *rule)
{
	rules->items = xreallocarray(rules->items, rules->count + 1, sizeof(*rules->items));
	rules->items[rules->count++] = *rule;
}

/* Takes @denied out of the list. False when only a part of an entry would have to go. */
static bool deny(struct rules *rules, const struct rule *denied)
{
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = &rules->items[i];

		if (rule->type != denied->type || !(rule->access & denied->access) ||
		    !overlaps(rule->major, denied->major) || !overlaps(rule->minor, denied->minor))
			continue;
		if (!covers(denied->major, rule->major) || !covers(denied->minor, rule->minor))
			return false;
		rule->access &= ~denied->access;
	}
	return true;
}

static bool apply(struct rules *rules, const struct spec_device_rule *given)
{
	const char *types = !given->type || given->type[0] == 'a' ? "bc"
			    : given->type[0] == 'b'               ? "b"
								  : "c";

	for (const char *type = types; *type; type++) {
		const struct rule rule = {
			.type = *type,
			.major = given->major.set ? given->major.value : -1,
			.minor = given->minor.set ? given->minor.value : -1,
			.access = parse_access(given->access),
		};

		if (given->allow)
			allow(rules, &rule);
		else if (!deny(rules, &rule))
			return false;
	}
	return true;
}

static void format_number(char text[24], int64_t number)
{
	if (number < 0)
		(void)snprintf(text, 24, "*");
	else
		(void)snprintf(text, 24, "%lld", (long long)number);
}

static int add_rule(struct lxc_config *config, const char *key, const struct rule *rule,
		    struct lxcri_error *err)
{
	char major[24];
	char minor[24];

	if (rule->access == 0)
		return 0;
	format_number(major, rule->major);
	format_number(minor, rule->minor);
	return lxc_config_addf(config, err, key, "%c %s:%s %s%s%s", rule->type, major, minor,
			       rule->access & ACCESS_READ ? "r" : "",
			       rule->access & ACCESS_WRITE ? "w" : "",
			       rule->access & ACCESS_MKNOD ? "m" : "");
}

int lxc_config_devices(const struct spec_resources *resources, const struct lxc_hierarchies *host,
		       struct lxc_config *config, struct lxcri_error *err)
{
	autofree char *legacy = xformat("%s/devices", host->root);
	bool version_1 = !host->unified && access(legacy, F_OK) == 0;
	const char *allow_key =
		version_1 ? "lxc.cgroup.devices.allow" : "lxc.cgroup2.devices.allow";
	struct rules rules = {};
	int r = lxc_config_add(config,
			       version_1 ? "lxc.cgroup.devices.deny" : "lxc.cgroup2.devices.deny",
			       "a", err);

	for (size_t i = 0; r == 0 && resources && i < resources->n_devices; i++)
		if (!apply(&rules, &resources->devices[i]))
			r = fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				 "linux.resources.devices[%zu]: denies a part of what an earlier "
				 "rule allows, on LXC",
				 i);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(always); i++)
		r = add_rule(config, allow_key, &always[i], err);
	for (size_t i = 0; r == 0 && i < rules.count; i++)
		r = add_rule(config, allow_key, &rules.items[i], err);
	free(rules.items);
	return r;
}
