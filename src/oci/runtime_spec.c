/* SPDX-License-Identifier: MIT */
/* An OCI runtime specification as structs: validated first, so that reading it cannot fail. */

#include "oci/runtime_spec.h"

#include "oci/spec_validate.h"

#include "base/mem.h"

#include <string.h>

static const char *const stage_names[SPEC_HOOK_STAGES] = {
	[SPEC_HOOK_PRESTART] = "prestart",
	[SPEC_HOOK_CREATE_RUNTIME] = "createRuntime",
	[SPEC_HOOK_CREATE_CONTAINER] = "createContainer",
	[SPEC_HOOK_START_CONTAINER] = "startContainer",
	[SPEC_HOOK_POSTSTART] = "poststart",
	[SPEC_HOOK_POSTSTOP] = "poststop",
};

static void read_mount(struct spec_pool *pool, struct json_object *value, void *member)
{
	struct spec_mount *mount = member;

	*mount = (struct spec_mount){
		.destination = json_get_text(value, "destination"),
		.type = json_get_text(value, "type"),
		.source = json_get_text(value, "source"),
		.options = spec_read_strings(pool, value, "options"),
	};
	mount->uid_mappings =
		spec_id_mappings_read(pool, value, "uidMappings", &mount->n_uid_mappings);
	mount->gid_mappings =
		spec_id_mappings_read(pool, value, "gidMappings", &mount->n_gid_mappings);
}

static void read_hook(struct spec_pool *pool, struct json_object *value, void *member)
{
	*(struct spec_hook *)member = (struct spec_hook){
		.path = json_get_text(value, "path"),
		.args = spec_read_strings(pool, value, "args"),
		.env = spec_read_strings(pool, value, "env"),
		.timeout_seconds = json_get_u64(value, "timeout", 0),
	};
}

static const struct spec_root *read_root(struct spec_pool *pool, struct json_object *object)
{
	struct spec_root *root = spec_pool_new(pool, struct spec_root);

	root->path = json_get_text(object, "path");
	root->readonly = json_get_bool(object, "readonly", false);
	return root;
}

static void read_document(struct runtime_spec *spec)
{
	struct json_object *document = spec->document;
	struct json_object *hooks = json_get(document, "hooks");
	struct spec_pool *pool = &spec->pool;

	spec->oci_version = json_get_text(document, "ociVersion");
	spec->hostname = json_get_text(document, "hostname");
	spec->domainname = json_get_text(document, "domainname");
	spec->root = read_root(pool, json_get(document, "root"));
	spec->process = spec_process_read(pool, json_get(document, "process"));
	spec->linux_ = spec_linux_read(pool, json_get(document, "linux"));
	spec->mounts = spec_read_array(pool, document, "mounts", sizeof(struct spec_mount),
				       read_mount, &spec->n_mounts);
	for (size_t i = 0; i < SPEC_HOOK_STAGES; i++)
		spec->hooks[i].items =
			spec_read_array(pool, hooks, stage_names[i], sizeof(struct spec_hook),
					read_hook, &spec->hooks[i].count);
	spec->annotations = spec_read_map(pool, document, "annotations");
}

int runtime_spec_from_json(struct json_object *document, struct runtime_spec **ret,
			   struct lxcri_error *err)
{
	if (spec_validate_first(document, err) < 0)
		return fail_while(err, "config.json");

	struct runtime_spec *spec = xnew(struct runtime_spec);

	spec->document = json_object_get(document);
	read_document(spec);
	*ret = spec;
	return 0;
}

int runtime_spec_parse(const char *bytes, size_t size, struct runtime_spec **ret,
		       struct lxcri_error *err)
{
	autojson document = NULL;

	if (json_parse(bytes, size, &json_limits_spec, &document, err) < 0)
		return fail_while(err, "config.json");
	return runtime_spec_from_json(document, ret, err);
}

void runtime_spec_free(struct runtime_spec *spec)
{
	if (!spec)
		return;
	spec_pool_finish(&spec->pool);
	json_free(spec->document);
	free(spec);
}

char *runtime_spec_format(const struct runtime_spec *spec)
{
	return json_format(spec->document);
}
