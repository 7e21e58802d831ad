/* SPDX-License-Identifier: MIT */
/* From what is asked of the engine to parameters of the API. */

#include "engine/ct/ct_options.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/config.h"
#include "engine/lan/lan_spec.h"
#include "engine/limits/resources.h"
#include "net/address.h"
#include "proxmox/property.h"

#include <string.h>

#define MIB          ((uint64_t)1 << 20)
#define GIB          ((double)(1 << 30))
#define MEMORY_LEAST 16 /* MiB */
#define CORES_MAX    8192
#define CPU_PERIOD   100000

int ct_options_check(const struct lxcri_create_options *options, struct lxcri_error *err)
{
	static const char api[] = "its API has nothing for it";
	const struct {
		bool given;
		const char *what;
		const char *why;
	} refused[] = {
		{ options->bundle, "a bundle", "a template is made from an image" },
		{ options->open_stdin && !options->terminal, "standard input without a terminal",
		  "its console is in the web interface, or by pct console on the node" },
		{ options->console_socket || options->pid_file, "a console socket or pid file",
		  "its processes are on the node" },
		{ options->log_driver == LXCRI_LOG_JOURNALD, "the journal as log driver",
		  "its log is a file in it" },
		{ options->cap_add && !options->cap_drop, "more capabilities", api },
		{ options->apparmor_profile, "an AppArmor profile", api },
		{ options->n_rlimits > 0, "a resource limit (--ulimit)", api },
		{ options->pids_max > 0, "a limit of processes", api },
		{ options->shm_bytes > 0, "a size of /dev/shm", api },
		{ options->cgroup_parent || options->oom_score_adj, "a parent cgroup or OOM score",
		  api },
		{ options->read_only, "a read-only root file system", api },
		{ options->userns && strcmp(options->userns, "auto") != 0, "that user namespace",
		  "containers are unprivileged, or with --privileged they are not" },
		{ options->n_ports > 0 || options->publish_all, "a published port",
		  "a container on a bridge has an address of its own" },
		{ options->network_aliases, "a network alias", api },
		{ options->ip || options->ip6, "an address apart from its network",
		  "write --network bridge:NAME,ip=ADDRESS/PREFIX,gw=ADDRESS" },
	};

	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (refused[i].given)
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "a container of Proxmox VE cannot have %s: %s", refused[i].what,
				    refused[i].why);
	return 0;
}

void ct_options_add_number(struct json_object *params, const char *key, uint64_t number)
{
	json_object_object_add(params, key, json_object_new_uint64(number));
}

char *ct_options_new_volume(const char *storage, uint64_t bytes)
{
	return xformat("%s:%.6g", storage, (double)bytes / GIB);
}

static uint64_t to_mib(uint64_t bytes)
{
	return bytes / MIB + (bytes % MIB > 0);
}

/* Without a limit of both, swap is as much again, as other engines have it. */
static int add_memory(int64_t bytes, int64_t with_swap, struct json_object *params,
		      struct lxcri_error *err)
{
	uint64_t mib = bytes > 0 ? to_mib((uint64_t)bytes) : 0;

	if (bytes <= 0)
		return 0;
	if (mib < MEMORY_LEAST)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "a container of Proxmox VE has %d MiB of memory or more", MEMORY_LEAST);
	ct_options_add_number(params, "memory", mib);
	ct_options_add_number(params, "swap",
			      with_swap > bytes ? to_mib((uint64_t)(with_swap - bytes))
			      : with_swap > 0   ? 0
						: mib);
	return 0;
}

static int add_cpus(double cpus, struct json_object *params, struct lxcri_error *err)
{
	uint64_t whole = cpus > 0 && cpus <= CORES_MAX ? (uint64_t)cpus : 0;
	autofree char *limit = xformat("%.4g", cpus);

	if (cpus <= 0)
		return 0;
	if (cpus > CORES_MAX)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%g processors are more than %d", cpus,
			    CORES_MAX);
	json_set_text(params, "cpulimit", limit);
	ct_options_add_number(params, "cores", whole + ((double)whole < cpus));
	return 0;
}

