/* SPDX-License-Identifier: MIT */
#pragma once

/* An OCI runtime specification (config.json, version 1.x) as structs. They are a view of the JSON
 * document, which is kept: every text is borrowed from it, and formatting loses no field, known or
 * not. A specification does not change; an edited document is parsed anew. */

#include "oci/spec_linux.h"
#include "oci/spec_process.h"

#include "base/scope.h"

struct spec_root {
	const char *path; /* relative to the bundle unless absolute */
	bool readonly;
};

struct spec_mount {
	const char *destination; /* a relative one counts from / */
	const char *type;        /* may be NULL for a bind mount */
	const char *source; /* may be NULL; for a bind relative to the bundle unless absolute */
	struct spec_strings options;
	struct spec_id_mapping *uid_mappings;
	size_t n_uid_mappings;
	struct spec_id_mapping *gid_mappings;
	size_t n_gid_mappings;
};

struct spec_hook {
	const char *path; /* absolute */
	struct spec_strings args;
	struct spec_strings env;
	uint64_t timeout_seconds; /* 0 is none */
};

/* When a hook runs, in the order of a container's life. */
enum spec_hook_stage {
	SPEC_HOOK_PRESTART,
	SPEC_HOOK_CREATE_RUNTIME,
	SPEC_HOOK_CREATE_CONTAINER,
	SPEC_HOOK_START_CONTAINER,
	SPEC_HOOK_POSTSTART,
	SPEC_HOOK_POSTSTOP,
	SPEC_HOOK_STAGES,
};

struct spec_hooks {
	struct spec_hook *items;
	size_t count;
};

struct runtime_spec {
	struct json_object *document; /* read it, do not change it */
	struct spec_pool pool;

	const char *oci_version;
	const char *hostname;
	const char *domainname;
	const struct spec_root *root;       /* never NULL */
	const struct spec_process *process; /* NULL: it can be created, not started */
	const struct spec_linux *linux_;    /* NULL when absent */
	struct spec_mount *mounts;          /* in the order in which they are made */
	size_t n_mounts;
	struct spec_hooks hooks[SPEC_HOOK_STAGES];
	struct spec_map annotations;
};

/* Parses and validates @size bytes of a config.json. The caller owns *@ret. LXCRI_E_INVALID_JSON,
 * LXCRI_E_LIMIT_EXCEEDED, or LXCRI_E_INVALID_SPEC naming the first field at fault:
 * "config.json: process.cwd: ...". */
[[nodiscard]] int runtime_spec_parse(const char *bytes, size_t size, struct runtime_spec **ret,
				     struct lxcri_error *err);

/* The same from a document, of which a reference is taken: it must not change from here on. */
[[nodiscard]] int runtime_spec_from_json(struct json_object *document, struct runtime_spec **ret,
					 struct lxcri_error *err);

/* Frees @spec and all that it lent out; NULL is fine. */
void runtime_spec_free(struct runtime_spec *spec);
DEFINE_AUTOPTR(runtime_spec)

/* Returns the document as text, unknown fields included; owned by the caller. */
[[nodiscard]] char *runtime_spec_format(const struct runtime_spec *spec);
