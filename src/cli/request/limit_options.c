/* SPDX-License-Identifier: MIT */
/* From the options that limit a container to linux.resources. */

#include "cli/request/limit_options.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define CPU_PERIOD_US 100000
#define CPUS_MAX      8192

/* How the text of an option is read. */
enum form { FORM_BYTES, FORM_NUMBER, FORM_TEXT };

/* Options that become one member each. */
static const struct member {
	const char *option;
	size_t offset;
	const char *object;
	const char *key;
	enum form form;
	int64_t min; /* -1: that is no limit */
	int64_t max;
} members[] = {
#define MEMBER(field_, option_, object_, key_, form_, min_, max_)                                  \
	{                                                                                          \
		"--" option_, offsetof(struct limit_options, field_), object_, key_, FORM_##form_, \
			min_, max_                                                                 \
	}
	MEMBER(memory, "memory", "memory", "limit", BYTES, -1, INT64_MAX),
	MEMBER(memory_reservation, "memory-reservation", "memory", "reservation", BYTES, -1,
	       INT64_MAX),
	MEMBER(memory_swap, "memory-swap", "memory", "swap", BYTES, -1, INT64_MAX),
	MEMBER(memory_swappiness, "memory-swappiness", "memory", "swappiness", NUMBER, 0, 100),
	MEMBER(cpu_shares, "cpu-shares", "cpu", "shares", NUMBER, 0, 262144),
	MEMBER(cpu_quota, "cpu-quota", "cpu", "quota", NUMBER, -1, INT64_MAX),
	MEMBER(cpu_period, "cpu-period", "cpu", "period", NUMBER, 0, INT64_MAX),
	MEMBER(cpu_burst, "cpu-burst", "cpu", "burst", NUMBER, 0, INT64_MAX),
	MEMBER(cpu_idle, "cpu-idle", "cpu", "idle", NUMBER, 0, 1),
	MEMBER(cpu_rt_period, "cpu-rt-period", "cpu", "realtimePeriod", NUMBER, 0, INT64_MAX),
	MEMBER(cpu_rt_runtime, "cpu-rt-runtime", "cpu", "realtimeRuntime", NUMBER, -1, INT64_MAX),
	MEMBER(cpuset_cpus, "cpuset-cpus", "cpu", "cpus", TEXT, 0, 0),
	MEMBER(cpuset_mems, "cpuset-mems", "cpu", "mems", TEXT, 0, 0),
	MEMBER(pids_limit, "pids-limit", "pids", "limit", NUMBER, -1, INT64_MAX),
	MEMBER(blkio_weight, "blkio-weight", "blockIO", "weight", NUMBER, 0, 1000),
};

/* Options that become an entry for a device each. */
static const struct list {
	const char *option;
	size_t offset;
	const char *array;
	const char *key;
	enum form form;
} lists[] = {
#define DEVICES(field_, option_, array_, key_, form_)                                            \
	{                                                                                        \
		"--" option_, offsetof(struct limit_options, field_), array_, key_, FORM_##form_ \
	}
	DEVICES(blkio_weight_devices, "blkio-weight-device", "weightDevice", "weight", NUMBER),
	DEVICES(read_bps, "device-read-bps", "throttleReadBpsDevice", "rate", BYTES),
	DEVICES(write_bps, "device-write-bps", "throttleWriteBpsDevice", "rate", BYTES),
	DEVICES(read_iops, "device-read-iops", "throttleReadIOPSDevice", "rate", NUMBER),
	DEVICES(write_iops, "device-write-iops", "throttleWriteIOPSDevice", "rate", NUMBER),
};

static int refuse(const char *option, const char *value, const char *expected,
		  struct lxcri_error *err)
{
	return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s: \"%s\" is not %s", option, value, expected);
}

static struct json_object *object_of(struct json_object *parent, const char *key)
{
	struct json_object *object = json_get(parent, key);

	if (!object) {
		object = json_object_new_object();
		json_object_object_add(parent, key, object);
	}
	return object;
}

static int parse_value(const struct member *member, const char *text, int64_t *ret,
		       struct lxcri_error *err)
{
	bool limitless =
		member->min < 0 && (strcmp(text, "-1") == 0 || strcmp(text, "unlimited") == 0);
	uint64_t value = 0;
	int r = 0;

	if (limitless) {
		*ret = -1;
		return 0;
	}
	r = member->form == FORM_BYTES ? text_parse_bytes(text, &value)
				       : text_parse_u64(text, 0, INT64_MAX, &value);
	if (r < 0 || value > (uint64_t)member->max) {
		autofree char *expected =
			member->form == FORM_BYTES ? xstrdup("a size such as 512m")
			: member->max == INT64_MAX
				? xstrdup("a number")
				: xformat("a number up to %lld", (long long)member->max);
		autofree char *whole =
			xformat("%s%s", expected, member->min < 0 ? ", or -1 for no limit" : "");

		return refuse(member->option, text, whole, err);
	}
	*ret = (int64_t)value;
	return 0;
}

