/* SPDX-License-Identifier: MIT */
/* What the fields of a runtime specification say about each other. Each rule reads the document as
 * if its shape could be wrong, for all faults are reported in one go. */

#include "oci/spec_validate.h"

#include "oci/spec_schema.h"

#include "base/mem.h"
#include "base/text.h"

#include <linux/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct meaning {
	struct json_object *document;
	struct json_object *linux_;
	struct json_object *resources;
	schema_fault_fn report;
	void *userdata;
	size_t faults;
};

/* Reports @text about the field that the rest formats. */
[[gnu::format(printf, 3, 4)]] static void fault(struct meaning *meaning, const char *text,
						const char *format, ...)
{
	va_list args;
	char *path;

	va_start(args, format);
	if (vasprintf(&path, format, args) < 0)
		abort();
	va_end(args);
	meaning->faults++;
	meaning->report(meaning->userdata, path, text);
	free(path);
}

/* Returns the text @key of the member @index of @array, or NULL. */
static const char *text_at(struct json_object *array, size_t index, const char *key)
{
	return json_get_text(json_object_array_get_idx(array, index), key);
}

/* Tells whether a member of @array before @index has the same text at @key. */
static bool is_repeated(struct json_object *array, size_t index, const char *key)
{
	const char *text = text_at(array, index, key);

	for (size_t i = 0; text && i < index; i++) {
		const char *other = text_at(array, i, key);

		if (other && strcmp(other, text) == 0)
			return true;
	}
	return false;
}

static bool has_namespace(struct meaning *meaning, const char *type)
{
	struct json_object *namespaces = json_get(meaning->linux_, "namespaces");

	for (size_t i = 0; i < json_count(namespaces); i++) {
		const char *name = text_at(namespaces, i, "type");

		if (name && strcmp(name, type) == 0)
			return true;
	}
	return false;
}

/* The kernel knows a handful of kinds, so a longer list repeats one; it is not read to its end,
 * and neither are the comparisons of each with each. */
#define KINDS_MAX 64

static void check_unique(struct meaning *meaning, struct json_object *array, const char *path,
			 const char *text)
{
	size_t count = json_count(array);

	if (count > KINDS_MAX) {
		fault(meaning, text, "%s", path);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (is_repeated(array, i, "type"))
			fault(meaning, text, "%s[%zu].type", path, i);
}

static void check_namespaces(struct meaning *meaning)
{
	check_unique(meaning, json_get(meaning->linux_, "namespaces"), "linux.namespaces",
		     "names a kind of namespace twice");
}

static void check_rlimits(struct meaning *meaning)
{
	struct json_object *rlimits = json_get(json_get(meaning->document, "process"), "rlimits");

	check_unique(meaning, rlimits, "process.rlimits", "names a limit twice");
	for (size_t i = 0; i < json_count(rlimits); i++) {
		struct json_object *rlimit = json_object_array_get_idx(rlimits, i);

		if (json_get_u64(rlimit, "soft", 0) > json_get_u64(rlimit, "hard", UINT64_MAX))
			fault(meaning, "must not exceed the hard limit",
			      "process.rlimits[%zu].soft", i);
	}
}

static void check_env(struct meaning *meaning)
{
	struct json_object *env = json_get(json_get(meaning->document, "process"), "env");

	for (size_t i = 0; i < json_count(env); i++) {
		struct json_object *item = json_object_array_get_idx(env, i);

		if (!json_object_is_type(item, json_type_string))
			continue;

		const char *text = json_object_get_string(item);

		if (*text == '=' || !strchr(text, '='))
			fault(meaning, "must be NAME=VALUE", "process.env[%zu]", i);
	}
}

static void check_names(struct meaning *meaning)
{
	static const char *const names[] = { "hostname", "domainname" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *name = json_get_text(meaning->document, names[i]);

		if (name && strlen(name) > 64)
			fault(meaning, "must not be longer than 64 bytes", "%s", names[i]);
		if (name && *name && !has_namespace(meaning, "uts"))
			fault(meaning, "needs a namespace of the type uts", "%s", names[i]);
	}
}

static void check_mapping(struct meaning *meaning, const char *key, size_t index,
			  struct json_object *mapping)
{
	static const char *const ends[] = { "containerID", "hostID" };
	uint64_t size = json_get_u64(mapping, "size", 1);

	if (size == 0)
		fault(meaning, "must not be zero", "linux.%s[%zu].size", key, index);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (json_get_u64(mapping, ends[i], 0) + size > UINT32_MAX + 1ull)
			fault(meaning, "reaches beyond the last id", "linux.%s[%zu].%s", key, index,
			      ends[i]);
}

static void check_mappings(struct meaning *meaning)
{
	static const char *const keys[] = { "uidMappings", "gidMappings" };

	for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
		struct json_object *mappings = json_get(meaning->linux_, keys[k]);
		size_t count = json_count(mappings);

		if (count > 0 && !has_namespace(meaning, "user"))
			fault(meaning, "needs a namespace of the type user", "linux.%s", keys[k]);
		for (size_t i = 0; i < count; i++)
			check_mapping(meaning, keys[k], i, json_object_array_get_idx(mappings, i));
	}
}

