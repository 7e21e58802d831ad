/* SPDX-License-Identifier: MIT */
/* port, and forward add, remove and list. */

#include "base/json.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/request/network_options.h"
#include "cli/subverb.h"
#include "lxcri/network.h"

#include <string.h>

struct port_options {
	const char *format;
};

static const struct option_entry options_of_port[] = {
	OPTION(port_options, format, "format", 'f', OPTION_TEXT, "table|json",
	       "form of the output"),
	{},
};

/* Writes one line as docker's port does: "80/tcp -> 0.0.0.0:8080". */
static void print_port(struct json_object *port, bool with_container)
{
	const char *address = json_get_text(port, "hostIp");
	bool is_six = address && strchr(address, ':');

	if (with_container)
		(void)printf("%s ", json_get_text(port, "container"));
	(void)printf("%d/%s -> %s%s%s:%d\n", (int)json_get_i64(port, "containerPort", 0),
		     json_get_text(port, "protocol"), is_six ? "[" : "", address ? address : "*",
		     is_six ? "]" : "", (int)json_get_i64(port, "hostPort", 0));
}

/* Prints the ports of @id, or of all containers. */
static int print_ports(struct cli *cli, const struct port_options *options, const char *id,
		       struct lxcri_error *err)
{
	int is_json = print_wants_json(options->format, err);
	autofree char *text = NULL;
	autojson array = NULL;

	if (is_json < 0 || cli_open_engine(cli, err) < 0 ||
	    lxcri_network_ports_json(cli->engine, id, &text, err) < 0 ||
	    json_parse(text, strlen(text), &json_limits_spec, &array, err) < 0)
		return -1;
	if (is_json)
		print_json(array, stdout);
	for (size_t i = 0; !is_json && i < json_count(array); i++)
		print_port(json_object_array_get_idx(array, i), id == NULL);
	return EXIT_SUCCESS;
}

static int cmd_port(struct cli *cli, const void *options, int argc, char **argv,
		    struct lxcri_error *err)
{
	if (argc != 1)
		return cli_usage(cli, err, "expected one container");
	return print_ports(cli, options, argv[0], err);
}

static int forward_list(struct cli *cli, const struct port_options *options, int argc, char **argv,
			struct lxcri_error *err)
{
	if (argc > 1)
		return cli_usage(cli, err, "list: expected at most one container");
	return print_ports(cli, options, argv[0], err);
}

/* Reads a container and a port, by @parse, and does @act with both. */
static int change(struct cli *cli, int argc, char **argv,
		  int (*parse)(const char *value, struct strings *ret_texts, struct lxcri_port *ret,
			       struct lxcri_error *err),
		  int (*act)(struct lxcri_engine *engine, const char *container,
			     const struct lxcri_port *port, struct lxcri_error *err),
		  struct lxcri_error *err)
{
	autorun(strings_finish) struct strings texts = {};
	struct lxcri_port port;

	if (argc != 2)
		return cli_usage(cli, err, "expected a container and a port");
	if (parse(argv[1], &texts, &port, err) < 0 || cli_open_engine(cli, err) < 0)
		return -1;
	return act(cli->engine, argv[0], &port, err);
}

static int forward_add(struct cli *cli, const struct port_options *options, int argc, char **argv,
		       struct lxcri_error *err)
{
	return change(cli, argc, argv, network_options_parse_port, lxcri_network_add_port_forward,
		      err);
}

static int forward_remove(struct cli *cli, const struct port_options *options, int argc,
			  char **argv, struct lxcri_error *err)
{
	return change(cli, argc, argv, network_options_parse_published,
		      lxcri_network_remove_port_forward, err);
}

static const struct forward_verb {
	struct subverb called;
	int (*run)(struct cli *cli, const struct port_options *options, int argc, char **argv,
		   struct lxcri_error *err);
} forward_verbs[] = {
	{ { "add", NULL }, forward_add },
	{ { "remove", "rm" }, forward_remove },
	{ { "list", "ls" }, forward_list },
};

static int cmd_forward(struct cli *cli, const void *verb_options, int argc, char **argv,
		       struct lxcri_error *err)
{
	const struct port_options *options = verb_options;
	const struct subverb_option format = { options->format, "--format", { "list" } };
	const struct forward_verb *verb;
	int found;

	if (argc == 0)
		return cli_usage(cli, err, "expected add, remove or list");
	found = subverb_find(cli, argv[0], &forward_verbs[0].called, ARRAY_LEN(forward_verbs),
			     sizeof(forward_verbs[0]), err);
	if (found < 0)
		return -1;
	verb = &forward_verbs[found];
	if (subverb_check_options(cli, verb->called.name, &format, 1, err) < 0)
		return -1;
	return verb->run(cli, options, argc - 1, argv + 1, err);
}

const struct verb verb_port = {
	.name = "port",
	.arguments = "ID",
	.summary = "show the published ports of a container",
	.options = options_of_port,
	.options_size = sizeof(struct port_options),
	.run = cmd_port,
};

const struct verb verb_forward = {
	.name = "forward",
	.arguments =
		"add ID [[IP:]PORT:]PORT[/PROTOCOL] | remove ID [IP:]PORT[:PORT][/PROTOCOL] | list "
		"[ID]",
	.summary = "publish ports of containers that are there already",
	.options = options_of_port,
	.options_size = sizeof(struct port_options),
	.run = cmd_forward,
};