static int add_members(const struct limit_options *options, struct json_object *resources,
		       struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const struct member *member = &members[i];
		const char *text = *(const char *const *)((const char *)options + member->offset);
		int64_t value = 0;

		if (!text)
			continue;
		if (member->form == FORM_TEXT) {
			json_set_text(object_of(resources, member->object), member->key, text);
			continue;
		}
		if (parse_value(member, text, &value, err) < 0)
			return -1;
		json_object_object_add(object_of(resources, member->object), member->key,
				       json_object_new_int64(value));
	}
	return 0;
}

/* Reads a number of cores: "1.5". strtod() would take more, and the locale's point. */
static int parse_cpus(const char *text, double *ret)
{
	double value = 0;
	double unit = 1;
	bool fraction = false;

	if (strlen(text) > 12 || strspn(text, "0123456789.") != strlen(text))
		return -EINVAL;
	for (const char *c = text; *c; c++) {
		if (*c == '.') {
			if (fraction)
				return -EINVAL;
			fraction = true;
			continue;
		}
		value = value * 10 + (*c - '0');
		unit *= fraction ? 10 : 1;
	}
	*ret = value / unit;
	return *ret > 0 ? 0 : -EINVAL;
}

static int add_cpus(const struct limit_options *options, struct json_object *resources,
		    struct lxcri_error *err)
{
	struct json_object *cpu;
	double cpus;

	if (!options->cpus)
		return 0;
	if (options->cpu_quota || options->cpu_period)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "--cpus says the same as --cpu-quota and --cpu-period; give one");
	if (parse_cpus(options->cpus, &cpus) < 0)
		return refuse("--cpus", options->cpus, "a number above 0, such as 1.5", err);
	/* The kernel takes no quota below a millisecond. */
	if (cpus < 0.01 || cpus > CPUS_MAX)
		return refuse("--cpus", options->cpus, "a number from 0.01 to 8192", err);
	cpu = object_of(resources, "cpu");
	json_object_object_add(cpu, "quota",
			       json_object_new_int64((int64_t)(cpus * CPU_PERIOD_US + 0.5)));
	json_object_object_add(cpu, "period", json_object_new_int64(CPU_PERIOD_US));
	return 0;
}

/* Adds "DEVICE:VALUE". */
static int add_device(const struct list *list, const char *text, struct json_object *array,
		      struct lxcri_error *err)
{
	const char *colon = strrchr(text, ':');
	autofree char *path = xstrndup(text, colon ? (size_t)(colon - text) : 0);
	struct json_object *entry;
	struct stat status;
	uint64_t value;
	int r;

	if (!colon || colon == text)
		return refuse(list->option, text, "a device and a value such as /dev/sda:1m", err);
	r = list->form == FORM_BYTES ? text_parse_bytes(colon + 1, &value)
				     : text_parse_u64(colon + 1, 0, INT64_MAX, &value);
	if (r < 0 || value > INT64_MAX)
		return refuse(list->option, text, "a device and a value such as /dev/sda:1m", err);
	if (stat(path, &status) < 0)
		return fail_code_errno(err, LXCRI_E_INVALID_ARGUMENT, errno, "%s: %s", list->option,
				       path);
	if (!S_ISBLK(status.st_mode))
		return refuse(list->option, path, "a block device", err);
	entry = json_object_new_object();
	json_object_object_add(entry, "major", json_object_new_int64(major(status.st_rdev)));
	json_object_object_add(entry, "minor", json_object_new_int64(minor(status.st_rdev)));
	json_object_object_add(entry, list->key, json_object_new_int64((int64_t)value));
	json_object_array_add(array, entry);
	return 0;
}

static int add_devices(const struct limit_options *options, struct json_object *resources,
		       struct lxcri_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const struct strings *values =
			(const struct strings *)((const char *)options + lists[i].offset);
		struct json_object *array;

		if (values->count == 0)
			continue;
		array = json_object_new_array();
		json_object_object_add(object_of(resources, "blockIO"), lists[i].array, array);
		for (size_t k = 0; k < values->count; k++)
			if (add_device(&lists[i], values->items[k], array, err) < 0)
				return -1;
	}
	return 0;
}

static int add_unified(const struct limit_options *options, struct json_object *resources,
		       struct lxcri_error *err)
{
	for (size_t i = 0; i < options->unified.count; i++) {
		const char *text = options->unified.items[i];
		const char *equals = strchr(text, '=');
		autofree char *file = xstrndup(text, equals ? (size_t)(equals - text) : 0);

		if (!*file || !strchr(file, '.') || strchr(file, '/'))
			return refuse("--cgroup-conf", text, "a file and its value", err);
		json_set_text(object_of(resources, "unified"), file, equals + 1);
	}
	return 0;
}

int limit_options_format(const struct limit_options *options, struct json_object **ret,
			 struct lxcri_error *err)
{
	autojson resources = json_object_new_object();

	if (add_members(options, resources, err) < 0 || add_cpus(options, resources, err) < 0 ||
	    add_devices(options, resources, err) < 0 || add_unified(options, resources, err) < 0)
		return -1;
	if (options->oom_kill_disable)
		json_object_object_add(object_of(resources, "memory"), "disableOOMKiller",
				       json_object_new_boolean(true));
	*ret = json_object_object_length(resources) > 0 ? steal(resources) : NULL;
	return 0;
}