static void check_devices(struct meaning *meaning)
{
	static const char *const numbers[] = { "major", "minor" };
	struct json_object *devices = json_get(meaning->linux_, "devices");

	for (size_t i = 0; i < json_count(devices); i++) {
		const char *type = text_at(devices, i, "type");

		if (!type || strcmp(type, "p") == 0)
			continue;
		for (size_t n = 0; n < ARRAY_LEN(numbers); n++)
			if (!json_get(json_object_array_get_idx(devices, i), numbers[n]))
				fault(meaning, "is required unless the type is p",
				      "linux.devices[%zu].%s", i, numbers[n]);
	}
}

static void check_block_io(struct meaning *meaning)
{
	struct json_object *devices =
		json_get(json_get(meaning->resources, "blockIO"), "weightDevice");

	for (size_t i = 0; i < json_count(devices); i++) {
		struct json_object *device = json_object_array_get_idx(devices, i);

		if (json_object_is_type(device, json_type_object) && !json_get(device, "weight") &&
		    !json_get(device, "leafWeight"))
			fault(meaning, "needs weight or leafWeight",
			      "linux.resources.blockIO.weightDevice[%zu]", i);
	}
}

static void check_cpu(struct meaning *meaning)
{
	struct json_object *cpu = json_get(meaning->resources, "cpu");
	int64_t quota = json_get_i64(cpu, "quota", -1);

	if (quota > 0 && json_get_u64(cpu, "burst", 0) > (uint64_t)quota)
		fault(meaning, "must not exceed the quota", "linux.resources.cpu.burst");
}

static void check_rdma(struct meaning *meaning)
{
	struct json_object *rdma = json_get(meaning->resources, "rdma");

	if (!json_object_is_type(rdma, json_type_object))
		return;
	json_object_object_foreach(rdma, name, limits)
	{
		autofree char *path = json_path_key("linux.resources.rdma", name);

		if (json_object_is_type(limits, json_type_object) &&
		    !json_get(limits, "hcaHandles") && !json_get(limits, "hcaObjects"))
			fault(meaning, "needs hcaHandles or hcaObjects", "%s", path);
	}
}

static void check_seccomp(struct meaning *meaning)
{
	struct json_object *seccomp = json_get(meaning->linux_, "seccomp");

	if (json_get(seccomp, "listenerMetadata") && !json_get(seccomp, "listenerPath"))
		fault(meaning, "needs listenerPath", "linux.seccomp.listenerMetadata");
}

static bool is_some_line(const char *key)
{
	return *key && !text_has_control(key);
}

/* Such a key is the name of a file in a control group. */
static bool is_file_name(const char *key)
{
	return is_some_line(key) && !strchr(key, '/') && *key != '.';
}

/* Dots become slashes below /proc/sys, so two of them could lead out of it. */
static bool is_sysctl(const char *key)
{
	return is_some_line(key) && *key != '/' && !strstr(key, "..");
}

static bool is_interface(const char *key)
{
	return is_file_name(key) && strlen(key) < IFNAMSIZ;
}

static bool is_clock(const char *key)
{
	return strcmp(key, "monotonic") == 0 || strcmp(key, "boottime") == 0;
}

static bool leads_up(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");

		if (length == 2 && strncmp(path, "..", 2) == 0)
			return true;
		if (!path[length])
			return false;
		path += length + 1;
	}
}

