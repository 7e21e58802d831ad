/* SPDX-License-Identifier: MIT */
/* What a container's specification says to Linux alone. */

#include "engine/bundle/part.h"

#include "base/mem.h"
#include "engine/bundle/seccomp_profile.h"
#include "engine/limits/resources.h"
#include "engine/network/mode.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The time that a CPU quota is a share of, in microseconds: the kernel's own. */
#define CPU_PERIOD_US 100000

/* Larger numbers of CPUs are a slip of the finger. */
#define CPUS_MAX 8192

/* What shows or changes the host beyond what its own permissions guard. */
static const char *const masked_paths[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/devices/virtual/powercap",
	"/sys/firmware",
};

static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

/* What every container may use; -1: any number. */
static const struct device_rule {
	const char *type;
	int major;
	int minor;
	const char *access;
} device_rules[] = {
	{ "c", -1, -1, "m" },                          /* mknod alone opens nothing */
	{ "b", -1, -1, "m" },    { "c", 1, 3, "rwm" }, /* null */
	{ "c", 1, 5, "rwm" },                          /* zero */
	{ "c", 1, 7, "rwm" },                          /* full */
	{ "c", 1, 8, "rwm" },                          /* random */
	{ "c", 1, 9, "rwm" },                          /* urandom */
	{ "c", 5, 0, "rwm" },                          /* tty */
	{ "c", 5, 1, "rwm" },                          /* console */
	{ "c", 5, 2, "rwm" },                          /* ptmx */
	{ "c", 136, -1, "rwm" },                       /* pts */
};

static void add_paths(struct json_object *object, const char *key, const char *const *paths,
		      size_t n_paths)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < n_paths; i++)
		bundle_append(array, paths[i]);
	json_object_object_add(object, key, array);
}

static struct json_object *format_extents(const struct id_extents *extents)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < extents->count; i++) {
		const struct id_extent *extent = &extents->items[i];
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "containerID",
				       json_object_new_int64(extent->inside));
		json_object_object_add(object, "hostID", json_object_new_int64(extent->outside));
		json_object_object_add(object, "size", json_object_new_int64(extent->size));
		json_object_array_add(array, object);
	}
	return array;
}

/* Adds the user namespace to @namespaces, where there is to be one. */
static void add_user_namespace(const struct id_map *map, struct json_object *namespaces,
			       struct json_object *spec)
{
	struct json_object *object;

	if (id_map_is_host(map))
		return;
	object = json_object_new_object();
	json_set_text(object, "type", "user");
	json_object_array_add(namespaces, object);
	json_object_object_add(spec, "uidMappings", format_extents(&map->uids));
	json_object_object_add(spec, "gidMappings", format_extents(&map->gids));
}

static void add_namespaces(const struct bundle_request *request, struct json_object *spec)
{
	const struct lxcri_create_options *options = request->options;

	static const struct {
		const char *type;
		const char *file;
	} kinds[] = {
		{ "pid", "/proc/self/ns/pid" },     { "ipc", "/proc/self/ns/ipc" },
		{ "uts", "/proc/self/ns/uts" },     { "mount", "/proc/self/ns/mnt" },
		{ "network", "/proc/self/ns/net" }, { "cgroup", "/proc/self/ns/cgroup" },
	};
	struct json_object *array = json_object_new_array();
	bool host_network = network_mode_is_host(options);

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (host_network && strcmp(kinds[i].type, "network") == 0)
			continue;
		/* A kernel may be built without the newest kind. */
		if (strcmp(kinds[i].type, "cgroup") == 0 && access(kinds[i].file, F_OK) < 0)
			continue;

		struct json_object *object = json_object_new_object();

		json_set_text(object, "type", kinds[i].type);
		json_object_array_add(array, object);
	}
	add_user_namespace(&request->map, array, spec);
	json_object_object_add(spec, "namespaces", array);
}

static void add_device_rule(struct json_object *rules, const char *type, int64_t major,
			    int64_t minor, const char *access)
{
	struct json_object *rule = json_object_new_object();

	json_object_object_add(rule, "allow", json_object_new_boolean(true));
	json_set_text(rule, "type", type);
	if (major >= 0)
		json_object_object_add(rule, "major", json_object_new_int64(major));
	if (minor >= 0)
		json_object_object_add(rule, "minor", json_object_new_int64(minor));
	json_set_text(rule, "access", access);
	json_object_array_add(rules, rule);
}

/* Reads what may be done with a device: some of "rwm", each once. */
static int check_permissions(const struct lxcri_device *device, struct lxcri_error *err)
{
	const char *text = device->permissions;

	if (!text)
		return 0;
	for (size_t i = 0; text[i]; i++)
		if (!strchr("rwm", text[i]) || strchr(text + i + 1, text[i]))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "device %s: \"%s\" is not made of r, w and m",
				    device->host_path, text);
	return *text ? 0
		     : fail(err, LXCRI_E_INVALID_ARGUMENT, "device %s: no permissions",
			    device->host_path);
}