/* Refuses what is neither memory nor processors, and of these what has no counterpart. */
static int check_resources(struct json_object *resources, struct lxcri_error *err)
{
	static const char *const known[][4] = {
		{ "memory", "limit", "swap", NULL },
		{ "cpu", "quota", "period", "shares" },
	};

	json_object_object_foreach(resources, part, members)
	{
		size_t which = strcmp(part, "memory") == 0 ? 0 : strcmp(part, "cpu") == 0 ? 1 : 2;

		if (!json_object_is_type(members, json_type_object))
			which = 2;
		if (which < 2) {
			json_object_object_foreach(members, key, value)
			{
				bool is_known = false;

				(void)value;
				for (size_t i = 1; i < 4; i++)
					is_known |= known[which][i] &&
						    strcmp(known[which][i], key) == 0;
				if (!is_known)
					return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
						    "Proxmox VE has no limit %s.%s of containers",
						    part, key);
			}
		} else if (json_object_get_type(members) != json_type_null &&
			   strcmp(part, "devices") != 0) {
			return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
				    "Proxmox VE has no limit %s of containers", part);
		}
	}
	return 0;
}

int ct_options_add_resources(struct json_object *resources, struct json_object *params,
			     struct lxcri_error *err)
{
	struct json_object *memory = json_get(resources, "memory");
	struct json_object *cpu = json_get(resources, "cpu");
	int64_t quota = json_get_i64(cpu, "quota", 0);
	int64_t period = json_get_i64(cpu, "period", CPU_PERIOD);
	uint64_t shares = json_get_u64(cpu, "shares", 0);

	if (!resources)
		return 0;
	if (check_resources(resources, err) < 0 ||
	    add_memory(json_get_i64(memory, "limit", 0), json_get_i64(memory, "swap", 0), params,
		       err) < 0)
		return -1;
	/* A weight of 100 there is what 1024 shares are. */
	if (shares > 0)
		ct_options_add_number(params, "cpuunits", shares < 11 ? 1 : shares * 100 / 1024);
	return quota > 0 && period > 0 ? add_cpus((double)quota / (double)period, params, err) : 0;
}

static int add_limits(const struct lxcri_create_options *options, struct json_object *params,
		      struct lxcri_error *err)
{
	autojson resources = NULL;

	if (add_memory((int64_t)options->memory_bytes, 0, params, err) < 0 ||
	    add_cpus(options->cpus, params, err) < 0)
		return -1;
	if (!options->resources)
		return 0;
	if (resources_parse(options->resources, &resources, err) < 0)
		return -1;
	return ct_options_add_resources(resources, params, err);
}

/* Sets the address of one family: static, by DHCP, or none. */
static int set_address(struct property_string *net, const struct lan_spec *spec, unsigned int which,
		       struct lxcri_error *err)
{
	static const char *const keys[][2] = { { "ip", "gw" }, { "ip6", "gw6" } };
	char text[ADDRESS_TEXT_MAX];

	if (spec->addresses[which].family == 0)
		return which == 0 && spec->dhcp ? property_set(net, "ip", "dhcp", err) : 0;

	autofree char *address = xformat("%s/%u", address_format(&spec->addresses[which], text),
					 spec->prefixes[which]);

	if (property_set(net, keys[which][0], address, err) < 0)
		return -1;
	return spec->gateways[which].family == 0
		       ? 0
		       : property_set(net, keys[which][1],
				      address_format(&spec->gateways[which], text), err);
}

static int set_mac(struct property_string *net, const struct lan_spec *spec, const char *wanted,
		   struct lxcri_error *err)
{
	static const unsigned char none[LINK_MAC_BYTES];
	const unsigned char *mac = spec->mac;
	autofree char *text = wanted ? xstrdup(wanted)
				     : xformat("%02X:%02X:%02X:%02X:%02X:%02X", mac[0], mac[1],
					       mac[2], mac[3], mac[4], mac[5]);

	if (!wanted && memcmp(mac, none, sizeof(none)) == 0)
		return 0; /* Proxmox VE chooses one */
	return property_set(net, "hwaddr", text, err);
}

static int set_network(struct property_string *net, const struct lan_spec *spec,
		       struct lxcri_error *err)
{
	autofree char *tag = xformat("%u", spec->vlan);

	if (property_set(net, "bridge", spec->parent, err) < 0 ||
	    property_set(net, "type", "veth", err) < 0 ||
	    property_set(net, "host-managed", "1", err) < 0 || set_address(net, spec, 0, err) < 0 ||
	    set_address(net, spec, 1, err) < 0)
		return -1;
	return spec->vlan > 0 ? property_set(net, "tag", tag, err) : 0;
}

