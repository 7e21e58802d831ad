/* SPDX-License-Identifier: MIT */
/* A pod by its manifest. */

#include "engine/workload/pod_plan.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/pod/note.h"
#include "engine/virtual/virtual_ready.h"

#include <netinet/in.h>
#include <string.h>

#define GROUP_MAX 0xfffffffeLL

void *plan_keep(struct pod_plan *plan, void *block_consume)
{
	plan->blocks = xreallocarray(plan->blocks, plan->n_blocks + 1, sizeof(*plan->blocks));
	plan->blocks[plan->n_blocks++] = block_consume;
	return block_consume;
}

char *plan_text(struct pod_plan *plan, const char *text)
{
	return text ? plan_keep(plan, xstrdup(text)) : NULL;
}

const char *const *plan_list(struct pod_plan *plan, const struct strings *strings)
{
	const char **list = plan_keep(plan, xcalloc(strings->count + 1, sizeof(*list)));

	for (size_t i = 0; i < strings->count; i++)
		list[i] = plan_text(plan, strings->items[i]);
	return list;
}

void pod_plan_finish(struct pod_plan *plan)
{
	for (size_t i = 0; i < plan->n_blocks; i++)
		free(plan->blocks[i]);
	free(plan->blocks);
	*plan = (struct pod_plan){};
}

char *pod_plan_id(const char *name_space, const char *name)
{
	return strcmp(name_space, "default") == 0 ? xstrdup(name)
						  : xformat("%s_%s", name_space, name);
}

char *plan_value(const struct object *object, const char *key, size_t *ret_size)
{
	const char *text = field_map_get(&object->data, key);

	if (text) {
		*ret_size = strlen(text);
		return xstrdup(text);
	}
	text = field_map_get(&object->binary, key);
	return text ? base64_decode(text, ret_size) : NULL;
}

static int protocol_of(const struct pod_port *port, enum lxcri_protocol *ret,
		       struct lxcri_error *err)
{
	static const char *const names[] = { [LXCRI_PROTOCOL_TCP] = "TCP",
					     [LXCRI_PROTOCOL_UDP] = "UDP",
					     [LXCRI_PROTOCOL_SCTP] = "SCTP" };

	*ret = LXCRI_PROTOCOL_TCP;
	for (size_t i = 0; port->protocol && i < ARRAY_LEN(names); i++)
		if (strcmp(port->protocol, names[i]) == 0) {
			*ret = (enum lxcri_protocol)i;
			return 0;
		}
	return port->protocol
		       ? fail(err, LXCRI_E_INVALID_MANIFEST,
			      "port %jd: the protocol \"%.20s\" is none of TCP, UDP and SCTP",
			      (intmax_t)port->container_port, port->protocol)
		       : 0;
}

static int add_port(struct pod_plan *plan, const struct pod_port *port, struct lxcri_port *ports,
		    struct lxcri_error *err)
{
	enum lxcri_protocol protocol;

	if (port->container_port < 1 || port->container_port > 65535 || port->host_port < 0 ||
	    port->host_port > 65535)
		return fail(err, LXCRI_E_INVALID_MANIFEST, "port %jd: expected 1 to 65535",
			    (intmax_t)port->container_port);
	if (protocol_of(port, &protocol, err) < 0)
		return -1;
	if (port->host_port == 0)
		return 0;
	ports[plan->options.n_ports++] =
		(struct lxcri_port){ .protocol = protocol,
				     .host_ip = plan_text(plan, port->host_ip),
				     .host_port = (uint16_t)port->host_port,
				     .container_port = (uint16_t)port->container_port };
	return 0;
}

/* On the host's network what a port is on the host it is anyway. */
static int plan_ports(struct pod_plan *plan, const struct pod_plan_source *source,
		      struct lxcri_error *err)
{
	const struct pod_container *containers = source->spec->containers.items;
	struct lxcri_port *ports;
	size_t count = 0;

	for (size_t i = 0; i < source->spec->containers.count; i++)
		count += containers[i].ports.count;
	ports = plan_keep(plan, xcalloc(count + 1, sizeof(*ports)));
	for (size_t i = 0; i < source->spec->containers.count; i++) {
		const struct pod_port *items = containers[i].ports.items;

		for (size_t k = 0; k < containers[i].ports.count; k++)
			if (add_port(plan, &items[k], ports, err) < 0)
				return fail_while(err, "container %s", containers[i].name);
	}
	plan->options.ports = ports;
	if (source->spec->host_network)
		plan->options.n_ports = 0;
	return 0;
}