/* Gives the container the node that @device is on the host. */
static int add_device(const struct lxcri_device *device, struct json_object *devices,
		      struct json_object *rules, struct lxcri_error *err)
{
	const char *inside = device->container_path ? device->container_path : device->host_path;
	autofree char *path = NULL;
	struct stat status;

	if (bundle_normalise("device", inside, &path, err) < 0 ||
	    check_permissions(device, err) < 0)
		return -1;
	if (stat(device->host_path, &status) < 0)
		return fail_code_errno(err, LXCRI_E_INVALID_ARGUMENT, errno, "device %s",
				       device->host_path);
	if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%s is not a device", device->host_path);

	bundle_add_device(devices, path, &status);
	add_device_rule(rules, S_ISCHR(status.st_mode) ? "c" : "b", major(status.st_rdev),
			minor(status.st_rdev), device->permissions ? device->permissions : "rwm");
	return 0;
}

static int add_devices(const struct lxcri_create_options *options, struct json_object *spec,
		       struct json_object *resources, struct lxcri_error *err)
{
	struct json_object *devices = json_object_new_array();
	struct json_object *rules = json_object_new_array();
	struct json_object *deny;

	json_object_object_add(spec, "devices", devices);
	json_object_object_add(resources, "devices", rules);
	if (options->privileged) {
		add_device_rule(rules, "a", -1, -1, "rwm");
		return bundle_add_host_devices(devices, err);
	}

	deny = json_object_new_object();
	json_object_object_add(deny, "allow", json_object_new_boolean(false));
	json_set_text(deny, "access", "rwm");
	json_object_array_add(rules, deny);
	for (size_t i = 0; i < ARRAY_LEN(device_rules); i++)
		add_device_rule(rules, device_rules[i].type, device_rules[i].major,
				device_rules[i].minor, device_rules[i].access);
	for (size_t i = 0; i < options->n_devices; i++)
		if (add_device(&options->devices[i], devices, rules, err) < 0)
			return -1;
	return 0;
}

/* Adds the object @key with one number, and returns it. */
static struct json_object *add_limit(struct json_object *resources, const char *key,
				     const char *member, uint64_t value)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, member, json_object_new_uint64(value));
	json_object_object_add(resources, key, object);
	return object;
}

static int add_more_limits(const struct lxcri_create_options *options,
			   struct json_object *resources, struct lxcri_error *err)
{
	autojson more = NULL;

	if (!options->resources)
		return 0;
	if (resources_parse(options->resources, &more, err) < 0)
		return fail_as(err, LXCRI_E_INVALID_ARGUMENT, "limits");
	if (json_get(more, "devices"))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "limits: devices: are rules, and given as devices");
	resources_merge(resources, more);
	return 0;
}

static int add_limits(const struct lxcri_create_options *options, struct json_object *resources,
		      struct lxcri_error *err)
{
	if (options->memory_bytes > INT64_MAX || options->pids_max > INT64_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "the limit of %s is too large",
			    options->pids_max > INT64_MAX ? "processes" : "memory");
	if (options->memory_bytes)
		add_limit(resources, "memory", "limit", options->memory_bytes);
	if (options->pids_max)
		add_limit(resources, "pids", "limit", options->pids_max);
	if (options->cpus == 0)
		return add_more_limits(options, resources, err);

	/* The kernel takes no quota below a millisecond. */
	if (!(options->cpus >= 0.01 && options->cpus <= CPUS_MAX))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "%g CPUs: the number must be from 0.01 to %d", options->cpus, CPUS_MAX);

	struct json_object *cpu = add_limit(resources, "cpu", "quota",
					    (uint64_t)(options->cpus * CPU_PERIOD_US + 0.5));

	json_object_object_add(cpu, "period", json_object_new_int64(CPU_PERIOD_US));
	return add_more_limits(options, resources, err);
}

int bundle_add_linux(struct bundle_request *request, struct lxcri_error *err)
{
	const struct lxcri_create_options *options = request->options;
	struct json_object *spec = json_object_new_object();
	struct json_object *resources = json_object_new_object();

	json_object_object_add(request->bundle->spec, "linux", spec);
	json_object_object_add(spec, "resources", resources);
	add_namespaces(request, spec);
	if (add_devices(options, spec, resources, err) < 0 ||
	    add_limits(options, resources, err) < 0)
		return -1;
	if (options->privileged)
		return 0;
	json_object_object_add(spec, "seccomp", seccomp_profile_default(request->capabilities));
	add_paths(spec, "maskedPaths", masked_paths, ARRAY_LEN(masked_paths));
	add_paths(spec, "readonlyPaths", readonly_paths, ARRAY_LEN(readonly_paths));
	return 0;
}
