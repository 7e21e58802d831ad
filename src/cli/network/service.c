/* SPDX-License-Identifier: MIT */
/* The verbs about headless services of networks. */

#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "cli/network/network_verb.h"
#include "cli/print.h"
#include "cli/request/network_options.h"
#include "cli/subverb.h"
#include "lxcri/network.h"

#include <string.h>

/* Ports as they were given, with what they point at. */
struct given_ports {
	struct lxcri_service_port *items;
	struct strings texts;
};

static void given_ports_finish(struct given_ports *ports)
{
	free(ports->items);
	strings_finish(&ports->texts);
}

/* Reads "http:80/tcp". */
static int take_port(const char *value, struct strings *texts, struct lxcri_service_port *ret,
		     struct lxcri_error *err)
{
	autofree char *text = xstrdup(value);
	char *protocol = strchr(text, '/');
	char *colon = strchr(text, ':');
	char *number = colon ? colon + 1 : text;
	uint64_t port;

	if (protocol)
		*protocol++ = '\0';
	if (protocol && network_options_parse_protocol(protocol, &ret->protocol) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "--port: \"%s\": a protocol is tcp, udp or sctp", value);
	if (text_parse_u64(number, 1, UINT16_MAX, &port) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "--port: \"%s\": a port is a number from 1 to 65535", value);
	ret->port = (uint16_t)port;
	if (!colon)
		return 0;
	strings_add_consume(texts, xstrndup(text, (size_t)(colon - text)));
	ret->name = texts->items[texts->count - 1];
	return 0;
}

static int service_create(struct cli *cli, const struct network_verb_options *options, char **words,
			  struct lxcri_error *err)
{
	autorun(given_ports_finish) struct given_ports ports = {
		.items = xcalloc(options->ports.count + 1, sizeof(*ports.items)),
	};
	const struct lxcri_headless_service service = {
		.network = words[0],
		.name = words[1],
		.namespace_name = options->space,
		.ports = ports.items,
		.n_ports = options->ports.count,
		.publish_not_ready = options->publish_not_ready,
		.replace = options->replace,
	};

	for (size_t i = 0; i < options->ports.count; i++)
		if (take_port(options->ports.items[i], &ports.texts, &ports.items[i], err) < 0)
			return -1;
	if (lxcri_network_setup_headless_service(cli->engine, &service, err) < 0)
		return -1;
	(void)puts(words[1]);
	return EXIT_SUCCESS;
}

static char *format_ports(struct json_object *service)
{
	autorun(text_finish) struct text text = {};
	struct json_object *ports = json_get(service, "ports");

	for (size_t i = 0; i < json_count(ports); i++) {
		struct json_object *port = json_object_array_get_idx(ports, i);
		const char *name = json_get_text(port, "name");

		text_addf(&text, "%s%s%s%d/%s", i ? "," : "", name ? name : "", name ? ":" : "",
			  (int)json_get_i64(port, "port", 0), json_get_text(port, "protocol"));
	}
	return text.length > 0 ? text_steal(&text) : xstrdup("-");
}

/* Says how many of its members are ready, as kubectl does: "2/3". */
static char *format_members(struct json_object *service)
{
	struct json_object *members = json_get(service, "members");
	size_t ready = 0;

	for (size_t i = 0; i < json_count(members); i++)
		ready += json_get_bool(json_object_array_get_idx(members, i), "ready", false);
	return xformat("%zu/%zu", ready, json_count(members));
}

static void add_row(struct print_table *table, struct json_object *service)
{
	autofree char *ports = format_ports(service);
	autofree char *members = format_members(service);

	strings_add(&table->cells, json_get_text(service, "network"));
	strings_add(&table->cells, json_get_text(service, "namespace"));
	strings_add(&table->cells, json_get_text(service, "name"));
	strings_add(&table->cells, ports);
	strings_add(&table->cells, members);
}

static int service_list(struct cli *cli, const struct network_verb_options *options, char **words,
			struct lxcri_error *err)
{
	static const char *const columns[] = { "NETWORK", "NAMESPACE", "NAME", "PORTS", "READY" };
	struct print_table table = { .columns = ARRAY_LEN(columns) };
	int is_json = print_wants_json(options->format, err);
	autofree char *text = NULL;
	autojson all = NULL;
	autojson array = json_object_new_array();

