/* SPDX-License-Identifier: MIT */
/* Limits as properties of a scope of systemd. */

#include "runtime/limits/limits.h"

#include "base/scope.h"

#include <stdlib.h>
#include <string.h>

/* The monitor and what it starts at times are in the scope as well. */
#define OWN_MEMORY_BYTES (32u << 20)
#define OWN_TASKS        16

/* Reads "max" as the largest number. */
static uint64_t number(const char *text)
{
	return strcmp(text, "max") == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
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

/* "QUOTA PERIOD" as time in each second. */
static void add_quota(struct strings *properties, const char *text)
{
	const char *space = text ? strchr(text, ' ') : NULL;
	uint64_t period = space ? strtoull(space + 1, NULL, 10) : 0;
	bool limited = period > 0 && strncmp(text, "max", 3) != 0;

	add(properties, "CPUQuotaPerSecUSec",
	    limited ? strtoull(text, NULL, 10) * 1000000 / period : UINT64_MAX);
	if (limited)
		add(properties, "CPUQuotaPeriodUSec", period);
}

void limits_properties(const struct limits *limits, struct strings *properties)
{
	for (size_t i = 0; i < ARRAY_LEN(properties_known); i++) {
		const struct property *property = &properties_known[i];
		const char *value = value_of(limits, property->file);

		add(properties, property->name,
		    value ? with_room(number(value), property->room) : property->otherwise);
	}
	add_quota(properties, value_of(limits, "cpu.max"));
}