/* Adds the interface number @number on @network, "bridge:NAME,...". */
static int add_network(const char *network, const char *mac, unsigned int number,
		       struct json_object *params, struct lxcri_error *err)
{
	static const char *const required[] = { "name", NULL };
	autorun(property_finish) struct property_string net = {};
	autofree char *key = xformat("net%u", number);
	autofree char *name = xformat("eth%u", number);
	autofree char *value = NULL;
	struct lan_spec spec;

	if (!lan_spec_is(network))
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "network \"%.100s\": a container of Proxmox VE is on bridges of its "
			    "node (bridge:NAME,...), or has none",
			    network);
	if (lan_spec_parse(network, &spec, err) < 0)
		return -1;
	if (spec.kind != LAN_BRIDGE || spec.antispoof)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "network \"%.100s\": Proxmox VE has bridges, and its firewall instead "
			    "of antispoof",
			    network);
	if (property_set(&net, "name", name, err) < 0 || set_network(&net, &spec, err) < 0 ||
	    set_mac(&net, &spec, mac, err) < 0)
		return fail_while(err, "network \"%.100s\"", network);
	value = property_format(&net, NULL, required);
	json_set_text(params, key, value);
	return 0;
}

static int add_networks(const struct lxcri_config *config,
			const struct lxcri_create_options *options, struct json_object *params,
			struct lxcri_error *err)
{
	const char *const *networks = options->networks;
	autofree char *usual = xformat("bridge:%s", config_text(config, CONFIG_PROXMOX_BRIDGE));

	if (!networks || !networks[0] || (strcmp(networks[0], "default") == 0 && !networks[1]))
		return add_network(usual, options->mac_address, 0, params, err);
	if (strcmp(networks[0], "none") == 0 && !networks[1])
		return 0;
	for (unsigned int i = 0; networks[i]; i++)
		if (add_network(networks[i], i == 0 ? options->mac_address : NULL, i, params, err) <
		    0)
			return -1;
	return 0;
}

int ct_options_add(const struct lxcri_config *config, const struct lxcri_create_options *options,
		   struct json_object *params, struct lxcri_error *err)
{
	const char *pool = config_text(config, CONFIG_PROXMOX_POOL);

	ct_options_add_number(params, "unprivileged", options->privileged ? 0 : 1);
	json_set_text(params, "ostype", "unmanaged");
	json_set_text(params, "cmode", "console");
	json_set_text(params, "pool", pool);
	if (add_limits(options, params, err) < 0)
		return -1;
	return add_networks(config, options, params, err);
}

static int format_volume(const struct bundle_volume *volume, const char *storage, uint64_t bytes,
			 char **ret, struct lxcri_error *err)
{
	static const char *const required[] = { "mp", NULL };
	autorun(property_finish) struct property_string mount = {};
	autofree char *source = ct_options_new_volume(storage, bytes);

	if (property_set(&mount, "volume", source, err) < 0 ||
	    property_set(&mount, "mp", volume->destination, err) < 0 ||
	    property_set(&mount, "backup", "1", err) < 0 ||
	    (strings_has(&volume->options, "ro") && property_set(&mount, "ro", "1", err) < 0))
		return fail_while(err, "volume for %s", volume->destination);
	*ret = property_format(&mount, "volume", required);
	return 0;
}

int ct_options_add_volumes(const struct lxcri_config *config, const struct bundle *bundle,
			   const char *storage, unsigned int first, struct json_object *params,
			   struct lxcri_error *err)
{
	uint64_t bytes = config_u64(config, CONFIG_PROXMOX_VOLUME_SIZE);

	for (size_t i = 0; i < bundle->n_volumes; i++) {
		autofree char *key = xformat("mp%zu", first + i);
		autofree char *value = NULL;

		if (bundle->volumes[i].name)
			continue; /* it belongs to another one */
		if (format_volume(&bundle->volumes[i], storage, bytes, &value, err) < 0)
			return -1;
		json_set_text(params, key, value);
	}
	return 0;
}

void ct_options_add_process(const struct ct_process *process, struct json_object *params)
{
	json_set_text(params, "entrypoint", process->entrypoint);
	if (process->env_size > 0)
		json_object_object_add(
			params, "env",
			json_object_new_string_len(process->env, (int)process->env_size));
}
