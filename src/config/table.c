/* SPDX-License-Identifier: MIT */
/* The table of configuration keys. */

#include "config/table.h"

#include "base/nearest.h"
#include "base/scope.h"
#include "base/text.h"
#include "config/config.h"

#include <string.h>

#define YEAR_SECONDS (366.0 * 24 * 3600)
#define BYTES_MAX    9007199254740992.0 /* 2^53: exact in every JSON reader */

/* clang-format off */
const struct config_entry config_table[] = {
	[CONFIG_RUNTIME_ROOT_PATH] = {
		"runtime.root_path", CONFIG_PATH, .otherwise = "\"" CONFIG_DEFAULT_ROOT_PATH "\"",
		.help = "Directory of the run-time state; lost at a reboot." },
	[CONFIG_RUNTIME_DATA_PATH] = {
		"runtime.data_path", CONFIG_PATH, .otherwise = "\"" CONFIG_DEFAULT_DATA_PATH "\"",
		.help = "Directory of images, containers, volumes and logs." },
	[CONFIG_RUNTIME_LOG_LEVEL] = {
		"runtime.log_level", CONFIG_WORD, .otherwise = "\"warning\"",
		.words = " error warning info debug ",
		.help = "Which messages are written." },
	[CONFIG_RUNTIME_LOG_PATH] = {
		"runtime.log_path", CONFIG_PATH, .otherwise = "null",
		.help = "File that messages are appended to besides standard error." },
	[CONFIG_RUNTIME_LOG_FORMAT] = {
		"runtime.log_format", CONFIG_WORD, .otherwise = "\"text\"", .words = " text json ",
		.help = "Form of the messages in that file." },
	[CONFIG_RUNTIME_CRUN_PATH] = {
		"runtime.crun_path", CONFIG_PROGRAM, .otherwise = "null",
		.help = "The crun program; not needed, as libcrun is built in." },
	[CONFIG_RUNTIME_RUNC_PATH] = {
		"runtime.runc_path", CONFIG_PROGRAM, .otherwise = "null",
		.help = "The program of the runc type; any program with its command line will "
			"do." },
	[CONFIG_RUNTIME_DEFAULT_MEMORY] = {
		"runtime.default_memory", CONFIG_BYTES, .otherwise = "0", .max = BYTES_MAX,
		.help = "Memory limit of a container that run or create makes of an image, and that names "
			"none; 0 is no limit." },
	[CONFIG_RUNTIME_DEFAULT_CORES] = {
		"runtime.default_cores", CONFIG_NUMBER, .otherwise = "0", .max = 8192,
		.help = "CPU limit in cores of such a container; 0 is no limit." },
	[CONFIG_RUNTIME_STOP_TIMEOUT] = {
		"runtime.stop_timeout", CONFIG_COUNT, .otherwise = "10", .max = 86400,
		.help = "Seconds that a stop waits before it kills." },
	[CONFIG_RUNTIME_CGROUP_MANAGER] = {
		"runtime.cgroup_manager", CONFIG_WORD, .otherwise = "\"cgroupfs\"",
		.words = " cgroupfs systemd auto ",
		.help = "Who makes cgroups: cgroupfs, systemd (scopes), or auto: systemd where it "
			"runs." },

	[CONFIG_ROUTING] = {
		"routing", CONFIG_RULES, .otherwise = "[]",
		.help = "Rules {\"pattern\", \"runtime\"}; the first that matches a new "
			"container's name decides its type." },

	[CONFIG_CRUN_NAME_PATTERNS] = {
		"container_config.crun_name_patterns", CONFIG_PATTERNS,
		.otherwise = "[\"kube-ovn-*\",\"cilium-*\"]",
		.help = "Names that run on crun when no rule matches." },
	[CONFIG_RUNC_NAME_PATTERNS] = {
		"container_config.runc_name_patterns", CONFIG_PATTERNS, .otherwise = "[]",
		.help = "Names that run on runc when no rule matches." },
	[CONFIG_DEFAULT_CONTAINER_TYPE] = {
		"container_config.default_container_type", CONFIG_TYPE, .otherwise = "\"lxc\"",
		.help = "Type of every other name: lxc, crun, runc or proxmox-lxc." },

	[CONFIG_LOGS_DRIVER] = {
		"logs.driver", CONFIG_WORD, .otherwise = "\"file\"",
		.words = " file k8s-file json-file journald none ",
		.help = "Where the output of a container that names no driver is kept." },
	[CONFIG_LOGS_MAX_SIZE] = {
		"logs.max_size", CONFIG_BYTES, .otherwise = "10485760", .max = BYTES_MAX,
		.help = "Size of a log file at which the next is begun; 0 is no limit." },
	[CONFIG_LOGS_MAX_FILE] = {
		"logs.max_file", CONFIG_COUNT, .otherwise = "3", .min = 1, .max = 1000,
		.help = "Log files of a container that are kept." },

	[CONFIG_STORAGE_DRIVER] = {
		"storage.driver", CONFIG_WORD, .otherwise = "\"auto\"",
		.words = " auto overlay zfs btrfs dir ",
		.help = "How root file systems are made of layers; auto: zfs or btrfs on such a file "
			"system, else overlay, else dir." },
	[CONFIG_STORAGE_IMAGE_PATH] = {
		"storage.image_path", CONFIG_PATH, .otherwise = "null",
		.help = "Directory of the images, of this data directory alone; otherwise the "
			"directory images in it. It is told before there are images." },
	[CONFIG_STORAGE_UMOCI_PATH] = {
		"storage.umoci_path", CONFIG_PATH, .otherwise = "null",
		.help = "Accepted for old files; umoci is not needed." },
	[CONFIG_STORAGE_ZFS_POOL] = {
		"storage.zfs_pool", CONFIG_TEXT, .otherwise = "null",
		.help = "ZFS pool of the zfs driver; its dataset is POOL/proxmox-lxcri." },
	[CONFIG_STORAGE_ZFS_DATASET] = {
		"storage.zfs_dataset", CONFIG_TEXT, .otherwise = "null",
		.help = "Dataset that the zfs driver makes and works in, in that pool or by its full "
			"name; otherwise proxmox-lxcri in the dataset of the data directory." },
	[CONFIG_STORAGE_MAX_WORKERS] = {
		"storage.max_workers", CONFIG_COUNT, .otherwise = "0", .max = 1024,
		.help = "Layers unpacked at a time, 4 at most; 0 is one for each CPU." },
	[CONFIG_STORAGE_CACHE_ENTRIES] = {
		"storage.cache_entries", CONFIG_COUNT, .otherwise = "100", .min = 1,
		.max = 1000000,
		.help = "Images that are kept ready though nobody holds them, and layers whose metadata are "
			"kept in memory." },
	[CONFIG_STORAGE_GC_GRACE] = {
		"storage.gc_grace", CONFIG_COUNT, .otherwise = "86400", .max = YEAR_SECONDS,
		.help = "Seconds that images and layers are kept after their last use before garbage "
			"collection." },

	[CONFIG_USERNS_MODE] = {
		"userns.mode", CONFIG_WORD, .otherwise = "\"auto\"", .words = " auto host ",
		.help = "User namespace of a container made from an image on lxc and crun: auto "
			"gives it ids of its own, host leaves it those of the host." },
	[CONFIG_USERNS_START] = {
		"userns.start", CONFIG_COUNT, .otherwise = "1000000", .min = 1, .max = 4294901759,
		.help = "First id of the host that containers may get." },
	[CONFIG_USERNS_SIZE] = {
		"userns.size", CONFIG_COUNT, .otherwise = "65536", .min = 1000, .max = 16777216,
		.help = "Ids that each container gets." },
	[CONFIG_USERNS_COUNT] = {
		"userns.count", CONFIG_COUNT, .otherwise = "16384", .min = 1, .max = 1000000,
		.help = "Containers that have ids at a time." },

	[CONFIG_NETWORK_BRIDGE] = {
		"network.bridge", CONFIG_TEXT, .otherwise = "null",
		.help = "Name that the bridge of the network default gets, for containers that name no "
			"network; otherwise lxcri0. A bridge that is there is not taken." },
	[CONFIG_NETWORK_SUBNET_POOL] = {
		"network.subnet_pool", CONFIG_SUBNET, .otherwise = "\"10.213.0.0/16\"",
		.help = "Where the subnets of new bridges are cut from." },
	[CONFIG_NETWORK_SERVICE_POOL] = {
		"network.service_pool", CONFIG_SUBNET, .otherwise = "\"10.96.0.0/12\"",
		.help = "Where the addresses of services are cut from, a part for each network." },
	[CONFIG_NETWORK_DNS_SERVERS] = {
		"network.dns_servers", CONFIG_ADDRESSES, .otherwise = "[]",
		.help = "Name servers that are asked for names of others; otherwise the host's." },
	[CONFIG_NETWORK_SEARCH] = {
		"network.search", CONFIG_TEXTS, .otherwise = "[]",
		.help = "Search domains of containers." },
	[CONFIG_NETWORK_MTU] = {
		"network.mtu", CONFIG_COUNT, .otherwise = "1500", .min = 1280, .max = 65535,
		.help = "MTU of bridges in bytes." },
	[CONFIG_NETWORK_DHCP_TIMEOUT] = {
		"network.dhcp_timeout", CONFIG_COUNT, .otherwise = "15", .min = 1, .max = 300,
		.help = "Seconds that a start waits for an address from a DHCP server." },
	[CONFIG_NETWORK_CLUSTER_DOMAIN] = {
		"network.cluster_domain", CONFIG_TEXT, .otherwise = "\"cluster.local\"",
		.help = "Domain at the end of service names." },

	[CONFIG_REGISTRIES_UNQUALIFIED] = {
		"registries.unqualified", CONFIG_TEXTS, .otherwise = "[\"docker.io\"]",
		.help = "Registries in which a name without one is looked for." },
	[CONFIG_REGISTRIES_MIRRORS] = {
		"registries.mirrors", CONFIG_MIRRORS, .otherwise = "{}",
		.help = "For a registry, the mirrors that are asked first." },
	[CONFIG_REGISTRIES_INSECURE] = {
		"registries.insecure", CONFIG_TEXTS, .otherwise = "[]",
		.help = "Registries that may be spoken to without TLS." },
	[CONFIG_REGISTRIES_CA] = {
		"registries.ca", CONFIG_PATH, .otherwise = "null",
		.help = "File of further certificate authorities." },
	[CONFIG_REGISTRIES_CA_FILES] = {
		"registries.ca_files", CONFIG_PATHS, .otherwise = "{}",
		.help = "For a registry, such a file of its own." },
	[CONFIG_REGISTRIES_AUTH_FILE] = {
		"registries.auth_file", CONFIG_PATH, CONFIG_SECRET_FILE, .otherwise = "null",
		.help = "Credentials as docker and podman keep them; mode 0600." },
	[CONFIG_REGISTRIES_TOKEN_SERVICES] = {
		"registries.token_services", CONFIG_MIRRORS, .otherwise = "{}",
		.help = "For a registry, other hosts that its credentials may be sent to." },
	[CONFIG_REGISTRIES_TIMEOUT] = {
		"registries.timeout", CONFIG_NUMBER, .otherwise = "30", .min = 0.1, .max = 3600,
		.help = "Seconds that a connection, a manifest or a token may take." },
	[CONFIG_REGISTRIES_STALL_TIMEOUT] = {
		"registries.stall_timeout", CONFIG_NUMBER, .otherwise = "30", .min = 0.1, .max = 3600,
		.help = "Seconds in which less than 1024 bytes a second are as good as none." },
	[CONFIG_REGISTRIES_RETRIES] = {
		"registries.retries", CONFIG_COUNT, .otherwise = "5", .min = 0, .max = 100,
		.help = "Further attempts when a registry is busy or a connection breaks." },
	[CONFIG_REGISTRIES_RETRY_WAIT] = {
		"registries.retry_wait", CONFIG_NUMBER, .otherwise = "60", .min = 0, .max = 3600,
		.help = "Seconds to wait before one at most; a registry that asks for more fails." },
	[CONFIG_REGISTRIES_CONNECTIONS] = {
		"registries.connections", CONFIG_COUNT, .otherwise = "6", .min = 1, .max = 64,
		.help = "Connections of one pull." },
	[CONFIG_REGISTRIES_CONNECTIONS_PER_HOST] = {
		"registries.connections_per_host", CONFIG_COUNT, .otherwise = "4", .min = 1, .max = 64,
		.help = "Of them with one host." },

	[CONFIG_PROXMOX_HOSTS] = {
		"proxmox.hosts", CONFIG_TEXTS, .otherwise = "[]",
		.help = "Addresses of the cluster's nodes, tried in order." },
	[CONFIG_PROXMOX_PORT] = {
		"proxmox.port", CONFIG_COUNT, .otherwise = "8006", .min = 1, .max = 65535,
		.help = "Port of the API." },
	[CONFIG_PROXMOX_TOKEN] = {
		"proxmox.token", CONFIG_TEXT, CONFIG_SECRET, .otherwise = "null",
		.help = "API token USER@REALM!NAME=UUID; this file must then have mode 0600." },
	[CONFIG_PROXMOX_TOKEN_FILE] = {
		"proxmox.token_file", CONFIG_PATH, CONFIG_SECRET_FILE, .otherwise = "null",
		.help = "File that has the token instead; mode 0600." },
	[CONFIG_PROXMOX_USER] = {
		"proxmox.user", CONFIG_TEXT, .otherwise = "null",
		.help = "User of a login by password, with the realm: root@pam." },
	[CONFIG_PROXMOX_PASSWORD_FILE] = {
		"proxmox.password_file", CONFIG_PATH, CONFIG_SECRET_FILE, .otherwise = "null",
		.help = "File that has the password; mode 0600." },
	[CONFIG_PROXMOX_NODE] = {
		"proxmox.node", CONFIG_TEXT, .otherwise = "null",
		.help = "Node on which containers are made; otherwise the one with most free memory." },
	[CONFIG_PROXMOX_NODE_CACHE_DURATION] = {
		"proxmox.node_cache_duration", CONFIG_COUNT, .otherwise = "60", .max = 86400,
		.help = "Seconds that the list of nodes is believed." },
	[CONFIG_PROXMOX_VERIFY_SSL] = {
		"proxmox.verify_ssl", CONFIG_BOOL, .otherwise = "true",
		.help = "Whether the server's certificate is verified." },
	[CONFIG_PROXMOX_FINGERPRINT] = {
		"proxmox.fingerprint", CONFIG_TEXT, .otherwise = "null",
		.help = "SHA-256 fingerprints of certificates that are trusted as they are, by commas." },
	[CONFIG_PROXMOX_STORAGE] = {
		"proxmox.storage", CONFIG_TEXT, .otherwise = "null",
		.help = "Storage of the root file systems." },
	[CONFIG_PROXMOX_POOL] = {
		"proxmox.pool", CONFIG_TEXT, .otherwise = "null",
		.help = "Resource pool of new containers." },
	[CONFIG_PROXMOX_VMID_RANGE] = {
		"proxmox.vmid_range", CONFIG_RANGE, .otherwise = "[100,999999999]", .min = 100,
		.max = 999999999,
		.help = "First and last number that new containers may take." },
	[CONFIG_PROXMOX_TIMEOUT] = {
		"proxmox.timeout", CONFIG_COUNT, .otherwise = "30", .min = 1, .max = 86400,
		.help = "Seconds that a request may take." },
	[CONFIG_PROXMOX_CA_FILE] = {
		"proxmox.ca_file", CONFIG_PATH, .otherwise = "null",
		.help = "Authorities trusted besides the system's; the cluster's own on a node." },
	[CONFIG_PROXMOX_TASK_TIMEOUT] = {
		"proxmox.task_timeout", CONFIG_COUNT, .otherwise = "600", .min = 1, .max = 86400,
		.help = "Seconds that a task, as making a container is, may take." },
	[CONFIG_PROXMOX_TEMPLATE_STORAGE] = {
		"proxmox.template_storage", CONFIG_TEXT, .otherwise = "\"local\"",
		.help = "Storage of templates." },
	[CONFIG_PROXMOX_BRIDGE] = {
		"proxmox.bridge", CONFIG_TEXT, .otherwise = "\"vmbr0\"",
		.help = "Bridge of containers for which no network is asked." },
	[CONFIG_PROXMOX_ROOTFS_SIZE] = {
		"proxmox.rootfs_size", CONFIG_BYTES, .otherwise = "8589934592",
		.min = 64 << 20, .max = BYTES_MAX,
		.help = "Size of root file systems." },
	[CONFIG_PROXMOX_VOLUME_SIZE] = {
		"proxmox.volume_size", CONFIG_BYTES, .otherwise = "8589934592",
		.min = 4 << 20, .max = BYTES_MAX,
		.help = "Size of each volume." },
	[CONFIG_PROXMOX_LOCAL_NODE] = {
		"proxmox.local_node", CONFIG_TEXT, .otherwise = "null",
		.help = "Which node this host is, whose containers can be entered here; none: no node. "
			"Otherwise its own name, where /etc/pve has a node of that name." },
	[CONFIG_PROXMOX_LXC_DIRECTORY] = {
		"proxmox.lxc_directory", CONFIG_PATH, .otherwise = "\"/var/lib/lxc\"",
		.help = "Where LXC has the containers of this node." },
};
/* clang-format on */

const size_t config_table_length = ARRAY_LEN(config_table);

_Static_assert(ARRAY_LEN(config_table) == CONFIG_KEY_COUNT, "a key has no entry");

const struct config_entry *config_table_find(const char *path)
{
	for (size_t i = 0; i < config_table_length; i++)
		if (strcmp(config_table[i].path, path) == 0)
			return &config_table[i];
	return NULL;
}

bool config_table_has_section(const char *section)
{
	size_t length = strlen(section);

	for (size_t i = 0; i < config_table_length; i++)
		if (strncmp(config_table[i].path, section, length) == 0 &&
		    config_table[i].path[length] == '.')
			return true;
	return false;
}

const char *config_table_nearest(const char *path)
{
	struct nearest nearest = nearest_to(path);

	for (size_t i = 0; i < config_table_length; i++)
		nearest_offer(&nearest, config_table[i].path);
	return nearest.best;
}
