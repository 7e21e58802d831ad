/* SPDX-License-Identifier: MIT */
#pragma once

/* What a manifest says of a pod: the "spec" of a Pod and of the template of what makes pods. The
 * members are called as their fields are; what a member of a list is, its comment says. */

#include "manifest/field.h"

struct pod_key_ref {
	char *name;
	char *key;
	bool optional;
};

struct pod_field_ref {
	char *field_path;
};

struct pod_resource_ref {
	char *container; /* NULL: the one whose environment it is */
	char *resource;
	char *divisor;
};

struct pod_env_source {
	struct pod_key_ref *config_map;
	struct pod_key_ref *secret;
	struct pod_field_ref *field;
	struct pod_resource_ref *resource;
};

struct pod_env {
	char *name;
	char *value;
	struct pod_env_source *from;
};

struct pod_env_from_ref {
	char *name;
	bool optional;
};

struct pod_env_from {
	char *prefix;
	struct pod_env_from_ref *config_map;
	struct pod_env_from_ref *secret;
};

struct pod_port {
	char *name;
	int64_t container_port;
	int64_t host_port;
	char *host_ip;
	char *protocol;
};

struct pod_resources {
	struct field_map limits;
	struct field_map requests;
};

struct pod_volume_mount {
	char *name;
	char *mount_path;
	char *sub_path;
	bool read_only;
};

struct pod_probe_exec {
	struct strings command;
};

struct pod_probe_header {
	char *name;
	char *value;
};

/* Of httpGet and tcpSocket. */
struct pod_probe_target {
	char *host;
	char *port; /* a number, or the name of one of the container's */
	char *path;
	char *scheme;
	struct field_list headers; /* struct pod_probe_header */
};

struct pod_probe {
	struct pod_probe_exec *exec;
	struct pod_probe_target *http;
	struct pod_probe_target *tcp;
	int64_t initial_delay_seconds;
	int64_t period_seconds;
	int64_t timeout_seconds;
	int64_t success_threshold;
	int64_t failure_threshold;
	int64_t grace_seconds; /* -1: the pod's */
};

struct pod_hook_sleep {
	int64_t seconds;
};

struct pod_hook {
	struct pod_probe_exec *exec;
	struct pod_probe_target *http;
	struct pod_hook_sleep *sleep;
};

struct pod_lifecycle {
	struct pod_hook *post_start;
	struct pod_hook *pre_stop;
};

struct pod_capabilities {
	struct strings add;
	struct strings drop;
};

struct pod_security {
	int64_t run_as_user; /* -1: as the image says */
	int64_t run_as_group;
	int64_t fs_group;           /* of a pod; -1: none */
	char *fs_group_change;      /* of a pod */
	struct strings more_groups; /* of a pod: numbers */
	bool may_escalate;          /* of a container */
	bool privileged;
	bool read_only_root;
	struct pod_capabilities *capabilities;
};

struct pod_container {
	char *name;
	char *image;
	char *image_pull_policy;
	struct strings command;
	struct strings args;
	char *working_dir;
	struct field_list env;      /* struct pod_env */
	struct field_list env_from; /* struct pod_env_from */
	struct field_list ports;    /* struct pod_port */
	struct pod_resources *resources;
	struct field_list volume_mounts; /* struct pod_volume_mount */
	struct pod_security *security;
	struct pod_probe *liveness;
	struct pod_probe *readiness;
	struct pod_probe *startup;
	struct pod_lifecycle *lifecycle;
	bool stdin_open;
	bool tty;
};

struct pod_key_item {
	char *key;
	char *path;
	int64_t mode;
};

struct pod_volume_files {
	char *name;
	struct field_list items; /* struct pod_key_item */
	int64_t default_mode;
	bool optional;
};

struct pod_downward_item {
	char *path;
	int64_t mode; /* -1: the volume's */
	struct pod_field_ref *field;
	struct pod_resource_ref *resource;
};

struct pod_downward {
	struct field_list items; /* struct pod_downward_item */
	int64_t default_mode;
};

/* Several of these in one directory; of each one is there. */
struct pod_projection {
	struct pod_volume_files *config_map;
	struct pod_volume_files *secret;
	struct pod_downward *downward;
};

struct pod_projected {
	struct field_list sources; /* struct pod_projection */
	int64_t default_mode;
};

struct pod_empty_dir {
	char *medium;
	char *size_limit;
};

struct pod_host_path {
	char *path;
	char *type;
};

struct pod_claim {
	char *claim_name;
	bool read_only;
};

struct pod_volume {
	char *name;
	struct pod_empty_dir *empty_dir;
	struct pod_host_path *host_path;
	struct pod_volume_files *config_map;
	struct pod_volume_files *secret;
	struct pod_claim *claim;
	struct pod_downward *downward;
	struct pod_projected *projected;
};

struct pod_dns_option {
	char *name;
	char *value;
};

struct pod_dns_config {
	struct strings nameservers;
	struct strings searches;
	struct field_list options; /* struct pod_dns_option */
};

struct pod_host_alias {
	char *ip;
	struct strings hostnames;
};

struct pod_spec {
	struct field_list init_containers; /* struct pod_container */
	struct field_list containers;
	struct field_list volumes; /* struct pod_volume */
	char *restart_policy;
	int64_t grace_seconds;
	char *hostname;
	char *subdomain;
	bool host_network;
	char *dns_policy;
	struct pod_dns_config *dns_config;
	struct field_list host_aliases; /* struct pod_host_alias */
	struct pod_security *security;
};

extern const struct field_table pod_spec_table;