	if (is_json < 0 ||
	    lxcri_network_headless_services_json(cli->engine, words[0], &text, err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < json_count(all); i++) {
		struct json_object *service = json_object_array_get_idx(all, i);

		if (!options->space ||
		    strcmp(options->space, json_get_text(service, "namespace")) == 0)
			json_object_array_add(array, json_object_get(service));
	}
	if (is_json) {
		print_json(array, stdout);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; !options->quiet && i < ARRAY_LEN(columns); i++)
		strings_add(&table.cells, columns[i]);
	for (size_t i = 0; i < json_count(array); i++) {
		struct json_object *service = json_object_array_get_idx(array, i);

		if (options->quiet)
			(void)puts(json_get_text(service, "name"));
		else
			add_row(&table, service);
	}
	if (!options->quiet)
		print_table_finish(&table, stdout);
	return EXIT_SUCCESS;
}

static int service_remove(struct cli *cli, const struct network_verb_options *options, char **words,
			  struct lxcri_error *err)
{
	int code = EXIT_SUCCESS;

	for (char **name = words + 1; *name; name++) {
		const struct lxcri_headless_service service = { .network = words[0],
								.name = *name,
								.namespace_name = options->space };
		struct lxcri_error one = {};

		if (lxcri_network_remove_headless_service(cli->engine, &service, &one) >= 0)
			continue;
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	return code;
}

/* Does @act with each container that is named. */
static int change(struct cli *cli, const struct network_verb_options *options, char **words,
		  int (*act)(struct lxcri_engine *engine,
			     const struct lxcri_headless_service *service, const char *container,
			     struct lxcri_error *err))
{
	const struct lxcri_headless_service service = { .network = words[0],
							.name = words[1],
							.namespace_name = options->space };
	int code = EXIT_SUCCESS;

	for (char **id = words + 2; *id; id++) {
		struct lxcri_error one = {};

		if (act(cli->engine, &service, *id, &one) >= 0)
			continue;
		cli_report(cli, &one);
		code = EXIT_FAILURE;
	}
	return code;
}

static int service_add(struct cli *cli, const struct network_verb_options *options, char **words,
		       struct lxcri_error *err)
{
	return change(cli, options, words, lxcri_network_join_headless_service);
}

static int service_drop(struct cli *cli, const struct network_verb_options *options, char **words,
			struct lxcri_error *err)
{
	return change(cli, options, words, lxcri_network_leave_headless_service);
}

static const struct service_verb {
	struct subverb called;
	int min, max; /* arguments; max -1: any number */
	const char *wanted;
	int (*run)(struct cli *cli, const struct network_verb_options *options, char **words,
		   struct lxcri_error *err);
} service_verbs[] = {
	{ { "create", NULL }, 2, 2, "expected a network and a name", service_create },
	{ { "list", "ls" }, 0, 1, "expected at most one network", service_list },
	{ { "remove", "rm" }, 2, -1, "expected a network and a name", service_remove },
	{ { "add", NULL }, 3, -1, "expected a network, a name and a container", service_add },
	{ { "drop", NULL }, 3, -1, "expected a network, a name and a container", service_drop },
};

int network_service(struct cli *cli, const struct network_verb_options *options, char **words,
		    struct lxcri_error *err)
{
	const struct subverb_option owned[] = {
		{ options->format, "--format", { "list" } },
		{ options->quiet, "--quiet", { "list" } },
		{ options->ports.count > 0, "--port", { "create" } },
		{ options->publish_not_ready, "--publish-not-ready", { "create" } },
		{ options->replace, "--replace", { "create" } },
	};
	const struct service_verb *verb;
	int count = 0;
	int found = subverb_find(cli, words[0], &service_verbs[0].called, ARRAY_LEN(service_verbs),
				 sizeof(service_verbs[0]), err);

	if (found < 0)
		return -1;
	verb = &service_verbs[found];
	while (words[count + 1])
		count++;
	if (count < verb->min || (verb->max >= 0 && count > verb->max))
		return cli_usage(cli, err, "service %s: %s", verb->called.name, verb->wanted);
	if (subverb_check_options(cli, verb->called.name, owned, ARRAY_LEN(owned), err) < 0)
		return -1;
	return verb->run(cli, options, words + 1, err);
}
