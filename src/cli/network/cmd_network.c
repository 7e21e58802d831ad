/* SPDX-License-Identifier: MIT */
/* The verbs about networks. */

#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/network/network_verb.h"
#include "cli/print.h"
#include "cli/selection.h"
#include "cli/subverb.h"
#include "lxcri/network.h"

#include <string.h>

#define ROW(member_, name_, letter_, kind_, value_, help_) \
	OPTION(network_verb_options, member_, name_, letter_, OPTION_##kind_, value_, help_)

static const struct option_entry options_of_network[] = {
	ROW(format, "format", 'f', TEXT, "table|json|FIELD",
	    "list, service list: form of the output; inspect: a field"),
	ROW(quiet, "quiet", 'q', FLAG, NULL, "list, service list: only the names"),
	ROW(subnet, "subnet", 0, TEXT, "SUBNET", "create: of IPv4"),
	ROW(subnet6, "subnet6", 0, TEXT, "SUBNET", "create: of IPv6"),
	ROW(no_ipv6, "no-ipv6", 0, FLAG, NULL, "create: without IPv6"),
	ROW(deployment, "deployment", 0, TEXT, "ID", "create: the deployment that it is for"),
	ROW(mtu, "mtu", 0, COUNT, "BYTES", "create: MTU (1500)"),
	ROW(vlan, "vlan", 0, COUNT, "N", "create: VLAN of what containers send untagged"),
	ROW(vlan_filtering, "vlan-filtering", 0, FLAG, NULL, "create: filter by VLAN"),
	ROW(stp, "stp", 0, FLAG, NULL, "create: with the spanning tree protocol"),
	ROW(isolate_ports, "isolate-ports", 0, FLAG, NULL,
	    "create: its containers do not reach each other"),
	ROW(ip, "ip", 0, TEXT, "ADDRESS", "connect: address of IPv4"),
	ROW(ip6, "ip6", 0, TEXT, "ADDRESS", "connect: address of IPv6"),
	ROW(mac_address, "mac-address", 0, TEXT, "MAC", "connect: MAC address"),
	ROW(aliases, "alias", 0, LIST, "NAME", "connect: further name"),
	ROW(space, "namespace", 'n', TEXT, "NAMESPACE", "service: its namespace (default)"),
	ROW(ports, "port", 0, LIST, "[NAME:]PORT[/tcp|udp|sctp]",
	    "service create: port of its members"),
	ROW(publish_not_ready, "publish-not-ready", 0, FLAG, NULL,
	    "service create: its members have names as soon as they run"),
	ROW(replace, "replace", 0, FLAG, NULL,
	    "service create: one that is there gets these ports"),
	{},
};

static int network_create(struct cli *cli, const struct network_verb_options *options, char **names,
			  struct lxcri_error *err)
{
	const struct lxcri_bridge_config config = {
		.name = names[0],
		.deployment_id = options->deployment,
		.mtu = (unsigned int)options->mtu,
		.vlan = (unsigned int)options->vlan,
		.stp = options->stp,
		.subnet = options->subnet,
		.subnet6 = options->subnet6,
		.no_ipv6 = options->no_ipv6,
		.isolate_ports = options->isolate_ports,
	};
	const struct lxcri_bridge_security security = {
		.vlan_filtering = true,
		.multicast_snooping = true,
		.isolate_ports = options->isolate_ports,
	};
	const char *deployment = options->deployment ? options->deployment : names[0];
	struct lxcri_error second;

	if (lxcri_network_create_deployment_bridge(cli->engine, &config, err) < 0)
		return -1;
	if (options->vlan_filtering &&
	    lxcri_network_configure_bridge_security(cli->engine, deployment, &security, err) < 0) {
		(void)lxcri_network_remove(cli->engine, names[0], &second);
		return -1;
	}
	(void)puts(names[0]);
	return EXIT_SUCCESS;
}

static int network_list(struct cli *cli, const struct network_verb_options *options, char **names,
			struct lxcri_error *err)
{
	static const char *const columns[] = { "NAME", "BRIDGE", "SUBNET", "SUBNET6",
					       "DEPLOYMENT" };
	static const char *const keys[] = { "name", "bridge", "subnet", "subnet6", "deployment" };
	struct print_table table = { .columns = ARRAY_LEN(columns) };
	int is_json = print_wants_json(options->format, err);
	autofree char *text = NULL;
	autojson array = NULL;

	if (is_json < 0 || lxcri_network_list_json(cli->engine, &text, err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &array, err) < 0)
		return -1;
	if (is_json) {
		print_json(array, stdout);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; !options->quiet && i < ARRAY_LEN(columns); i++)
		strings_add(&table.cells, columns[i]);
	for (size_t row = 0; row < json_count(array); row++) {
		struct json_object *network = json_object_array_get_idx(array, row);

		if (options->quiet)
			(void)puts(json_get_text(network, "name"));
		for (size_t i = 0; !options->quiet && i < ARRAY_LEN(keys); i++) {
			const char *cell = json_get_text(network, keys[i]);

			strings_add(&table.cells, cell ? cell : "-");
		}
	}
	if (!options->quiet)
		print_table_finish(&table, stdout);
	return EXIT_SUCCESS;
}

static void add_fault(void *userdata, const char *text)
{
	json_object_array_add(userdata, json_object_new_string(text));
}

/* Adds what the bridge does at this moment. */
static int add_state(struct cli *cli, const char *name, struct json_object *network,
		     struct lxcri_error *err)
{
	struct json_object *faults = json_object_new_array();
	struct lxcri_bridge_statistics statistics;
	struct lxcri_error missing = {};
	struct json_object *object;

	json_object_object_add(network, "faults", faults);
	if (lxcri_network_health(cli->engine, name, add_fault, faults, err) < 0)
		return -1;
	if (lxcri_network_statistics(cli->engine, name, &statistics, &missing) < 0) {
		if (missing.code == LXCRI_E_BRIDGE_NOT_FOUND)
			return 0;
		*err = missing;
		return -1;
	}

	const struct {
		const char *key;
		uint64_t value;
	} members[] = {
		{ "rxBytes", statistics.rx_bytes },     { "rxPackets", statistics.rx_packets },
		{ "rxDropped", statistics.rx_dropped }, { "txBytes", statistics.tx_bytes },
		{ "txPackets", statistics.tx_packets }, { "txDropped", statistics.tx_dropped },
	};

	object = json_object_new_object();
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		json_object_object_add(object, members[i].key,
				       json_object_new_uint64(members[i].value));
	json_object_object_add(network, "statistics", object);
	return 0;
}

static int network_inspect(struct cli *cli, const struct network_verb_options *options,
			   char **names, struct lxcri_error *err)
{
	autojson array = json_object_new_array();
	struct selection selection = { .format = options->format };

	for (; *names; names++) {
		autofree char *text = NULL;
		struct json_object *network = NULL;

		if (lxcri_network_inspect_json(cli->engine, *names, &text, err) < 0 ||
		    json_parse(text, strlen(text), &json_limits_spec, &network, err) < 0)
			return -1;
		json_object_array_add(array, network);
		if (add_state(cli, *names, network, err) < 0)
			return -1;
		if (selection_is_field(&selection) &&
		    selection_add(&selection, json_object_to_json_string(network), err) < 0)
			return fail_while(err, "network inspect %s", *names);
	}
	if (!selection_is_field(&selection))
		print_json(array, stdout);
	return EXIT_SUCCESS;
}

static int network_remove(struct cli *cli, const struct network_verb_options *options, char **names,
			  struct lxcri_error *err)
{
	int code = EXIT_SUCCESS;

	for (; *names; names++) {
		struct lxcri_error one = {};

		if (lxcri_network_remove(cli->engine, *names, &one) >= 0)
			continue;
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	return code;
}

static int network_connect(struct cli *cli, const struct network_verb_options *options,
			   char **names, struct lxcri_error *err)
{
	const struct lxcri_connect_options connect = {
		.ip = options->ip,
		.ip6 = options->ip6,
		.mac_address = options->mac_address,
		.aliases = (const char *const *)options->aliases.items,
	};

	return lxcri_network_connect(cli->engine, names[0], names[1], &connect, err);
}

static int network_disconnect(struct cli *cli, const struct network_verb_options *options,
			      char **names, struct lxcri_error *err)
{
	return lxcri_network_disconnect(cli->engine, names[0], names[1], err);
}

static int network_reload(struct cli *cli, const struct network_verb_options *options, char **names,
			  struct lxcri_error *err)
{
	return lxcri_network_reload(cli->engine, err);
}

static const struct network_verb {
	struct subverb called;
	int min, max; /* arguments; max -1: any number */
	const char *wanted;
	int (*run)(struct cli *cli, const struct network_verb_options *options, char **names,
		   struct lxcri_error *err);
} network_verbs[] = {
	{ { "create", NULL }, 1, 1, "expected a name", network_create },
	{ { "list", "ls" }, 0, 0, "expected no argument", network_list },
	{ { "inspect", "show" }, 1, -1, "expected a name", network_inspect },
	{ { "remove", "rm" }, 1, -1, "expected a name", network_remove },
	{ { "connect", NULL }, 2, 2, "expected a network and a container", network_connect },
	{ { "disconnect", NULL }, 2, 2, "expected a network and a container", network_disconnect },
	{ { "reload", NULL }, 0, 0, "expected no argument", network_reload },
	{ { "service", NULL },
	  1,
	  -1,
	  "expected a verb, as in network service list",
	  network_service },
};

/* Which verbs have an option: who mistakes "remove --ip" means something. */
static int check_options(const struct cli *cli, const struct network_verb_options *options,
			 const char *name, struct lxcri_error *err)
{
	const struct subverb_option owned[] = {
		{ options->format, "--format", { "list", "inspect", "service" } },
		{ options->quiet, "--quiet", { "list", "service" } },
		{ options->subnet, "--subnet", { "create" } },
		{ options->subnet6, "--subnet6", { "create" } },
		{ options->no_ipv6, "--no-ipv6", { "create" } },
		{ options->deployment, "--deployment", { "create" } },
		{ options->mtu, "--mtu", { "create" } },
		{ options->vlan, "--vlan", { "create" } },
		{ options->vlan_filtering, "--vlan-filtering", { "create" } },
		{ options->stp, "--stp", { "create" } },
		{ options->isolate_ports, "--isolate-ports", { "create" } },
		{ options->ip, "--ip", { "connect" } },
		{ options->ip6, "--ip6", { "connect" } },
		{ options->mac_address, "--mac-address", { "connect" } },
		{ options->aliases.count > 0, "--alias", { "connect" } },
		{ options->space, "--namespace", { "service" } },
		{ options->ports.count > 0, "--port", { "service" } },
		{ options->publish_not_ready, "--publish-not-ready", { "service" } },
		{ options->replace, "--replace", { "service" } },
	};

	return subverb_check_options(cli, name, owned, ARRAY_LEN(owned), err);
}

static int run_verb(struct cli *cli, const struct network_verb *verb, const void *options, int argc,
		    char **argv, struct lxcri_error *err)
{
	if (argc < verb->min || (verb->max >= 0 && argc > verb->max))
		return cli_usage(cli, err, "%s: %s", verb->called.name, verb->wanted);
	if (check_options(cli, options, verb->called.name, err) < 0 ||
	    cli_open_engine(cli, err) < 0)
		return -1;
	return verb->run(cli, options, argv, err);
}

static int cmd_network(struct cli *cli, const void *options, int argc, char **argv,
		       struct lxcri_error *err)
{
	int found;

	if (argc == 0)
		return cli_usage(cli, err, "expected a verb, as in network list");
	found = subverb_find(cli, argv[0], &network_verbs[0].called, ARRAY_LEN(network_verbs),
			     sizeof(network_verbs[0]), err);
	if (found < 0)
		return -1;
	return run_verb(cli, &network_verbs[found], options, argc - 1, argv + 1, err);
}

const struct verb verb_network = {
	.name = "network",
	.arguments = "create NAME | list | inspect NAME... | remove NAME... | "
		     "connect NETWORK ID | disconnect NETWORK ID | reload | "
		     "service create NETWORK NAME | service list [NETWORK] | "
		     "service remove NETWORK NAME... | service add NETWORK NAME ID... | "
		     "service drop NETWORK NAME ID...",
	.summary = "make and remove networks and services, and put containers into them",
	.details = "reload puts right what was changed by hand: bridges, addresses, rules.\n"
		   "A service is a name for its members that are ready; below it each has one.",
	.options = options_of_network,
	.options_size = sizeof(struct network_verb_options),
	.run = cmd_network,
};
