/* SPDX-License-Identifier: MIT */
/* The fields of a pod, as the documentation of Kubernetes has them. */

#include "manifest/pod_spec.h"

#include "manifest/row.h"

static const struct field key_ref_fields[] = {
	NEEDED(pod_key_ref, name, "name", TEXT),
	NEEDED(pod_key_ref, key, "key", TEXT),
	ROW(pod_key_ref, optional, "optional", TRUTH),
	{},
};
static const struct field_table key_ref_table = { sizeof(struct pod_key_ref), key_ref_fields };

static const struct field field_ref_fields[] = {
	NEEDED(pod_field_ref, field_path, "fieldPath", TEXT),
	IDLE("apiVersion"),
	{},
};
static const struct field_table field_ref_table = { sizeof(struct pod_field_ref),
						    field_ref_fields };

static const struct field resource_ref_fields[] = {
	ROW(pod_resource_ref, container, "containerName", TEXT),
	NEEDED(pod_resource_ref, resource, "resource", TEXT),
	ROW(pod_resource_ref, divisor, "divisor", WORD),
	{},
};
static const struct field_table resource_ref_table = { sizeof(struct pod_resource_ref),
						       resource_ref_fields };

static const struct field env_source_fields[] = {
	OBJECT(pod_env_source, config_map, "configMapKeyRef", OBJECT, key_ref_table),
	OBJECT(pod_env_source, secret, "secretKeyRef", OBJECT, key_ref_table),
	OBJECT(pod_env_source, field, "fieldRef", OBJECT, field_ref_table),
	OBJECT(pod_env_source, resource, "resourceFieldRef", OBJECT, resource_ref_table),
	REFUSED("fileKeyRef"),
	{},
};
static const struct field_table env_source_table = { sizeof(struct pod_env_source),
						     env_source_fields };

static const struct field env_fields[] = {
	NEEDED(pod_env, name, "name", TEXT),
	ROW(pod_env, value, "value", TEXT),
	OBJECT(pod_env, from, "valueFrom", OBJECT, env_source_table),
	{},
};
static const struct field_table env_table = { sizeof(struct pod_env), env_fields };

static const struct field env_from_ref_fields[] = {
	NEEDED(pod_env_from_ref, name, "name", TEXT),
	ROW(pod_env_from_ref, optional, "optional", TRUTH),
	{},
};
static const struct field_table env_from_ref_table = { sizeof(struct pod_env_from_ref),
						       env_from_ref_fields };

static const struct field env_from_fields[] = {
	ROW(pod_env_from, prefix, "prefix", TEXT),
	OBJECT(pod_env_from, config_map, "configMapRef", OBJECT, env_from_ref_table),
	OBJECT(pod_env_from, secret, "secretRef", OBJECT, env_from_ref_table),
	{},
};
static const struct field_table env_from_table = { sizeof(struct pod_env_from), env_from_fields };

static const struct field port_fields[] = {
	ROW(pod_port, name, "name", TEXT),
	NEEDED(pod_port, container_port, "containerPort", NUMBER),
	ROW(pod_port, host_port, "hostPort", NUMBER),
	ROW(pod_port, host_ip, "hostIP", TEXT),
	ROW(pod_port, protocol, "protocol", TEXT),
	{},
};
static const struct field_table port_table = { sizeof(struct pod_port), port_fields };

static const struct field resources_fields[] = {
	ROW(pod_resources, limits, "limits", WORD_MAP),
	ROW(pod_resources, requests, "requests", WORD_MAP),
	REFUSED("claims"),
	{},
};
static const struct field_table resources_table = { sizeof(struct pod_resources),
						    resources_fields };

static const struct field volume_mount_fields[] = {
	NEEDED(pod_volume_mount, name, "name", TEXT),
	NEEDED(pod_volume_mount, mount_path, "mountPath", TEXT),
	ROW(pod_volume_mount, sub_path, "subPath", TEXT),
	ROW(pod_volume_mount, read_only, "readOnly", TRUTH),
	REFUSED("subPathExpr"),
	IDLE("mountPropagation"),
	IDLE("recursiveReadOnly"),
	{},
};
static const struct field_table volume_mount_table = { sizeof(struct pod_volume_mount),
						       volume_mount_fields };

