/* SPDX-License-Identifier: MIT */
/* Files of containers of Proxmox VE that have stopped. */

#include "engine/ct/ct_files.h"

#include "base/mem.h"
#include "base/text.h"
#include "engine/ct/ct_node.h"
#include "engine/files/root.h"
#include "proxmox/property.h"

#include <string.h>

/* Which ids of the host those of an unprivileged container are: Proxmox VE's own choice. */
#define FIRST_HOST_ID 100000
#define N_HOST_IDS    65536

static void add_map(struct json_object *linux_part, const char *key)
{
	struct json_object *array = json_object_new_array();
	struct json_object *map = json_object_new_object();

	json_object_object_add(map, "containerID", json_object_new_int(0));
	json_object_object_add(map, "hostID", json_object_new_int(FIRST_HOST_ID));
	json_object_object_add(map, "size", json_object_new_int(N_HOST_IDS));
	json_object_array_add(array, map);
	json_object_object_add(linux_part, key, array);
}

/* Adds the mount point @text to @mounts. */
static int add_mount(struct pve *pve, const struct ct_place *place, const char *text,
		     struct json_object *mounts, struct lxcri_error *err)
{
	autorun(property_finish) struct property_string property = {};
	struct json_object *mount, *options;
	const char *volume, *target, *ro;
	autofree char *path = NULL;

	if (property_parse(text, "volume", &property, err) < 0)
		return -1;
	volume = property_find(&property, "volume");
	target = property_find(&property, "mp");
	ro = property_find(&property, "ro");
	if (!volume || !target)
		return 0;
	if (*volume == '/')
		path = xstrdup(volume);
	else if (ct_node_volume(pve, place, volume, &path, err) < 0)
		return -1;
	mount = json_object_new_object();
	options = json_object_new_array();
	json_object_array_add(mounts, mount);
	json_set_text(mount, "type", "bind");
	json_set_text(mount, "source", path);
	json_set_text(mount, "destination", target);
	json_object_object_add(mount, "options", options);
	if (ro && strcmp(ro, "1") == 0)
		json_object_array_add(options, json_object_new_string("ro"));
	return 0;
}

static void add_memory(struct json_object *mounts, const char *target)
{
	struct json_object *mount = json_object_new_object();

	json_set_text(mount, "type", "tmpfs");
	json_set_text(mount, "destination", target);
	json_object_array_add(mounts, mount);
}

/* Adds what a start mounts over the files, as the container's specification @own has it. */
static void add_covers(struct json_object *own, struct json_object *mounts)
{
	static const char *const always[] = { "/proc", "/sys", "/dev" };
	struct json_object *asked = json_get(own, "mounts");
	size_t count = json_count(asked);

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		add_memory(mounts, always[i]);
	for (size_t i = 0; i < count; i++) {
		struct json_object *mount = json_object_array_get_idx(asked, i);
		const char *type = json_get_text(mount, "type");

		if (type && strcmp(type, "tmpfs") == 0)
			add_memory(mounts, json_get_text(mount, "destination"));
	}
}

static int fill(struct pve *pve, struct ct_place *place, struct json_object *spec,
		struct lxcri_error *err)
{
	struct json_object *mounts = json_object_new_array();
	struct json_object *linux_part = json_object_new_object();
	autofree char *root = NULL;
	autojson config = NULL;

	json_object_object_add(spec, "mounts", mounts);
	json_object_object_add(spec, "linux", linux_part);
	if (ct_get(pve, place, &config, err) < 0)
		return -1;
	if (!place->rootfs)
		return fail(err, LXCRI_E_INVALID_STATE, "CT %u has no known root file system",
			    place->vmid);
	if (ct_node_volume(pve, place, place->rootfs, &root, err) < 0)
		return -1;
	json_set_text(spec, "root", root);
	if (pve_truth(config, "unprivileged")) {
		add_map(linux_part, "uidMappings");
		add_map(linux_part, "gidMappings");
	}
	json_object_object_foreach(config, key, value)
	{
		if (ct_is_mount_key(key) &&
		    add_mount(pve, place, json_object_get_string(value), mounts, err) < 0)
			return -1;
	}
	return 0;
}

struct json_object *ct_files_spec(struct lxcri_container *container, struct lxcri_error *err)
{
	autorun(ct_place_finish) struct ct_place place = {};
	struct pve *pve = ct_session(container->engine, err);
	autojson spec = json_object_new_object();
	struct lxcri_error ignored = {};
	autojson own = root_load_spec(container, &ignored);

	if (!pve || ct_place_load(&container->record, &place, err) < 0 ||
	    fill(pve, &place, spec, err) < 0)
		return NULL;
	add_covers(own, json_get(spec, "mounts"));
	return steal(spec);
}
