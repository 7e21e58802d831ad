/* SPDX-License-Identifier: MIT */
/* The fields of the objects, as the documentation of Kubernetes has them. */

#include "manifest/object_fields.h"

#include "manifest/row.h"

/* What a cluster writes, and `get -o yaml` of one shows. */
#define SERVER(name_)                            \
	{                                        \
		.name = name_, .kind = FIELD_ANY \
	}

static const struct field meta_fields[] = {
	ROW(object_meta, name, "name", TEXT),
	ROW(object_meta, name_space, "namespace", TEXT),
	ROW(object_meta, labels, "labels", TEXT_MAP),
	ROW(object_meta, annotations, "annotations", TEXT_MAP),
	SERVER("creationTimestamp"),
	SERVER("deletionGracePeriodSeconds"),
	SERVER("deletionTimestamp"),
	IDLE("finalizers"),
	REFUSED("generateName"),
	SERVER("generation"),
	SERVER("managedFields"),
	IDLE("ownerReferences"),
	SERVER("resourceVersion"),
	SERVER("selfLink"),
	SERVER("uid"),
	{},
};
static const struct field_table meta_table = { sizeof(struct object_meta), meta_fields };

static const struct field selector_fields[] = {
	ROW(object_selector, labels, "matchLabels", TEXT_MAP),
	REFUSED("matchExpressions"),
	{},
};
static const struct field_table selector_table = { sizeof(struct object_selector),
						   selector_fields };

static const struct field template_fields[] = {
	OBJECT(object_template, meta, "metadata", OBJECT, meta_table),
	OBJECT(object_template, spec, "spec", OBJECT, pod_spec_table),
	{},
};
static const struct field_table template_table = { sizeof(struct object_template),
						   template_fields };

static const struct field claim_spec_fields[] = {
	ROW(object_claim_spec, class_name, "storageClassName", TEXT),
	ROW(object_claim_spec, volume_name, "volumeName", TEXT),
	IDLE("accessModes"),
	REFUSED("dataSource"),
	REFUSED("dataSourceRef"),
	IDLE("resources"),
	REFUSED("selector"),
	IDLE("volumeAttributesClassName"),
	IDLE("volumeMode"),
	{},
};
static const struct field_table claim_spec_table = { sizeof(struct object_claim_spec),
						     claim_spec_fields };

static const struct field claim_template_fields[] = {
	SERVER("apiVersion"),
	SERVER("kind"),
	OBJECT(object_claim_template, meta, "metadata", OBJECT, meta_table),
	OBJECT(object_claim_template, spec, "spec", OBJECT, claim_spec_table),
	SERVER("status"),
	{},
};
static const struct field_table claim_template_table = { sizeof(struct object_claim_template),
							 claim_template_fields };

static const struct field rolling_fields[] = {
	ROW(object_rolling, max_unavailable, "maxUnavailable", WORD),
	ROW(object_rolling, max_surge, "maxSurge", WORD),
	{},
};
static const struct field_table rolling_table = { sizeof(struct object_rolling), rolling_fields };

static const struct field set_rolling_fields[] = {
	NUMBER(object_rolling, partition, "partition", 0),
	IDLE("maxUnavailable"),
	{},
};
static const struct field_table set_rolling_table = { sizeof(struct object_rolling),
						      set_rolling_fields };

static const struct field set_strategy_fields[] = {
	ROW(object_strategy, type, "type", TEXT),
	OBJECT(object_strategy, rolling, "rollingUpdate", OBJECT, set_rolling_table),
	{},
};
static const struct field_table set_strategy_table = { sizeof(struct object_strategy),
						       set_strategy_fields };

static const struct field retention_fields[] = {
	ROW(object_retention, when_deleted, "whenDeleted", TEXT),
	ROW(object_retention, when_scaled, "whenScaled", TEXT),
	{},
};
static const struct field_table retention_table = { sizeof(struct object_retention),
						    retention_fields };

