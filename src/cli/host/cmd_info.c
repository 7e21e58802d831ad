/* SPDX-License-Identifier: MIT */
/* info: host, runtimes, storage and counts at a glance. */

#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "lxcri/system.h"

#include <string.h>
#include <sys/utsname.h>

struct info_options {
	const char *format;
};

static const struct option_entry options_of_info[] = {
	OPTION(info_options, format, "format", 'f', OPTION_TEXT, "table|json",
	       "form of the output"),
	{},
};

static void set_count(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static struct json_object *host_of(const struct lxcri_info *info)
{
	struct json_object *host = json_object_new_object();
	struct utsname name = {};

	(void)uname(&name);
	json_set_text(host, "name", name.nodename);
	json_set_text(host, "os", info->os);
	json_set_text(host, "kernel", name.release);
	json_set_text(host, "architecture", name.machine);
	set_count(host, "cpus", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	set_count(host, "memory",
		  (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE));
	return host;
}

static struct json_object *runtimes_of(const struct lxcri_versions *versions)
{
	struct json_object *runtimes = json_object_new_object();

	json_set_text(runtimes, "liblxc", versions->liblxc);
	json_set_text(runtimes, "libcrun", versions->libcrun);
	json_set_text(runtimes, "runc", versions->runc);
	json_set_text(runtimes, "crun", versions->crun);
	return runtimes;
}

static struct json_object *cgroups_of(const struct lxcri_info *info)
{
	struct json_object *cgroups = json_object_new_object();

	set_count(cgroups, "version", info->cgroup_version);
	json_object_object_add(cgroups, "hybrid", json_object_new_boolean(info->cgroup_hybrid));
	json_set_text(cgroups, "manager", info->systemd_cgroups ? "systemd" : "cgroupfs");
	return cgroups;
}

static struct json_object *storage_of(const struct lxcri_info *info)
{
	struct json_object *storage = json_object_new_object();

	json_set_text(storage, "driver", info->storage_driver);
	json_set_text(storage, "fileSystem", info->file_system);
	json_set_text(storage, "data", info->data);
	json_set_text(storage, "root", info->root);
	return storage;
}

static struct json_object *containers_of(const struct lxcri_info *info)
{
	struct json_object *containers = json_object_new_object();
	uint64_t total = 0;

	for (size_t i = 0; i < ARRAY_LEN(info->containers); i++) {
		set_count(containers, lxcri_status_name((enum lxcri_status)i), info->containers[i]);
		total += info->containers[i];
	}
	set_count(containers, "total", total);
	return containers;
}

static struct json_object *security_of(const struct lxcri_info *info)
{
	struct json_object *security = json_object_new_object();

	json_object_object_add(security, "apparmor", json_object_new_boolean(info->has_apparmor));
	json_object_object_add(security, "seccomp", json_object_new_boolean(info->has_seccomp));
	json_object_object_add(security, "selinux", json_object_new_boolean(info->has_selinux));
	return security;
}

static struct json_object *object_of(const struct lxcri_info *info)
{
	struct json_object *object = json_object_new_object();

	json_set_text(object, "version", info->version);
	json_object_object_add(object, "host", host_of(info));
	json_object_object_add(object, "runtimes", runtimes_of(&info->versions));
	json_object_object_add(object, "cgroups", cgroups_of(info));
	json_object_object_add(object, "storage", storage_of(info));
	json_object_object_add(object, "containers", containers_of(info));
	set_count(object, "images", info->images);
	json_object_object_add(object, "security", security_of(info));
	return object;
}

/* One line a value: "host.kernel  6.1.0". */
static void add_rows(struct print_table *table, const char *prefix, struct json_object *object)
{
	json_object_object_foreach(object, key, value)
	{
		autofree char *name = prefix ? xformat("%s.%s", prefix, key) : xstrdup(key);

		if (json_object_is_type(value, json_type_object)) {
			add_rows(table, name, value);
			continue;
		}
		strings_add(&table->cells, name);
		if (prefix && strcmp(key, "memory") == 0)
			strings_add_consume(&table->cells,
					    print_size(json_object_get_uint64(value)));
		else
			strings_add(&table->cells, json_object_get_string(value));
	}
}

static int cmd_info(struct cli *cli, const void *verb_options, int argc, char **argv,
		    struct lxcri_error *err)
{
	const struct info_options *options = verb_options;
	autorun(lxcri_info_finish) struct lxcri_info info = {};
	struct print_table table = { .columns = 2 };
	int is_json = print_wants_json(options->format, err);

	if (argc > 0)
		return cli_usage(cli, err, "expected no argument");
	if (is_json < 0)
		return fail_while(err, "info");
	if (cli_open_engine(cli, err) < 0 || lxcri_info(cli->engine, &info, err) < 0)
		return -1;

	autojson object = object_of(&info);

	if (is_json) {
		print_json(object, stdout);
	} else {
		add_rows(&table, NULL, object);
		print_table_finish(&table, stdout);
	}
	return EXIT_SUCCESS;
}

const struct verb verb_info = {
	.name = "info",
	.arguments = "",
	.summary = "show host, runtimes, storage and how many containers there are",
	.options = options_of_info,
	.options_size = sizeof(struct info_options),
	.run = cmd_info,
};
