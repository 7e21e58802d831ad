/* SPDX-License-Identifier: MIT */
#pragma once

/* Manifests of pods that are to be in Proxmox VE. */

#include "engine/workload/pod_plan.h"

/* For field_reader.judge, with the engine as its data: refuses, by file, line and field, a runtime
 * that is none, and what a pod asks for that a CT of Proxmox VE cannot have. */
[[nodiscard]] int ct_manifest_judge(const struct field_reader *reader, const struct object *object,
				    const struct yaml_node *node);

/* Tells whether the pods of @object are to be in Proxmox VE. */
bool ct_manifest_is(const struct lxcri_engine *engine, const struct object *object);

/* Reads the runtime of a pod of @spec into *@ret. Returns 1, or 0 when it is the configuration's to
 * say. LXCRI_E_UNSUPPORTED_OPERATION. */
[[nodiscard]] int ct_manifest_type(const struct pod_spec *spec, enum lxcri_container_type *ret,
				   struct lxcri_error *err);

/* Returns the annotation "KEY=VALUE" as it is for the pod @source, owned by the caller: where a
 * StatefulSet gives addresses of bridges, they are those of its first pod, and the others have
 * those behind. */
[[nodiscard]] int ct_manifest_annotation(const struct pod_plan_source *source, const char *key,
					 const char *value, char **ret, struct lxcri_error *err);