static const struct field strategy_fields[] = {
	ROW(object_strategy, type, "type", TEXT),
	OBJECT(object_strategy, rolling, "rollingUpdate", OBJECT, rolling_table),
	{},
};
static const struct field_table strategy_table = { sizeof(struct object_strategy),
						   strategy_fields };

static const struct field deployment_fields[] = {
	NUMBER(object_set, replicas, "replicas", 1),
	OBJECT(object_set, selector, "selector", OBJECT, selector_table),
	OBJECT(object_set, pods, "template", OBJECT, template_table),
	OBJECT(object_set, strategy, "strategy", OBJECT, strategy_table),
	NUMBER(object_set, history_limit, "revisionHistoryLimit", 10),
	NUMBER(object_set, min_ready_seconds, "minReadySeconds", 0),
	ROW(object_set, paused, "paused", TRUTH),
	NUMBER(object_set, deadline_seconds, "progressDeadlineSeconds", 0),
	{},
};
static const struct field_table deployment_table = { sizeof(struct object_set), deployment_fields };

static const struct field stateful_set_fields[] = {
	NUMBER(object_set, replicas, "replicas", 1),
	OBJECT(object_set, selector, "selector", OBJECT, selector_table),
	OBJECT(object_set, pods, "template", OBJECT, template_table),
	OBJECT(object_set, strategy, "updateStrategy", OBJECT, set_strategy_table),
	NUMBER(object_set, history_limit, "revisionHistoryLimit", 10),
	ROW(object_set, service_name, "serviceName", TEXT),
	OBJECT(object_set, claims, "volumeClaimTemplates", OBJECTS, claim_template_table),
	NUMBER(object_set, min_ready_seconds, "minReadySeconds", 0),
	REFUSED("ordinals"),
	OBJECT(object_set, retention, "persistentVolumeClaimRetentionPolicy", OBJECT,
	       retention_table),
	ROW(object_set, management, "podManagementPolicy", TEXT),
	{},
};
static const struct field_table stateful_set_table = { sizeof(struct object_set),
						       stateful_set_fields };

static const struct field service_port_fields[] = {
	ROW(object_service_port, name, "name", TEXT),
	NEEDED(object_service_port, port, "port", NUMBER),
	ROW(object_service_port, target_port, "targetPort", WORD),
	ROW(object_service_port, protocol, "protocol", TEXT),
	ROW(object_service_port, node_port, "nodePort", NUMBER),
	IDLE("appProtocol"),
	{},
};
static const struct field_table service_port_table = { sizeof(struct object_service_port),
						       service_port_fields };

static const struct field client_ip_fields[] = {
	NUMBER(object_client_ip, timeout_seconds, "timeoutSeconds", OBJECT_STAY_SECONDS),
	{},
};
static const struct field_table client_ip_table = { sizeof(struct object_client_ip),
						    client_ip_fields };

static const struct field affinity_fields[] = {
	OBJECT(object_affinity, client_ip, "clientIP", OBJECT, client_ip_table),
	{},
};
static const struct field_table affinity_table = { sizeof(struct object_affinity),
						   affinity_fields };

static const struct field service_fields[] = {
	ROW(object_service, type, "type", TEXT),
	ROW(object_service, cluster_ip, "clusterIP", TEXT),
	ROW(object_service, selector, "selector", TEXT_MAP),
	OBJECT(object_service, ports, "ports", OBJECTS, service_port_table),
	IDLE("allocateLoadBalancerNodePorts"),
	SERVER("clusterIPs"),
	ROW(object_service, external_ips, "externalIPs", TEXTS),
	ROW(object_service, affinity, "sessionAffinity", TEXT),
	OBJECT(object_service, affinity_config, "sessionAffinityConfig", OBJECT, affinity_table),
	ROW(object_service, publish_not_ready, "publishNotReadyAddresses", TRUTH),
	ROW(object_service, external_name, "externalName", TEXT),
	IDLE("externalTrafficPolicy"),
	IDLE("healthCheckNodePort"),
	IDLE("internalTrafficPolicy"),
	IDLE("ipFamilies"),
	IDLE("ipFamilyPolicy"),
	IDLE("loadBalancerClass"),
	IDLE("loadBalancerIP"),
	IDLE("loadBalancerSourceRanges"),
	IDLE("trafficDistribution"),
	{},
};
static const struct field_table service_table = { sizeof(struct object_service), service_fields };