static const struct field probe_exec_fields[] = {
	NEEDED(pod_probe_exec, command, "command", TEXTS),
	{},
};
static const struct field_table probe_exec_table = { sizeof(struct pod_probe_exec),
						     probe_exec_fields };

static const struct field probe_header_fields[] = {
	NEEDED(pod_probe_header, name, "name", TEXT),
	NEEDED(pod_probe_header, value, "value", TEXT),
	{},
};
static const struct field_table probe_header_table = { sizeof(struct pod_probe_header),
						       probe_header_fields };

static const struct field probe_http_fields[] = {
	ROW(pod_probe_target, host, "host", TEXT),
	NEEDED(pod_probe_target, port, "port", WORD),
	ROW(pod_probe_target, path, "path", TEXT),
	ROW(pod_probe_target, scheme, "scheme", TEXT),
	OBJECT(pod_probe_target, headers, "httpHeaders", OBJECTS, probe_header_table),
	{},
};
static const struct field_table probe_http_table = { sizeof(struct pod_probe_target),
						     probe_http_fields };

static const struct field probe_tcp_fields[] = {
	ROW(pod_probe_target, host, "host", TEXT),
	NEEDED(pod_probe_target, port, "port", WORD),
	{},
};
static const struct field_table probe_tcp_table = { sizeof(struct pod_probe_target),
						    probe_tcp_fields };

static const struct field probe_fields[] = {
	OBJECT(pod_probe, exec, "exec", OBJECT, probe_exec_table),
	OBJECT(pod_probe, http, "httpGet", OBJECT, probe_http_table),
	OBJECT(pod_probe, tcp, "tcpSocket", OBJECT, probe_tcp_table),
	NUMBER(pod_probe, initial_delay_seconds, "initialDelaySeconds", 0),
	NUMBER(pod_probe, period_seconds, "periodSeconds", 10),
	NUMBER(pod_probe, timeout_seconds, "timeoutSeconds", 1),
	NUMBER(pod_probe, success_threshold, "successThreshold", 1),
	NUMBER(pod_probe, failure_threshold, "failureThreshold", 3),
	NUMBER(pod_probe, grace_seconds, "terminationGracePeriodSeconds", -1),
	REFUSED("grpc"),
	{},
};
static const struct field_table probe_table = { sizeof(struct pod_probe), probe_fields };

static const struct field hook_sleep_fields[] = {
	NUMBER(pod_hook_sleep, seconds, "seconds", 0),
	{},
};
static const struct field_table hook_sleep_table = { sizeof(struct pod_hook_sleep),
						     hook_sleep_fields };

static const struct field hook_fields[] = {
	OBJECT(pod_hook, exec, "exec", OBJECT, probe_exec_table),
	OBJECT(pod_hook, http, "httpGet", OBJECT, probe_http_table),
	OBJECT(pod_hook, sleep, "sleep", OBJECT, hook_sleep_table),
	REFUSED("tcpSocket"),
	{},
};
static const struct field_table hook_table = { sizeof(struct pod_hook), hook_fields };

static const struct field lifecycle_fields[] = {
	OBJECT(pod_lifecycle, pre_stop, "preStop", OBJECT, hook_table),
	OBJECT(pod_lifecycle, post_start, "postStart", OBJECT, hook_table),
	IDLE("stopSignal"),
	{},
};
static const struct field_table lifecycle_table = { sizeof(struct pod_lifecycle),
						    lifecycle_fields };

static const struct field capabilities_fields[] = {
	ROW(pod_capabilities, add, "add", TEXTS),
	ROW(pod_capabilities, drop, "drop", TEXTS),
	{},
};
static const struct field_table capabilities_table = { sizeof(struct pod_capabilities),
						       capabilities_fields };