/* Texts that become paths below a directory of the kernel's. */
static void check_files(struct meaning *meaning)
{
	const char *cgroup = json_get_text(meaning->linux_, "cgroupsPath");
	const char *class_id = json_get_text(json_get(meaning->linux_, "intelRdt"), "closID");

	if (cgroup && leads_up(cgroup))
		fault(meaning, "must not lead upwards", "linux.cgroupsPath");
	if (class_id && !is_file_name(class_id))
		fault(meaning, "must be the name of a directory", "linux.intelRdt.closID");
}

/* Maps whose keys are not free. */
static void check_keys(struct meaning *meaning)
{
	const struct {
		struct json_object *object;
		const char *path;
		bool (*allows)(const char *key);
		const char *text;
	} maps[] = {
		{ json_get(meaning->document, "annotations"), "annotations", is_some_line,
		  "must have a key of one line that is not empty" },
		{ json_get(meaning->linux_, "sysctl"), "linux.sysctl", is_sysctl,
		  "must be the name of a kernel parameter" },
		{ json_get(meaning->linux_, "netDevices"), "linux.netDevices", is_interface,
		  "must be the name of an interface" },
		{ json_get(meaning->linux_, "timeOffsets"), "linux.timeOffsets", is_clock,
		  "must be the clock monotonic or boottime" },
		{ json_get(meaning->resources, "unified"), "linux.resources.unified", is_file_name,
		  "must be the name of a file" },
		{ json_get(meaning->resources, "rdma"), "linux.resources.rdma", is_some_line,
		  "must have a key of one line that is not empty" },
	};

	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		if (!json_object_is_type(maps[i].object, json_type_object))
			continue;
		json_object_object_foreach(maps[i].object, key, value)
		{
			autofree char *path = json_path_key(maps[i].path, key);

			(void)value;
			if (!maps[i].allows(key))
				fault(meaning, maps[i].text, "%s", path);
		}
	}
}

static void (*const rules_of_meaning[])(struct meaning *meaning) = {
	check_env,      check_rlimits, check_names, check_namespaces, check_mappings, check_devices,
	check_block_io, check_cpu,     check_rdma,  check_seccomp,    check_keys,     check_files,
};

static size_t check_meaning(struct json_object *document, schema_fault_fn report, void *userdata)
{
	struct json_object *part = json_get(document, "linux");
	struct meaning meaning = {
		.document = document,
		.linux_ = part,
		.resources = json_get(part, "resources"),
		.report = report,
		.userdata = userdata,
	};

	for (size_t i = 0; i < ARRAY_LEN(rules_of_meaning); i++)
		rules_of_meaning[i](&meaning);
	return meaning.faults;
}

size_t spec_validate(struct json_object *document, enum spec_rules rules, schema_fault_fn report,
		     void *userdata)
{
	size_t faults = 0;

	if (rules & SPEC_RULES_SHAPE)
		faults += schema_check(&spec_schema, document, SCHEMA_NULL_IS_WRONG, report,
				       userdata);
	if (rules & SPEC_RULES_MEANING)
		faults += check_meaning(document, report, userdata);
	return faults;
}

int spec_validate_first(struct json_object *document, struct lxcri_error *err)
{
	struct schema_first first = { .err = err, .code = LXCRI_E_INVALID_SPEC };

	return spec_validate(document, SPEC_RULES_ALL, schema_keep_first, &first) ? -1 : 0;
}

/* Validates a part that stands alone: its shape, and its meaning in a document that holds nothing
 * else. */
static int validate_part(const struct schema *schema, struct json_object *part,
			 struct json_object *document, struct lxcri_error *err)
{
	struct schema_first first = { .err = err, .code = LXCRI_E_INVALID_SPEC };

	if (schema_check(schema, part, SCHEMA_NULL_IS_WRONG, schema_keep_first, &first))
		return -1;
	return check_meaning(document, schema_keep_first, &first) ? -1 : 0;
}

int spec_validate_process(struct json_object *process, struct lxcri_error *err)
{
	autojson document = json_object_new_object();

	json_object_object_add(document, "process", json_object_get(process));
	return validate_part(&spec_schema_process, process, document, err);
}

int spec_validate_resources(struct json_object *resources, struct lxcri_error *err)
{
	autojson document = json_object_new_object();
	struct json_object *part = json_object_new_object();

	json_object_object_add(document, "linux", part);
	json_object_object_add(part, "resources", json_object_get(resources));
	return validate_part(&spec_schema_resources, resources, document, err);
}