static int plan_dns(struct pod_plan *plan, const struct pod_spec *spec, struct lxcri_error *err)
{
	const char *policy = spec->dns_policy ? spec->dns_policy : "ClusterFirst";
	const struct pod_dns_config *config = spec->dns_config;
	autorun(strings_finish) struct strings options = {};
	static const char *const no_search[] = { ".", NULL };

	plan->options.host_dns = strcmp(policy, "Default") == 0;
	plan->options.dns_joins = strcmp(policy, "None") != 0;
	if (strcmp(policy, "None") == 0 && (!config || config->nameservers.count == 0))
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "dnsPolicy: None needs dnsConfig.nameservers");
	if (strcmp(policy, "None") != 0 && strcmp(policy, "ClusterFirst") != 0 &&
	    strcmp(policy, "ClusterFirstWithHostNet") != 0 && !plan->options.host_dns)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "dnsPolicy: \"%.40s\" is none of ClusterFirst, "
			    "ClusterFirstWithHostNet, Default and None",
			    policy);
	if (!config)
		return 0;
	for (size_t i = 0; i < config->options.count; i++) {
		const struct pod_dns_option *option =
			(const struct pod_dns_option *)config->options.items + i;

		strings_addf(&options, "%s%s%s", option->name, option->value ? ":" : "",
			     option->value ? option->value : "");
	}
	if (config->nameservers.count > 0)
		plan->options.dns = plan_list(plan, &config->nameservers);
	if (config->searches.count > 0)
		plan->options.dns_search = plan_list(plan, &config->searches);
	else if (!plan->options.dns_joins)
		plan->options.dns_search = no_search; /* not the host's either */
	if (options.count > 0)
		plan->options.dns_options = plan_list(plan, &options);
	return 0;
}

static void plan_names(struct pod_plan *plan, const struct pod_plan_source *source)
{
	autorun(strings_finish) struct strings hosts = {};
	autorun(strings_finish) struct strings aliases = {};
	autorun(strings_finish) struct strings networks = {};
	const struct pod_host_alias *items = source->spec->host_aliases.items;

	for (size_t i = 0; i < source->spec->host_aliases.count; i++)
		for (size_t k = 0; k < items[i].hostnames.count; k++)
			strings_addf(&hosts, "%s:%s", items[i].hostnames.items[k], items[i].ip);
	plan->options.add_hosts = plan_list(plan, &hosts);
	strings_add(&networks, source->spec->host_network ? "host" : source->network);
	plan->options.networks = plan_list(plan, &networks);
	if (source->spec->host_network)
		return;
	strings_add(&aliases, source->name);
	plan->options.network_aliases = plan_list(plan, &aliases);
	if (source->services)
		plan->options.services = plan_list(plan, source->services);
}

/* Returns what the pod calls its ports, as services ask for them; owned by the caller. */
static char *name_ports(const struct pod_spec *spec)
{
	const struct pod_container *containers = spec->containers.items;
	struct text text = {};

	text_addf(&text, "%s=", VIRTUAL_PORTS_ANNOTATION);
	for (size_t i = 0; i < spec->containers.count; i++) {
		const struct pod_port *ports = containers[i].ports.items;

		for (size_t k = 0; k < containers[i].ports.count; k++) {
			const char *protocol = ports[k].protocol ? ports[k].protocol : "TCP";

			if (ports[k].name)
				text_addf(&text, "%s/%s=%jd,", ports[k].name,
					  strcmp(protocol, "UDP") == 0    ? "udp"
					  : strcmp(protocol, "SCTP") == 0 ? "sctp"
									  : "tcp",
					  (intmax_t)ports[k].container_port);
		}
	}
	return text_steal(&text);
}

static const char *const *plan_map(struct pod_plan *plan, const struct field_map *map,
				   const char *const *more)
{
	autorun(strings_finish) struct strings words = {};

	for (size_t i = 0; map && i < map->keys.count; i++)
		strings_addf(&words, "%s=%s", map->keys.items[i], map->values.items[i]);
	for (; more && *more; more++)
		strings_add(&words, *more);
	return plan_list(plan, &words);
}

