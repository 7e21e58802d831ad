/* SPDX-License-Identifier: MIT */
#pragma once

/* The configuration inside the library: values by key. They are valid by construction; a reader
 * checks nothing again. */

#include "base/json.h"
#include "lxcri/config.h"

/* Where run-time state and persistent data lie unless somebody says otherwise. */
#define CONFIG_DEFAULT_ROOT_PATH "/run/proxmox-lxcri"
#define CONFIG_DEFAULT_DATA_PATH "/var/lib/proxmox-lxcri"

/* In the order of config_table[]. */
enum config_key {
	CONFIG_RUNTIME_ROOT_PATH,
	CONFIG_RUNTIME_DATA_PATH,
	CONFIG_RUNTIME_LOG_LEVEL,
	CONFIG_RUNTIME_LOG_PATH,
	CONFIG_RUNTIME_LOG_FORMAT,
	CONFIG_RUNTIME_CRUN_PATH,
	CONFIG_RUNTIME_RUNC_PATH,
	CONFIG_RUNTIME_DEFAULT_MEMORY,
	CONFIG_RUNTIME_DEFAULT_CORES,
	CONFIG_RUNTIME_STOP_TIMEOUT,
	CONFIG_RUNTIME_CGROUP_MANAGER,
	CONFIG_ROUTING,
	CONFIG_CRUN_NAME_PATTERNS,
	CONFIG_RUNC_NAME_PATTERNS,
	CONFIG_DEFAULT_CONTAINER_TYPE,
	CONFIG_LOGS_DRIVER,
	CONFIG_LOGS_MAX_SIZE,
	CONFIG_LOGS_MAX_FILE,
	CONFIG_STORAGE_DRIVER,
	CONFIG_STORAGE_IMAGE_PATH,
	CONFIG_STORAGE_UMOCI_PATH,
	CONFIG_STORAGE_ZFS_POOL,
	CONFIG_STORAGE_ZFS_DATASET,
	CONFIG_STORAGE_MAX_WORKERS,
	CONFIG_STORAGE_CACHE_ENTRIES,
	CONFIG_STORAGE_GC_GRACE,
	CONFIG_USERNS_MODE,
	CONFIG_USERNS_START,
	CONFIG_USERNS_SIZE,
	CONFIG_USERNS_COUNT,
	CONFIG_NETWORK_BRIDGE,
	CONFIG_NETWORK_SUBNET_POOL,
	CONFIG_NETWORK_SERVICE_POOL,
	CONFIG_NETWORK_DNS_SERVERS,
	CONFIG_NETWORK_SEARCH,
	CONFIG_NETWORK_MTU,
	CONFIG_NETWORK_DHCP_TIMEOUT,
	CONFIG_NETWORK_CLUSTER_DOMAIN,
	CONFIG_REGISTRIES_UNQUALIFIED,
	CONFIG_REGISTRIES_MIRRORS,
	CONFIG_REGISTRIES_INSECURE,
	CONFIG_REGISTRIES_CA,
	CONFIG_REGISTRIES_CA_FILES,
	CONFIG_REGISTRIES_AUTH_FILE,
	CONFIG_REGISTRIES_TOKEN_SERVICES,
	CONFIG_REGISTRIES_TIMEOUT,
	CONFIG_REGISTRIES_STALL_TIMEOUT,
	CONFIG_REGISTRIES_RETRIES,
	CONFIG_REGISTRIES_RETRY_WAIT,
	CONFIG_REGISTRIES_CONNECTIONS,
	CONFIG_REGISTRIES_CONNECTIONS_PER_HOST,
	CONFIG_PROXMOX_HOSTS,
	CONFIG_PROXMOX_PORT,
	CONFIG_PROXMOX_TOKEN,
	CONFIG_PROXMOX_TOKEN_FILE,
	CONFIG_PROXMOX_USER,
	CONFIG_PROXMOX_PASSWORD_FILE,
	CONFIG_PROXMOX_NODE,
	CONFIG_PROXMOX_NODE_CACHE_DURATION,
	CONFIG_PROXMOX_VERIFY_SSL,
	CONFIG_PROXMOX_FINGERPRINT,
	CONFIG_PROXMOX_STORAGE,
	CONFIG_PROXMOX_POOL,
	CONFIG_PROXMOX_VMID_RANGE,
	CONFIG_PROXMOX_TIMEOUT,
	CONFIG_PROXMOX_CA_FILE,
	CONFIG_PROXMOX_TASK_TIMEOUT,
	CONFIG_PROXMOX_TEMPLATE_STORAGE,
	CONFIG_PROXMOX_BRIDGE,
	CONFIG_PROXMOX_ROOTFS_SIZE,
	CONFIG_PROXMOX_VOLUME_SIZE,
	CONFIG_PROXMOX_LOCAL_NODE,
	CONFIG_PROXMOX_LXC_DIRECTORY,
	CONFIG_KEY_COUNT,
};

/* Returns the value of a text, path or word, or NULL when it is not set. Borrowed. */
const char *config_text(const struct lxcri_config *config, enum config_key key);

/* Returns the value of a count or of a number of bytes. */
uint64_t config_u64(const struct lxcri_config *config, enum config_key key);

/* Returns the value of a number. */
double config_number(const struct lxcri_config *config, enum config_key key);

/* Returns the value of a switch. */
bool config_bool(const struct lxcri_config *config, enum config_key key);

/* Returns the value as JSON, NULL when it is not set. Borrowed. */
struct json_object *config_json(const struct lxcri_config *config, enum config_key key);

/* Returns the path of the file that was read, as it was given, or NULL for none. Borrowed. */
const char *config_file(const struct lxcri_config *config);

/* Tells whether the file and both directories are those of a host's one service. */
bool config_is_usual(const struct lxcri_config *config);