static const struct field container_security_fields[] = {
	NUMBER(pod_security, run_as_user, "runAsUser", -1),
	NUMBER(pod_security, run_as_group, "runAsGroup", -1),
	ROW(pod_security, privileged, "privileged", TRUTH),
	ROW(pod_security, read_only_root, "readOnlyRootFilesystem", TRUTH),
	OBJECT(pod_security, capabilities, "capabilities", OBJECT, capabilities_table),
	{ .name = "allowPrivilegeEscalation",
	  .kind = FIELD_TRUTH,
	  .offset = offsetof(struct pod_security, may_escalate),
	  .otherwise = 1 },
	IDLE("appArmorProfile"),
	IDLE("procMount"),
	IDLE("runAsNonRoot"),
	IDLE("seLinuxOptions"),
	IDLE("seccompProfile"),
	IDLE("windowsOptions"),
	{},
};
static const struct field_table container_security_table = { sizeof(struct pod_security),
							     container_security_fields };

static const struct field security_fields[] = {
	NUMBER(pod_security, run_as_user, "runAsUser", -1),
	NUMBER(pod_security, run_as_group, "runAsGroup", -1),
	IDLE("appArmorProfile"),
	NUMBER(pod_security, fs_group, "fsGroup", -1),
	ROW(pod_security, fs_group_change, "fsGroupChangePolicy", TEXT),
	IDLE("runAsNonRoot"),
	IDLE("seLinuxChangePolicy"),
	IDLE("seLinuxOptions"),
	IDLE("seccompProfile"),
	ROW(pod_security, more_groups, "supplementalGroups", WORDS),
	IDLE("supplementalGroupsPolicy"),
	REFUSED("sysctls"),
	IDLE("windowsOptions"),
	{},
};
static const struct field_table security_table = { sizeof(struct pod_security), security_fields };

static const struct field container_fields[] = {
	NEEDED(pod_container, name, "name", TEXT),
	NEEDED(pod_container, image, "image", TEXT),
	ROW(pod_container, image_pull_policy, "imagePullPolicy", TEXT),
	ROW(pod_container, command, "command", TEXTS),
	ROW(pod_container, args, "args", TEXTS),
	ROW(pod_container, working_dir, "workingDir", TEXT),
	OBJECT(pod_container, env, "env", OBJECTS, env_table),
	OBJECT(pod_container, env_from, "envFrom", OBJECTS, env_from_table),
	OBJECT(pod_container, ports, "ports", OBJECTS, port_table),
	OBJECT(pod_container, resources, "resources", OBJECT, resources_table),
	OBJECT(pod_container, volume_mounts, "volumeMounts", OBJECTS, volume_mount_table),
	OBJECT(pod_container, security, "securityContext", OBJECT, container_security_table),
	OBJECT(pod_container, liveness, "livenessProbe", OBJECT, probe_table),
	OBJECT(pod_container, readiness, "readinessProbe", OBJECT, probe_table),
	OBJECT(pod_container, startup, "startupProbe", OBJECT, probe_table),
	ROW(pod_container, stdin_open, "stdin", TRUTH),
	ROW(pod_container, tty, "tty", TRUTH),
	OBJECT(pod_container, lifecycle, "lifecycle", OBJECT, lifecycle_table),
	IDLE("resizePolicy"),
	REFUSED("restartPolicy"),
	IDLE("restartPolicyRules"),
	IDLE("stdinOnce"),
	IDLE("terminationMessagePath"),
	IDLE("terminationMessagePolicy"),
	REFUSED("volumeDevices"),
	{},
};
static const struct field_table container_table = { sizeof(struct pod_container),
						    container_fields };

static const struct field key_item_fields[] = {
	NEEDED(pod_key_item, key, "key", TEXT),
	NEEDED(pod_key_item, path, "path", TEXT),
	NUMBER(pod_key_item, mode, "mode", -1),
	{},
};
static const struct field_table key_item_table = { sizeof(struct pod_key_item), key_item_fields };

static const struct field volume_config_map_fields[] = {
	NEEDED(pod_volume_files, name, "name", TEXT),
	OBJECT(pod_volume_files, items, "items", OBJECTS, key_item_table),
	NUMBER(pod_volume_files, default_mode, "defaultMode", 0644),
	ROW(pod_volume_files, optional, "optional", TRUTH),
	{},
};
static const struct field_table volume_config_map_table = { sizeof(struct pod_volume_files),
							    volume_config_map_fields };

