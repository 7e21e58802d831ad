/* SPDX-License-Identifier: MIT */
#pragma once

/* What a pod's record says of it, an object in its member "pod". */

#include "base/fail.h"
#include "base/json_walk.h"
#include "base/strings.h"

#include <stdbool.h>

struct pod_member {
	char *name;    /* in the pod */
	char *id;      /* of the container */
	bool is_first; /* run to its end before the others */
};

/* The annotation that has a sum of the manifest that a pod is made from. */
#define POD_MANIFEST_SUM "org.proxmox-lxcri.manifest"

/* Zeroed is empty. */
struct pod_note {
	char *name_space;
	char *hostname;
	char *owner; /* or NULL */
	unsigned int grace_seconds;
	bool host_network;
	bool keep_identity;         /* its addresses outlive it */
	struct pod_member *members; /* in the order in which they are started */
	size_t n_members;
	struct json_object *memory; /* what is in memory of its directories: their bytes by name */
	int64_t fs_group;           /* of the containers' ids; -1: none */
	struct json_object *labels; /* objects of texts */
	struct json_object *annotations;
};

/* Frees what @note holds. Safe to repeat. */
void pod_note_finish(struct pod_note *note);

/* Appends a member. */
void pod_note_add(struct pod_note *note, const char *name, const char *id, bool is_first);

/* Returns @note as an object, owned by the caller. */
[[nodiscard]] struct json_object *pod_note_format(const struct pod_note *note);

/* Reads of the text of what that made what a list tells: the names, the owner and the containers,
 * and of the annotations POD_MANIFEST_SUM alone (NULL: it has none). The caller finishes *@ret and
 * frees *@ret_manifest. False where pod_note_parse() is to be asked. */
bool pod_note_glance(const struct json_slice *json, struct pod_note *ret, char **ret_manifest);

/* Reads what that made of pod @id, of which it keeps parts; the caller finishes *@ret.
 * LXCRI_E_STORAGE_ERROR. */
[[nodiscard]] int pod_note_parse(const char *id, struct json_object *object, struct pod_note *ret,
				 struct lxcri_error *err);
