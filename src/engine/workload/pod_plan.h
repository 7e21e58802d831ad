/* SPDX-License-Identifier: MIT */
#pragma once

/* What a manifest says of a pod, as the options of one. */

#include "engine/engine.h"
#include "lxcri/workload/pod.h"
#include "manifest/object.h"

/* Where ConfigMaps and Secrets are looked for. Returns 1, and the caller finishes *@ret; 0 when
 * there is none; or < 0. */
typedef int (*pod_plan_find_fn)(void *userdata, enum object_kind kind, const char *name_space,
				const char *name, struct object *ret, struct lxcri_error *err);

struct pod_plan_source {
	const char *name; /* of the pod */
	const char *name_space;
	const struct object_meta *meta; /* its labels and annotations; or NULL */
	const struct pod_spec *spec;
	const char *owner;              /* "Deployment/web"; NULL: the manifest's own */
	const char *document;           /* a sum of what it is made from, by which it is known */
	const struct strings *claims;   /* claims that a set makes: each gets its pod's name */
	const struct strings *services; /* headless ones that it is of */
	const char *network;            /* that its namespace is */
	bool keep_identity;
	pod_plan_find_fn find;
	void *userdata;
};

/* Zeroed is empty. */
struct pod_plan {
	struct lxcri_pod_options options; /* borrows from the rest */
	void **blocks;
	size_t n_blocks;
};

/* Fills @ret, which the caller finishes. LXCRI_E_INVALID_MANIFEST,
 * LXCRI_E_UNSUPPORTED_OPERATION. */
[[nodiscard]] int pod_plan_make(const struct pod_plan_source *source, struct pod_plan *ret,
				struct lxcri_error *err);

/* Frees what @plan holds. Safe to repeat. */
void pod_plan_finish(struct pod_plan *plan);

/* Returns the id of the pod @name: its name in the default namespace, else with that before it;
 * owned by the caller. */
[[nodiscard]] char *pod_plan_id(const char *name_space, const char *name);

/* For the parts of a plan: each returns what goes with @plan. */
void *plan_keep(struct pod_plan *plan, void *block_consume);
char *plan_text(struct pod_plan *plan, const char *text);
const char *const *plan_list(struct pod_plan *plan, const struct strings *strings);

/* The parts. */
[[nodiscard]] int plan_container(struct pod_plan *plan, const struct pod_plan_source *source,
				 const struct pod_container *container,
				 struct lxcri_create_options *ret, struct lxcri_error *err);
[[nodiscard]] int plan_volumes(struct pod_plan *plan, const struct pod_plan_source *source,
			       struct lxcri_error *err);
[[nodiscard]] int plan_mounts(struct pod_plan *plan, const struct pod_plan_source *source,
			      const struct pod_container *container,
			      struct lxcri_create_options *ret, struct lxcri_error *err);
[[nodiscard]] int plan_env(struct pod_plan *plan, const struct pod_plan_source *source,
			   const struct pod_container *container, struct lxcri_create_options *ret,
			   struct lxcri_error *err);
[[nodiscard]] int plan_probes(struct pod_plan *plan, const struct pod_plan_source *source,
			      const struct pod_container *container,
			      struct lxcri_create_options *ret, struct lxcri_error *err);

/* Returns what a fieldRef of @path, or a resourceFieldRef for a container @own (NULL: it has to
 * name one), stands for, owned by the caller; of an environment also what the pod has later, in
 * whose place there is a mark of engine/pod/fields.h. */
[[nodiscard]] int plan_field_value(const struct pod_plan_source *source, const char *path,
				   char **ret, struct lxcri_error *err);
[[nodiscard]] int plan_env_field_value(const struct pod_plan_source *source, const char *path,
				       char **ret, struct lxcri_error *err);
[[nodiscard]] int plan_resource_value(const struct pod_plan_source *source,
				      const struct pod_container *own,
				      const struct pod_resource_ref *ref, char **ret,
				      struct lxcri_error *err);

/* Returns the value of @key of a ConfigMap or Secret, decoded; owned by the caller. NULL when it
 * has none. */
[[nodiscard]] char *plan_value(const struct object *object, const char *key, size_t *ret_size);