static const struct field volume_secret_fields[] = {
	NEEDED(pod_volume_files, name, "secretName", TEXT),
	OBJECT(pod_volume_files, items, "items", OBJECTS, key_item_table),
	NUMBER(pod_volume_files, default_mode, "defaultMode", 0644),
	ROW(pod_volume_files, optional, "optional", TRUTH),
	{},
};
static const struct field_table volume_secret_table = { sizeof(struct pod_volume_files),
							volume_secret_fields };

/* In a projection a mode that is not given is that of the whole. */
static const struct field projected_config_map_fields[] = {
	NEEDED(pod_volume_files, name, "name", TEXT),
	OBJECT(pod_volume_files, items, "items", OBJECTS, key_item_table),
	ROW(pod_volume_files, optional, "optional", TRUTH),
	{},
};
static const struct field_table projected_files_table = { sizeof(struct pod_volume_files),
							  projected_config_map_fields };

static const struct field downward_item_fields[] = {
	NEEDED(pod_downward_item, path, "path", TEXT),
	NUMBER(pod_downward_item, mode, "mode", -1),
	OBJECT(pod_downward_item, field, "fieldRef", OBJECT, field_ref_table),
	OBJECT(pod_downward_item, resource, "resourceFieldRef", OBJECT, resource_ref_table),
	{},
};
static const struct field_table downward_item_table = { sizeof(struct pod_downward_item),
							downward_item_fields };

static const struct field downward_fields[] = {
	OBJECT(pod_downward, items, "items", OBJECTS, downward_item_table),
	NUMBER(pod_downward, default_mode, "defaultMode", 0644),
	{},
};
static const struct field_table downward_table = { sizeof(struct pod_downward), downward_fields };

static const struct field projection_fields[] = {
	OBJECT(pod_projection, config_map, "configMap", OBJECT, projected_files_table),
	OBJECT(pod_projection, secret, "secret", OBJECT, projected_files_table),
	OBJECT(pod_projection, downward, "downwardAPI", OBJECT, downward_table),
	REFUSED("clusterTrustBundle"),
	REFUSED("podCertificate"),
	REFUSED("serviceAccountToken"),
	{},
};
static const struct field_table projection_table = { sizeof(struct pod_projection),
						     projection_fields };

static const struct field projected_fields[] = {
	OBJECT(pod_projected, sources, "sources", OBJECTS, projection_table),
	NUMBER(pod_projected, default_mode, "defaultMode", 0644),
	{},
};
static const struct field_table projected_table = { sizeof(struct pod_projected),
						    projected_fields };

static const struct field empty_dir_fields[] = {
	ROW(pod_empty_dir, medium, "medium", TEXT),
	ROW(pod_empty_dir, size_limit, "sizeLimit", WORD),
	{},
};
static const struct field_table empty_dir_table = { sizeof(struct pod_empty_dir),
						    empty_dir_fields };

static const struct field host_path_fields[] = {
	NEEDED(pod_host_path, path, "path", TEXT),
	ROW(pod_host_path, type, "type", TEXT),
	{},
};
static const struct field_table host_path_table = { sizeof(struct pod_host_path),
						    host_path_fields };

static const struct field claim_fields[] = {
	NEEDED(pod_claim, claim_name, "claimName", TEXT),
	ROW(pod_claim, read_only, "readOnly", TRUTH),
	{},
};
static const struct field_table claim_table = { sizeof(struct pod_claim), claim_fields };

