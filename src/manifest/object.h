/* SPDX-License-Identifier: MIT */
#pragma once

/* The objects of a manifest: one per document, or those of a List. */

#include "manifest/pod_spec.h"

enum object_kind {
	OBJECT_CONFIG_MAP,
	OBJECT_SECRET,
	OBJECT_CLAIM,
	OBJECT_SERVICE,
	OBJECT_POD,
	OBJECT_DEPLOYMENT,
	OBJECT_STATEFUL_SET,
	OBJECT_KINDS,
};

struct object_meta {
	char *name;
	char *name_space; /* "default" where none is given */
	struct field_map labels;
	struct field_map annotations;
};

struct object_selector {
	struct field_map labels;
};

struct object_template {
	struct object_meta *meta;
	struct pod_spec *spec;
};

struct object_claim_spec {
	char *class_name;
	char *volume_name;
};

struct object_claim_template {
	struct object_meta *meta;
	struct object_claim_spec *spec;
};

struct object_rolling {
	char *max_unavailable;
	char *max_surge;
	int64_t partition; /* of a StatefulSet */
};

/* Of the claims that a StatefulSet makes: "Retain" or "Delete". */
struct object_retention {
	char *when_deleted;
	char *when_scaled;
};

struct object_strategy {
	char *type;
	struct object_rolling *rolling;
};

/* Of a Deployment or a StatefulSet. */
struct object_set {
	int64_t replicas;
	struct object_selector *selector;
	struct object_template *pods;
	struct object_strategy *strategy;
	int64_t history_limit;
	int64_t min_ready_seconds;
	int64_t deadline_seconds; /* 0: as usual */
	bool paused;
	char *service_name;
	struct field_list claims; /* struct object_claim_template */
	char *management;         /* podManagementPolicy */
	struct object_retention *retention;
};

struct object_service_port {
	char *name;
	int64_t port;
	char *target_port;
	char *protocol;
	int64_t node_port;
};

/* How long a client stays with a pod where nothing is said. */
#define OBJECT_STAY_SECONDS 10800

struct object_client_ip {
	int64_t timeout_seconds;
};

struct object_affinity {
	struct object_client_ip *client_ip;
};

struct object_service {
	char *type;
	char *cluster_ip;
	struct strings external_ips;
	char *affinity;
	struct object_affinity *affinity_config;
	bool publish_not_ready;
	char *external_name; /* of the type ExternalName */
	struct field_map selector;
	struct field_list ports; /* struct object_service_port */
};

/* One object. Zeroed is empty; what its kind has not is empty. */
struct object {
	enum object_kind kind;
	unsigned int line;
	char *api_version;
	char *kind_name;
	struct object_meta *meta;
	struct field_map data;   /* of a ConfigMap or Secret, decoded of neither */
	struct field_map binary; /* of base64: a Secret's data, a ConfigMap's binaryData */
	struct pod_spec *pod;
	struct object_set *set;
	struct object_service *service;
	struct object_claim_spec *claim;
	struct json_object *document; /* the whole, its namespace written out */
};

/* Zeroed is empty. */
struct object_list {
	struct object *items;
	size_t count;
};

/* Returns "Pod", "StatefulSet" and so on. */
const char *object_kind_name(enum object_kind kind);

/* Reads "pod", "pods", "po", "statefulset", "sts" and so on. LXCRI_E_INVALID_ARGUMENT names the
 * nearest. */
[[nodiscard]] int object_kind_parse(const char *word, enum object_kind *ret,
				    struct lxcri_error *err);

/* Reads @size bytes of YAML or JSON; @reader says where they are from, and its `err` is filled. All
 * objects are checked: their names, and that none is there twice. The caller finishes *@ret. */
[[nodiscard]] int object_list_parse(const char *bytes, size_t size,
				    const struct field_reader *reader, struct object_list *ret);

/* Frees what @list holds. Safe to repeat. */
void object_list_finish(struct object_list *list);
void object_finish(struct object *object);
