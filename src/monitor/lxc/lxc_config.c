/* SPDX-License-Identifier: MIT */
/* The items of liblxc's configuration. */

#include "monitor/lxc/lxc_config.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const struct namespace_kind {
	const char *type;
	const char *name; /* liblxc's */
	int flag;
} namespace_kinds[] = {
	{ "mount", "mnt", CLONE_NEWNS },         { "pid", "pid", CLONE_NEWPID },
	{ "uts", "uts", CLONE_NEWUTS },          { "ipc", "ipc", CLONE_NEWIPC },
	{ "user", "user", CLONE_NEWUSER },       { "network", "net", CLONE_NEWNET },
	{ "cgroup", "cgroup", CLONE_NEWCGROUP }, { "time", "time", CLONE_NEWTIME },
};

void lxc_config_finish(struct lxc_config *config)
{
	strings_finish(&config->keys);
	strings_finish(&config->values);
}

int lxc_config_add(struct lxc_config *config, const char *key, const char *value,
		   struct lxcri_error *err)
{
	if (!text_starts_with(key, "lxc.") ||
	    strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
		    strlen(key))
		return fail(err, LXCRI_E_INVALID_SPEC,
			    "configure LXC: a key has other characters "
			    "than letters, digits, '.', '_' and '-'");
	if (!*value || text_has_control(value))
		return fail(err, LXCRI_E_INVALID_SPEC,
			    "configure LXC: the value of %s is empty or has control characters",
			    key);
	strings_add(&config->keys, key);
	strings_add(&config->values, value);
	return 0;
}

int lxc_config_addf(struct lxc_config *config, struct lxcri_error *err, const char *key,
		    const char *format, ...)
{
	autofree char *value = NULL;
	va_list args;

	va_start(args, format);

	int length = vasprintf(&value, format, args);

	va_end(args);
	if (length < 0) {
		value = NULL;
		return fail(err, LXCRI_E_SYSTEM, "configure LXC: out of memory");
	}
	return lxc_config_add(config, key, value, err);
}

static const struct namespace_kind *find_kind(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(namespace_kinds); i++)
		if (strcmp(namespace_kinds[i].type, type) == 0)
			return &namespace_kinds[i];
	return NULL;
}

/* liblxc enters whatever namespace a path leads to. */
static int check_path(const struct namespace_kind *kind, const char *path, size_t index,
		      struct lxcri_error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return fail_code_errno(err, LXCRI_E_INVALID_SPEC, errno,
				       "linux.namespaces[%zu].path: %s", index, path);
	if (ioctl(fd, NS_GET_NSTYPE) != kind->flag)
		return fail(err, LXCRI_E_INVALID_SPEC,
			    "linux.namespaces[%zu].path: %s is no %s namespace", index, path,
			    kind->type);
	return 0;
}

static int add_namespaces(const struct spec_linux *part, struct lxc_config *config,
			  struct lxcri_error *err)
{
	autorun(text_finish) struct text clone = {};

	for (size_t i = 0; i < part->n_namespaces; i++) {
		const struct spec_namespace *ns = &part->namespaces[i];
		const struct namespace_kind *kind = find_kind(ns->type);

		if (!kind)
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "linux.namespaces[%zu]: type %s on LXC", i, ns->type);
		if (!ns->path) {
			text_addf(&clone, "%s%s", clone.length ? " " : "", kind->name);
			continue;
		}
		if (check_path(kind, ns->path, i, err) < 0)
			return -1;
		if (kind->flag == CLONE_NEWCGROUP)
			continue;

		autofree char *key = xformat("lxc.namespace.share.%s", kind->name);

		if (lxc_config_add(config, key, ns->path, err) < 0)
			return -1;
	}
	return lxc_config_add(config, "lxc.namespace.clone", clone.data ? clone.data : "", err);
}

static int add_id_mappings(const struct spec_linux *part, struct lxc_config *config,
			   struct lxcri_error *err)
{
	for (size_t i = 0; i < part->n_uid_mappings + part->n_gid_mappings; i++) {
		bool uid = i < part->n_uid_mappings;
		const struct spec_id_mapping *map =
			uid ? &part->uid_mappings[i]
			    : &part->gid_mappings[i - part->n_uid_mappings];

		if (lxc_config_addf(config, err, "lxc.idmap", "%s %u %u %u", uid ? "u" : "g",
				    map->container_id, map->host_id, map->size) < 0)
			return -1;
	}
	return 0;
}

static int add_time_offsets(const struct spec_linux *part, struct lxc_config *config,
			    struct lxcri_error *err)
{
	for (size_t i = 0; i < part->n_time_offsets; i++) {
		const struct spec_time_offset *offset = &part->time_offsets[i];
		const char *key = strcmp(offset->clock, "boottime") == 0
					  ? "lxc.time.offset.boot"
					  : "lxc.time.offset.monotonic";

		if (offset->nanoseconds != 0)
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "linux.timeOffsets.%s.nanosecs on LXC", offset->clock);
		if (lxc_config_addf(config, err, key, "%llds", (long long)offset->seconds) < 0)
			return -1;
	}
	return 0;
}

/* Everything that liblxc would otherwise do of its own accord is turned off. The AppArmor profile
 * is taken on by the shim with its last exec: under it the shim could not mount. */
static int add_fixed(struct lxc_config *config, struct lxcri_error *err)
{
	static const char *const items[][2] = {
		{ "lxc.console.path", "none" },
		{ "lxc.pty.max", "0" },
		{ "lxc.tty.max", "0" },
		{ "lxc.autodev", "0" },
		{ "lxc.apparmor.profile", "unconfined" },
		{ "lxc.cgroup.relative", "0" },
	};

	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		if (lxc_config_add(config, items[i][0], items[i][1], err) < 0)
			return -1;
	return 0;
}

static int add_cgroups(const struct runtime_spec *spec, const struct lxc_cgroup_names *names,
		       struct lxc_config *config, struct lxcri_error *err)
{
	const struct lxc_hierarchies host = {
		.unified = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0,
		.root = "/sys/fs/cgroup",
	};

	if (lxc_config_add(config, "lxc.cgroup.dir.container", names->payload, err) < 0 ||
	    lxc_config_add(config, "lxc.cgroup.dir.monitor", names->monitor, err) < 0 ||
	    lxc_config_add(config, "lxc.cgroup.dir.monitor.pivot", names->pivot, err) < 0)
		return -1;
	/* All other limits are written by who asked for the container, once its cgroups are there.
	 */
	return lxc_config_devices(spec->linux_->resources, &host, config, err);
}

int lxc_config_build(const struct runtime_spec *spec, const struct lxc_cgroup_names *names,
		     struct lxc_config *config, struct lxcri_error *err)
{
	const struct spec_linux *part = spec->linux_;
	const struct spec_namespace *net = spec_linux_namespace(part, "network");

	if (add_fixed(config, err) < 0 || add_namespaces(part, config, err) < 0 ||
	    add_id_mappings(part, config, err) < 0 || add_time_offsets(part, config, err) < 0)
		return -1;
	if (net && !net->path && lxc_config_add(config, "lxc.net.0.type", "empty", err) < 0)
		return -1;
	if (!net && lxc_config_add(config, "lxc.net.0.type", "none", err) < 0)
		return -1;
	return add_cgroups(spec, names, config, err);
}