static const struct field volume_fields[] = {
	NEEDED(pod_volume, name, "name", TEXT),
	OBJECT(pod_volume, empty_dir, "emptyDir", OBJECT, empty_dir_table),
	OBJECT(pod_volume, host_path, "hostPath", OBJECT, host_path_table),
	OBJECT(pod_volume, config_map, "configMap", OBJECT, volume_config_map_table),
	OBJECT(pod_volume, secret, "secret", OBJECT, volume_secret_table),
	OBJECT(pod_volume, claim, "persistentVolumeClaim", OBJECT, claim_table),
	REFUSED("awsElasticBlockStore"),
	REFUSED("azureDisk"),
	REFUSED("azureFile"),
	REFUSED("cephfs"),
	REFUSED("cinder"),
	REFUSED("csi"),
	OBJECT(pod_volume, downward, "downwardAPI", OBJECT, downward_table),
	REFUSED("ephemeral"),
	REFUSED("fc"),
	REFUSED("flexVolume"),
	REFUSED("flocker"),
	REFUSED("gcePersistentDisk"),
	REFUSED("gitRepo"),
	REFUSED("glusterfs"),
	REFUSED("image"),
	REFUSED("iscsi"),
	REFUSED("nfs"),
	REFUSED("photonPersistentDisk"),
	REFUSED("portworxVolume"),
	OBJECT(pod_volume, projected, "projected", OBJECT, projected_table),
	REFUSED("quobyte"),
	REFUSED("rbd"),
	REFUSED("scaleIO"),
	REFUSED("storageos"),
	REFUSED("vsphereVolume"),
	{},
};
static const struct field_table volume_table = { sizeof(struct pod_volume), volume_fields };

static const struct field dns_option_fields[] = {
	NEEDED(pod_dns_option, name, "name", TEXT),
	ROW(pod_dns_option, value, "value", TEXT),
	{},
};
static const struct field_table dns_option_table = { sizeof(struct pod_dns_option),
						     dns_option_fields };

static const struct field dns_config_fields[] = {
	ROW(pod_dns_config, nameservers, "nameservers", TEXTS),
	ROW(pod_dns_config, searches, "searches", TEXTS),
	OBJECT(pod_dns_config, options, "options", OBJECTS, dns_option_table),
	{},
};
static const struct field_table dns_config_table = { sizeof(struct pod_dns_config),
						     dns_config_fields };

static const struct field host_alias_fields[] = {
	NEEDED(pod_host_alias, ip, "ip", TEXT),
	ROW(pod_host_alias, hostnames, "hostnames", TEXTS),
	{},
};
static const struct field_table host_alias_table = { sizeof(struct pod_host_alias),
						     host_alias_fields };

static const struct field pod_spec_fields[] = {
	OBJECT(pod_spec, init_containers, "initContainers", OBJECTS, container_table),
	OBJECT(pod_spec, containers, "containers", OBJECTS, container_table),
	OBJECT(pod_spec, volumes, "volumes", OBJECTS, volume_table),
	ROW(pod_spec, restart_policy, "restartPolicy", TEXT),
	NUMBER(pod_spec, grace_seconds, "terminationGracePeriodSeconds", 30),
	ROW(pod_spec, hostname, "hostname", TEXT),
	ROW(pod_spec, subdomain, "subdomain", TEXT),
	ROW(pod_spec, host_network, "hostNetwork", TRUTH),
	ROW(pod_spec, dns_policy, "dnsPolicy", TEXT),
	OBJECT(pod_spec, dns_config, "dnsConfig", OBJECT, dns_config_table),
	OBJECT(pod_spec, host_aliases, "hostAliases", OBJECTS, host_alias_table),
	OBJECT(pod_spec, security, "securityContext", OBJECT, security_table),
	IDLE("activeDeadlineSeconds"),
	IDLE("affinity"),
	IDLE("automountServiceAccountToken"),
	IDLE("enableServiceLinks"),
	REFUSED("ephemeralContainers"),
	REFUSED("hostIPC"),
	REFUSED("hostPID"),
	IDLE("hostUsers"),
	IDLE("hostnameOverride"),
	IDLE("imagePullSecrets"),
	IDLE("nodeName"),
	IDLE("nodeSelector"),
	IDLE("os"),
	IDLE("overhead"),
	IDLE("preemptionPolicy"),
	IDLE("priority"),
	IDLE("priorityClassName"),
	IDLE("readinessGates"),
	REFUSED("resourceClaims"),
	IDLE("resources"),
	IDLE("runtimeClassName"),
	IDLE("schedulerName"),
	IDLE("schedulingGates"),
	IDLE("serviceAccount"),
	IDLE("serviceAccountName"),
	IDLE("setHostnameAsFQDN"),
	REFUSED("shareProcessNamespace"),
	IDLE("tolerations"),
	IDLE("topologySpreadConstraints"),
	{},
};
const struct field_table pod_spec_table = { sizeof(struct pod_spec), pod_spec_fields };
