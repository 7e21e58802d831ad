/* SPDX-License-Identifier: MIT */
/* The plan of a container's first process, from its specification. */

#include "monitor/lxc/lxc_spec.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/stat.h>

static bool is_new_namespace(const struct spec_linux *part, const char *type)
{
	const struct spec_namespace *ns = spec_linux_namespace(part, type);

	return ns && !ns->path;
}

/* What a specification may ask for and this backend cannot give. */
static int refuse_unsupported(const struct spec_linux *part, struct lxcri_error *err)
{
	const char *field = NULL;

	if (!is_new_namespace(part, "mount"))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "linux.namespaces: LXC needs a new mount namespace");
	if (part->intel_rdt)
		field = "intelRdt";
	else if (part->memory_policy)
		field = "memoryPolicy";
	else if (part->n_net_devices > 0)
		field = "netDevices";
	else if (part->mount_label && *part->mount_label)
		field = "mountLabel";
	else if (part->seccomp && part->seccomp->listener_path)
		field = "seccomp.listenerPath";
	return field ? fail(err, LXCRI_E_UNSUPPORTED_OPERATION, "linux.%s on LXC", field) : 0;
}

static bool has_prefix_of(const char *key, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (text_starts_with(key, *prefixes))
			return true;
	return false;
}

/* Only what belongs to a namespace of the container's own, and never a path that leads elsewhere:
 * everything else would change the host. */
static bool is_safe_sysctl(const struct spec_linux *part, const char *key)
{
	static const char *const ipc[] = { "kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue.",
					   NULL };
	static const char *const net[] = { "net.", NULL };
	static const char *const uts[] = { "kernel.domainname", "kernel.hostname", NULL };

	if (strstr(key, "..") || strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					     "0123456789._-/") != strlen(key))
		return false;
	if (has_prefix_of(key, net))
		return is_new_namespace(part, "network");
	if (has_prefix_of(key, ipc))
		return is_new_namespace(part, "ipc");
	return has_prefix_of(key, uts) && is_new_namespace(part, "uts");
}

static int take_sysctls(const struct spec_linux *part, struct lxc_plan *plan,
			struct lxcri_error *err)
{
	for (size_t i = 0; i < part->sysctl.count; i++) {
		const struct spec_pair *pair = &part->sysctl.items[i];

		if (!is_safe_sysctl(part, pair->key) || text_has_control(pair->value))
			return fail(err, LXCRI_E_INVALID_SPEC,
				    "linux.sysctl: %s is not of a namespace of the container",
				    pair->key);
		strings_add(&plan->sysctls, pair->key);

		/* A dot parts directories unless slashes do; then it belongs to a name. */
		char *path = plan->sysctls.items[plan->sysctls.count - 1];

		for (char *c = strchr(path, '/') ? NULL : path; c && *c; c++)
			if (*c == '.')
				*c = '/';
		strings_add(&plan->sysctls, pair->value);
	}
	return 0;
}

static int take_propagation(const struct spec_linux *part, struct lxc_plan *plan,
			    struct lxcri_error *err)
{
	static const struct {
		const char *word;
		uint64_t propagation;
	} words[] = {
		{ "private", 0 },
		{ "rprivate", 0 },
		{ "slave", 0 },
		{ "rslave", 0 },
		{ "shared", MS_SHARED },
		{ "rshared", MS_SHARED | MS_REC },
		{ "unbindable", MS_UNBINDABLE },
		{ "runbindable", MS_UNBINDABLE | MS_REC },
	};
	const char *word = part->rootfs_propagation;

	if (!word || !*word)
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, word) == 0) {
			plan->root_propagation = words[i].propagation;
			return 0;
		}
	}
	return fail(err, LXCRI_E_INVALID_SPEC, "linux.rootfsPropagation: unknown %s", word);
}

static int take_devices(const struct spec_linux *part, struct lxc_plan *plan)
{
	plan->devices = part->n_devices ? xcalloc(part->n_devices, sizeof(*plan->devices)) : NULL;
	plan->n_devices = part->n_devices;
	for (size_t i = 0; i < part->n_devices; i++) {
		const struct spec_device *device = &part->devices[i];
		uint32_t type = device->type[0] == 'b'   ? S_IFBLK
				: device->type[0] == 'p' ? S_IFIFO
							 : S_IFCHR;

		plan->devices[i] = (struct lxc_plan_device){
			.path = xstrdup(device->path),
			.mode = type |
				(uint32_t)(device->file_mode.set ? device->file_mode.value & 07777
								 : 0666),
			.major = (uint32_t)device->major,
			.minor = (uint32_t)device->minor,
			.uid = (uint32_t)(device->uid.set ? device->uid.value : 0),
			.gid = (uint32_t)(device->gid.set ? device->gid.value : 0),
		};
	}
	return 0;
}