/* What each object has. */
#define HEAD                                                                                      \
	NEEDED(object, api_version, "apiVersion", TEXT), NEEDED(object, kind_name, "kind", TEXT), \
		OBJECT(object, meta, "metadata", OBJECT, meta_table)

static const struct field config_map_object[] = {
	HEAD,
	ROW(object, data, "data", TEXT_MAP),
	ROW(object, binary, "binaryData", TEXT_MAP),
	IDLE("immutable"),
	{},
};

static const struct field secret_object[] = {
	HEAD,
	ROW(object, binary, "data", TEXT_MAP),
	ROW(object, data, "stringData", TEXT_MAP),
	IDLE("immutable"),
	SERVER("type"),
	{},
};

static const struct field claim_object[] = {
	HEAD,
	OBJECT(object, claim, "spec", OBJECT, claim_spec_table),
	SERVER("status"),
	{},
};

static const struct field service_object[] = {
	HEAD,
	OBJECT(object, service, "spec", OBJECT, service_table),
	SERVER("status"),
	{},
};

static const struct field pod_object[] = {
	HEAD,
	OBJECT(object, pod, "spec", OBJECT, pod_spec_table),
	SERVER("status"),
	{},
};

static const struct field deployment_object[] = {
	HEAD,
	OBJECT(object, set, "spec", OBJECT, deployment_table),
	SERVER("status"),
	{},
};

static const struct field stateful_set_object[] = {
	HEAD,
	OBJECT(object, set, "spec", OBJECT, stateful_set_table),
	SERVER("status"),
	{},
};

#define NAME_MAX_DNS   253 /* of a name with dots in the DNS */
#define NAME_MAX_LABEL 63  /* of what becomes a host's name */

/* Behind the name of what makes pods comes the name of each. */
#define NAME_MAX_SET 52

const struct object_entry object_entries[OBJECT_KINDS] = {
	[OBJECT_CONFIG_MAP] = { "ConfigMap",
				"v1",
				{ "configmap", "configmaps", "cm" },
				{ sizeof(struct object), config_map_object },
				NAME_MAX_DNS },
	[OBJECT_SECRET] = { "Secret",
			    "v1",
			    { "secret", "secrets" },
			    { sizeof(struct object), secret_object },
			    NAME_MAX_DNS },
	[OBJECT_CLAIM] = { "PersistentVolumeClaim",
			   "v1",
			   { "persistentvolumeclaim", "persistentvolumeclaims", "pvc" },
			   { sizeof(struct object), claim_object },
			   NAME_MAX_LABEL },
	[OBJECT_SERVICE] = { "Service",
			     "v1",
			     { "service", "services", "svc" },
			     { sizeof(struct object), service_object },
			     NAME_MAX_LABEL },
	[OBJECT_POD] = { "Pod",
			 "v1",
			 { "pod", "pods", "po" },
			 { sizeof(struct object), pod_object },
			 NAME_MAX_LABEL },
	[OBJECT_DEPLOYMENT] = { "Deployment",
				"apps/v1",
				{ "deployment", "deployments", "deploy" },
				{ sizeof(struct object), deployment_object },
				NAME_MAX_SET },
	[OBJECT_STATEFUL_SET] = { "StatefulSet",
				  "apps/v1",
				  { "statefulset", "statefulsets", "sts" },
				  { sizeof(struct object), stateful_set_object },
				  NAME_MAX_SET },
};
