/* SPDX-License-Identifier: MIT */
/* Limits as properties of a scope of systemd. */

#include "runtime/limits/limits.h"

#include "base/scope.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* The monitor and what it starts at times are in the scope as well. */
#define OWN_MEMORY_BYTES (32u << 20)
#define OWN_TASKS        16

#define US_PER_SECOND UINT64_C(1000000)

/* Reads a number as the kernel does, which takes "1G" where somebody has written that. What is
 * none, "max" too, is the largest: the scope must not be narrower than what is inside. */
static uint64_t number(const char *text)
{
	uint64_t value;

	return text_parse_bytes(text, &value) < 0 ? UINT64_MAX : value;
}

static uint64_t with_room(uint64_t value, uint64_t room)
{
	return value > UINT64_MAX - room ? UINT64_MAX : value + room;
}

static void add(struct strings *properties, const char *name, uint64_t value)
{
	strings_addf(properties, "%s=%llu", name, (unsigned long long)value);
}

/* What a scope has without limits; UINT64_MAX is none, or "as ever". */
static const struct property {
	const char *name;
	const char *file;
	uint64_t otherwise;
	uint64_t room; /* added to a limit */
} properties_known[] = {
	{ "MemoryMax", "memory.max", UINT64_MAX, OWN_MEMORY_BYTES },
	{ "MemorySwapMax", "memory.swap.max", UINT64_MAX, OWN_MEMORY_BYTES },
	{ "MemoryLow", "memory.low", 0, 0 },
	{ "CPUWeight", "cpu.weight", UINT64_MAX, 0 },
	{ "IOWeight", "io.weight", UINT64_MAX, 0 },
	/* Or it would be what the manager gives to services. */
	{ "TasksMax", "pids.max", UINT64_MAX, OWN_TASKS },
};

static const char *value_of(const struct limits *limits, const char *file)
{
	const char *value = NULL;

	for (size_t i = 0; i < limits->count; i++)
		if (strcmp(limits->items[i].file, file) == 0 && !limits->items[i].keyed)
			value = limits->items[i].value;
	return value;
}

/* What systemd since 252 calls idle; there is no share beside it. */
static bool is_idle_share(const struct limits *limits, const struct property *property)
{
	const char *idle = value_of(limits, "cpu.idle");

	return strcmp(property->file, "cpu.weight") == 0 && idle && strcmp(idle, "1") == 0;
}

/* "QUOTA PERIOD" as time in each second. */
static void add_quota(struct strings *properties, const char *text)
{
	const char *space = text ? strchr(text, ' ') : NULL;
	uint64_t period = space ? strtoull(space + 1, NULL, 10) : 0;
	uint64_t quota = space ? strtoull(text, NULL, 10) : 0;
	bool limited = period > 0 && quota > 0 && quota <= UINT64_MAX / US_PER_SECOND;

	add(properties, "CPUQuotaPerSecUSec",
	    limited ? quota * US_PER_SECOND / period : UINT64_MAX);
	if (limited)
		add(properties, "CPUQuotaPeriodUSec", period);
}

void limits_properties(const struct limits *limits, struct strings *properties)
{
	for (size_t i = 0; i < ARRAY_LEN(properties_known); i++) {
		const struct property *property = &properties_known[i];
		const char *value =
			is_idle_share(limits, property) ? "0" : value_of(limits, property->file);

		add(properties, property->name,
		    value ? with_room(number(value), property->room) : property->otherwise);
	}
	add_quota(properties, value_of(limits, "cpu.max"));
}
