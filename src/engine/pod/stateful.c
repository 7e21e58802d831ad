/* SPDX-License-Identifier: MIT */
/* A pod of a set, by its ordinal. */

#include "base/mem.h"
#include "config/config.h"
#include "engine/network/rows.h"
#include "engine/pod/pod.h"

#include <string.h>

void lxcri_pod_identity_finish(struct lxcri_pod_identity *identity)
{
	free(identity->set);
	free(identity->hostname);
	free(identity->ip);
	free(identity->ip6);
	free(identity->mac);
	free(identity->dns_name);
	*identity = (struct lxcri_pod_identity){};
}

/* Who it is, by its first network. */
static int tell(struct lxcri_pod *pod, const struct lxcri_stateful_set_config *config,
		unsigned int ordinal, struct lxcri_pod_identity *ret, struct lxcri_error *err)
{
	autorun(endpoint_list_finish) struct endpoint_list rows = {};
	struct database *database = engine_database(pod->engine, err);
	const char *domain = config_text(pod->engine->config, CONFIG_NETWORK_CLUSTER_DOMAIN);
	char ip[ADDRESS_TEXT_MAX] = "";
	char ip6[ADDRESS_TEXT_MAX] = "";
	char mac[LINK_MAC_TEXT_MAX] = "";

	if (!database || endpoint_list_read(database, pod->shell->home.id, NULL, &rows, err) < 0)
		return -1;
	if (rows.count > 0) {
		if (rows.items[0].addresses[0].family)
			(void)address_format(&rows.items[0].addresses[0], ip);
		if (rows.items[0].addresses[1].family)
			(void)address_format(&rows.items[0].addresses[1], ip6);
		(void)link_mac_format(rows.items[0].mac, mac);
	}
	*ret = (struct lxcri_pod_identity){
		.set = xstrdup(config->name),
		.ordinal = ordinal,
		.hostname = xstrdup(pod->note.hostname),
		.ip = xstrdup(ip),
		.ip6 = xstrdup(ip6),
		.mac = xstrdup(mac),
		.dns_name = rows.count == 0 ? xstrdup("")
			    : config->service_name
				    ? xformat("%s.%s.%s.svc.%s", pod->note.hostname,
					      config->service_name, pod->note.name_space, domain)
				    : xformat("%s.%s.%s", pod->note.hostname, rows.items[0].network,
					      domain),
	};
	return 0;
}

static int choose_dns(const char *policy, struct lxcri_pod_options *options,
		      struct lxcri_error *err)
{
	if (!policy || strcmp(policy, "ClusterFirst") == 0 ||
	    strcmp(policy, "ClusterFirstWithHostNet") == 0)
		return 0;
	if (strcmp(policy, "Default") == 0) {
		options->host_dns = true;
		return 0;
	}
	if (strcmp(policy, "None") != 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "DNS policy \"%.40s\": expected ClusterFirst, "
			    "ClusterFirstWithHostNet, Default or None",
			    policy);
	return options->dns && options->dns[0]
		       ? 0
		       : fail(err, LXCRI_E_INVALID_ARGUMENT, "DNS policy None needs name servers");
}

/* Makes the service where it is not there, and has the pod be of it. */
static int add_service(struct lxcri_engine *engine, const struct lxcri_stateful_set_config *config,
		       const char *const services[static 2], struct lxcri_pod_options *options,
		       struct lxcri_error *err)
{
	const char *const *networks = options->networks;
	const struct lxcri_headless_service service = {
		.network = networks && networks[0] ? networks[0] : "default",
		.namespace_name = options->name_space,
		.name = config->service_name,
	};

	options->services = services;
	if (lxcri_network_setup_headless_service(engine, &service, err) == 0)
		return 0;
	if (err->code != LXCRI_E_HEADLESS_SERVICE_FAILED)
		return -1;
	*err = (struct lxcri_error){}; /* it is there */
	return 0;
}

int lxcri_pod_create_stateful(struct lxcri_engine *engine,
			      const struct lxcri_stateful_set_config *config, unsigned int ordinal,
			      struct lxcri_pod **ret_pod, struct lxcri_pod_identity *ret_identity,
			      struct lxcri_error *err)
{
	struct lxcri_pod_options options =
		config->pod_template ? *config->pod_template : (struct lxcri_pod_options){};
	autorun(lxcri_pod_freep) struct lxcri_pod *pod = NULL;
	const struct lxcri_create_options app = { .id = "app", .image = config->image };
	autofree char *id = NULL;
	autofree char *owner = NULL;
	autofree char *service = NULL;
	const char *services[2] = {};

	if (!config->name)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "the set has no name");
	if (ordinal >= config->replicas)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "ordinal %u of the set %s, which has %u replicas", ordinal,
			    config->name, config->replicas);
	if (config->image && options.n_containers > 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "set %s has an image, and containers of its own", config->name);
	id = xformat("%s-%u", config->pod_prefix ? config->pod_prefix : config->name, ordinal);
	owner = xformat("StatefulSet/%s/%s", options.name_space ? options.name_space : "default",
			config->name);
	options.id = id;
	options.hostname = id;
	options.owner = options.owner ? options.owner : owner;
	options.keep_identity = !config->no_persistent_addresses;
	if (config->image) {
		options.containers = &app;
		options.n_containers = 1;
	}
	service = config->service_name
			  ? xformat("%s.%s", config->service_name,
				    options.name_space ? options.name_space : "default")
			  : NULL;
	services[0] = service;
	if ((service && add_service(engine, config, services, &options, err) < 0) ||
	    choose_dns(config->dns_policy, &options, err) < 0 ||
	    lxcri_pod_create(engine, &options, &pod, err) < 0)
		return fail_while(err, "set %s", config->name);
	if (ret_identity && tell(pod, config, ordinal, ret_identity, err) < 0)
		return -1;
	*ret_pod = steal(pod);
	return 0;
}
