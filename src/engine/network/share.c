/* SPDX-License-Identifier: MIT */
/* Containers on the network of another one. */

#include "engine/network/share.h"

#include "base/json.h"
#include "base/mem.h"
#include "engine/files/root.h"
#include "os/file.h"

#include <fcntl.h>
#include <string.h>

static void set_path(struct json_object *spec, const char *path)
{
	struct json_object *namespaces = json_get(json_get(spec, "linux"), "namespaces");

	for (size_t i = 0; i < json_count(namespaces); i++) {
		struct json_object *namespace = json_object_array_get_idx(namespaces, i);
		const char *type = json_get_text(namespace, "type");

		if (type && strcmp(type, "network") == 0)
			json_set_text(namespace, "path", path);
	}
}

int share_network(struct lxcri_container *container, struct lxcri_error *err)
{
	const char *id = container->record.network_of;
	autorun(lxcri_container_freep) struct lxcri_container *other = NULL;
	autojson spec = NULL;
	autofree char *path = NULL;
	autofree char *name = NULL;
	autofree char *text = NULL;
	int r;

	if (!id)
		return 0;
	if (lxcri_container_open(container->engine, id, &other, err) < 0)
		return fail_while(err, "network of another container");
	if (other->state.pid <= 0)
		return fail(err, LXCRI_E_INVALID_STATE,
			    "container %s, whose network is wanted, is %s", id,
			    lxcri_status_name(other->status));
	spec = root_load_spec(container, err);
	if (!spec)
		return -1;
	path = xformat("/proc/%d/ns/net", (int)other->state.pid);
	set_path(spec, path);
	text = json_format(spec);
	name = xformat("%s/config.json", container->record.bundle);
	r = file_write_atomic(AT_FDCWD, name, text, strlen(text), 0600, FILE_VOLATILE);
	return r < 0 ? fail_code_errno(err, LXCRI_E_STORAGE_ERROR, r, "write %s", name) : 0;
}