static int take_linux(const struct spec_linux *part, struct lxc_plan *plan, struct lxcri_error *err)
{
	if (!part)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "linux.namespaces: LXC needs a new mount namespace");
	if (refuse_unsupported(part, err) < 0 || take_sysctls(part, plan, err) < 0 ||
	    take_propagation(part, plan, err) < 0 || take_devices(part, plan) < 0)
		return -1;
	plan->join_cgroup_ns =
		spec_linux_namespace(part, "cgroup") && spec_linux_namespace(part, "cgroup")->path;
	plan->new_cgroup_ns = is_new_namespace(part, "cgroup");
	plan->new_network_ns = is_new_namespace(part, "network");
	for (size_t i = 0; i < part->masked_paths.count; i++)
		strings_add(&plan->masked, part->masked_paths.items[i]);
	for (size_t i = 0; i < part->readonly_paths.count; i++)
		strings_add(&plan->read_only, part->readonly_paths.items[i]);
	if (part->personality)
		plan->process.personality =
			strcmp(part->personality, "LINUX32") == 0 ? PER_LINUX32 : PER_LINUX;
	return 0;
}

static int take_mounts(const struct runtime_spec *spec, struct lxc_plan *plan,
		       struct lxcri_error *err)
{
	plan->mounts = spec->n_mounts ? xcalloc(spec->n_mounts, sizeof(*plan->mounts)) : NULL;
	plan->n_mounts = spec->n_mounts;
	plan->own_dev = true;
	for (size_t i = 0; i < spec->n_mounts; i++) {
		struct lxc_plan_mount *mount = &plan->mounts[i];

		if (lxc_spec_mount(&spec->mounts[i], mount, err) < 0)
			return fail_while(err, "mounts[%zu]", i);
		if (mount->flags & LXC_MOUNT_BIND && strcmp(mount->destination, "/dev") == 0)
			plan->own_dev = false;
	}
	return 0;
}

static void add_hooks(const struct spec_hooks *from, struct lxc_plan_hooks *to)
{
	if (from->count == 0)
		return;
	to->items = xreallocarray(to->items, to->count + from->count, sizeof(*to->items));
	for (size_t i = 0; i < from->count; i++) {
		struct lxc_plan_hook *hook = &to->items[to->count++];
		const struct spec_hook *given = &from->items[i];

		*hook = (struct lxc_plan_hook){ .path = xstrdup(given->path) };
		for (size_t k = 0; k < given->args.count; k++)
			strings_add(&hook->args, given->args.items[k]);
		for (size_t k = 0; k < given->env.count; k++)
			strings_add(&hook->env, given->env.items[k]);
		hook->timeout_seconds = given->timeout_seconds > UINT32_MAX
						? UINT32_MAX
						: (uint32_t)given->timeout_seconds;
	}
}

/* The state document, cut where status and pid belong. */
static void take_state(const struct runtime_spec *spec, const char *id, const char *bundle,
		       struct lxc_plan *plan)
{
	autojson head = json_object_new_object();
	autojson tail = json_object_new_object();
	struct json_object *annotations = json_get(spec->document, "annotations");

	json_set_text(head, "ociVersion", spec->oci_version);
	json_set_text(head, "id", id);
	json_set_text(tail, "bundle", bundle);
	if (annotations)
		json_object_object_add(tail, "annotations", json_object_get(annotations));

	autofree char *begin = json_format_line(head);
	autofree char *end = json_format_line(tail);
	char *close = strrchr(begin, '}');
	const char *open = strchr(end, '{');

	*close = '\0';
	plan->state_head = xformat("%s,\"status\":", begin);
	plan->state_tail = xformat(",%s", open + 1);
}

int lxc_spec_plan(const struct runtime_spec *spec, const char *id, const char *bundle,
		  struct lxc_plan *plan, struct lxcri_error *err)
{
	if (!spec->process)
		return fail(err, LXCRI_E_INVALID_SPEC, "config.json: there is no process to start");
	if (lxc_spec_process(spec->process, &plan->process, err) < 0 ||
	    take_linux(spec->linux_, plan, err) < 0 || take_mounts(spec, plan, err) < 0)
		return fail_while(err, "config.json");
	plan->hostname = xstrdup(spec->hostname);
	plan->domainname = xstrdup(spec->domainname);
	plan->read_only_root = spec->root->readonly;
	take_state(spec, id, bundle, plan);
	add_hooks(&spec->hooks[SPEC_HOOK_PRESTART], &plan->create_runtime);
	add_hooks(&spec->hooks[SPEC_HOOK_CREATE_RUNTIME], &plan->create_runtime);
	add_hooks(&spec->hooks[SPEC_HOOK_CREATE_CONTAINER], &plan->create_container);
	add_hooks(&spec->hooks[SPEC_HOOK_START_CONTAINER], &plan->start_container);
	add_hooks(&spec->hooks[SPEC_HOOK_POSTSTART], &plan->poststart);
	add_hooks(&spec->hooks[SPEC_HOOK_POSTSTOP], &plan->poststop);
	return 0;
}