static int plan_containers(struct pod_plan *plan, const struct pod_plan_source *source,
			   const struct field_list *list, const struct lxcri_create_options **ret,
			   size_t *ret_count, struct lxcri_error *err)
{
	const struct pod_container *items = list->items;
	struct lxcri_create_options *options =
		plan_keep(plan, xcalloc(list->count + 1, sizeof(*options)));

	for (size_t i = 0; i < list->count; i++)
		if (plan_container(plan, source, &items[i], &options[i], err) < 0)
			return fail_while(err, "container %s", items[i].name);
	*ret = options;
	*ret_count = list->count;
	return 0;
}

static int plan_fs_group(struct pod_plan *plan, const struct pod_security *security,
			 struct lxcri_error *err)
{
	const char *policy =
		security && security->fs_group_change ? security->fs_group_change : "Always";
	unsigned int *group;

	if (!security || security->fs_group < 0)
		return 0;
	if (security->fs_group > GROUP_MAX)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "securityContext.fsGroup: %jd is no number of a group",
			    (intmax_t)security->fs_group);
	if (strcmp(policy, "Always") != 0 && strcmp(policy, "OnRootMismatch") != 0)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "securityContext.fsGroupChangePolicy: \"%.40s\": expected Always or "
			    "OnRootMismatch",
			    policy);
	plan->options.fs_group_on_mismatch = strcmp(policy, "Always") != 0;
	group = plan_keep(plan, xnew(unsigned int));
	*group = (unsigned int)security->fs_group;
	plan->options.fs_group = group;
	return 0;
}

/* What has its own end is not started again. */
static void set_restart(struct pod_plan *plan, const struct pod_spec *spec)
{
	static const struct {
		const char *policy;
		const char *restart;
	} policies[] = { { "Always", "unless-stopped" },
			 { "OnFailure", "on-failure" },
			 { "Never", "no" } };
	const char *policy = spec->restart_policy ? spec->restart_policy : policies[0].policy;
	struct lxcri_create_options *containers =
		(struct lxcri_create_options *)plan->options.containers;

	for (size_t i = 0; i < ARRAY_LEN(policies); i++)
		for (size_t k = 0; k < plan->options.n_containers; k++)
			if (strcmp(policy, policies[i].policy) == 0)
				containers[k].restart = policies[i].restart;
}

int pod_plan_make(const struct pod_plan_source *source, struct pod_plan *ret,
		  struct lxcri_error *err)
{
	struct lxcri_pod_options *options = &ret->options;
	const struct object_meta *meta = source->meta;
	autofree char *sum = xformat("%s=%s", POD_MANIFEST_SUM, source->document);
	autofree char *ports = name_ports(source->spec);
	const char *const more[] = { sum, text_ends_with(ports, ",") ? ports : NULL, NULL };

	*ret = (struct pod_plan){};
	options->id = plan_keep(ret, pod_plan_id(source->name_space, source->name));
	options->name_space = plan_text(ret, source->name_space);
	options->owner = plan_text(ret, source->owner);
	options->hostname =
		plan_text(ret, source->spec->hostname ? source->spec->hostname : source->name);
	options->labels = plan_map(ret, meta ? &meta->labels : NULL, NULL);
	options->annotations = plan_map(ret, meta ? &meta->annotations : NULL, more);
	options->grace_seconds = (unsigned int)source->spec->grace_seconds;
	options->keep_identity = source->keep_identity;
	if (plan_fs_group(ret, source->spec->security, err) < 0)
		return fail_while(err, "pod %s", source->name);
	plan_names(ret, source);
	if (plan_ports(ret, source, err) < 0 || plan_dns(ret, source->spec, err) < 0 ||
	    plan_volumes(ret, source, err) < 0 ||
	    plan_containers(ret, source, &source->spec->init_containers, &options->init_containers,
			    &options->n_init_containers, err) < 0 ||
	    plan_containers(ret, source, &source->spec->containers, &options->containers,
			    &options->n_containers, err) < 0)
		return fail_while(err, "pod %s", source->name);
	set_restart(ret, source->spec);
	return 0;
}
