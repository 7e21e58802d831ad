/* SPDX-License-Identifier: MIT */
/* lxcri-bench-net VERB ROOT DATA ID [ARGUMENT]...: the steps of `create`, `start` and `delete` that
 * are about a container's network, each as a program by itself, so that they are timed as those of
 * others are. There is no container: PID is whose network namespace it would have.
 *
 * setup PID PORT: its place in the network "default", its interface, and PORT published.
 * place PID NUMBER: its place in one of PLACE_NETWORKS networks, with ports and names of its own.
 * release PORT: what is taken back once its processes have ended.
 * unplug PORT: the same while they run, interface included.
 * publish PORT: the rules about one more port, nothing else.
 * withdraw PORT: takes them back.
 * fill FIRST COUNT: rows and rules of COUNT ports; nobody holds them. */

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"
#include "engine/container.h"
#include "engine/network/attach.h"
#include "engine/network/join.h"
#include "engine/network/proxy.h"
#include "engine/network/rows.h"
#include "engine/network/session.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define CONTAINER_PORT 80

/* What a host with much on it has: these, for each of 500 containers. */
#define PLACE_NETWORKS   50
#define PLACE_PORTS      4
#define PLACE_ALIASES    9 /* and its own name */
#define PLACE_FIRST_PORT 20000

/* It exposes nothing. */
#define IMAGE_CONFIG                                   \
	"{\"architecture\":\"none\",\"os\":\"linux\"," \
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}"

struct bench {
	struct lxcri_container container;
	const char *id;
	uint32_t arguments[2];
};

static uint16_t port_of(const struct bench *bench, size_t argument)
{
	return (uint16_t)bench->arguments[argument];
}

static int attach(struct bench *bench, const struct lxcri_create_options *options,
		  struct lxcri_error *err)
{
	const struct join join = { .container = bench->id,
				   .hostname = bench->id,
				   .options = options,
				   .image_config = IMAGE_CONFIG };

	if (join_make(bench->container.engine, &join, err) < 0 ||
	    attach_prepare(&bench->container, err) < 0)
		return -1;
	return attach_plug(&bench->container, (pid_t)bench->arguments[0], err);
}

static int set_up(struct bench *bench, struct lxcri_error *err)
{
	const struct lxcri_port port = { .host_port = port_of(bench, 1),
					 .container_port = CONTAINER_PORT };
	const struct lxcri_create_options options = { .id = bench->id,
						      .ports = &port,
						      .n_ports = 1 };

	return attach(bench, &options, err);
}

static int place(struct bench *bench, struct lxcri_error *err)
{
	const uint32_t number = bench->arguments[1];
	autofree char *network = xformat("net%u", number % PLACE_NETWORKS);
	autorun(strings_finish) struct strings aliases = {};
	const char *const networks[] = { network, NULL };
	struct lxcri_port ports[PLACE_PORTS] = {};

	for (unsigned int i = 0; i < PLACE_ALIASES; i++)
		strings_addf(&aliases, "name-%u-%u", number, i);
	for (unsigned int i = 0; i < PLACE_PORTS; i++)
		ports[i] = (struct lxcri_port){
			.host_port = (uint16_t)(PLACE_FIRST_PORT + PLACE_PORTS * number + i),
			.container_port = (uint16_t)(CONTAINER_PORT + i),
		};

	const struct lxcri_create_options options = {
		.id = bench->id,
		.networks = networks,
		.network_aliases = (const char *const *)aliases.items,
		.ports = ports,
		.n_ports = PLACE_PORTS,
	};

	return attach(bench, &options, err);
}

/* What goes with the record of a container that is one. */
static int forget(struct bench *bench, struct lxcri_error *err)
{
	struct database *database = engine_database(bench->container.engine, err);
	const struct port_row port = { .container = bench->container.home.id,
				       .protocol = IPPROTO_TCP,
				       .host_port = port_of(bench, 0) };

	if (!database || database_begin(database, err) < 0)
		return -1;
	if (ports_delete(database, &port, err) == 0 &&
	    endpoints_delete(database, bench->id, NETWORK_DEFAULT, err) == 0 &&
	    database_commit(database, err) == 0)
		return 0;
	database_roll_back(database);
	return -1;
}

static int take_back(struct bench *bench, struct lxcri_error *err)
{
	if (attach_release(bench->container.engine, bench->id, ATTACH_DELETED, err) < 0)
		return -1;
	return forget(bench, err);
}

static int unplug(struct bench *bench, struct lxcri_error *err)
{
	if (proxy_stop(bench->container.home.run_fd, err) < 0 ||
	    attach_release_one(bench->container.engine, bench->id, NETWORK_DEFAULT, err) < 0)
		return -1;
	return forget(bench, err);
}

/* Adds or removes the rules about ports that lead to the container. */
static int change(struct bench *bench, enum ruleset_change change, uint32_t count,
		  struct lxcri_error *err)
{
	autorun(session_end) struct session session = SESSION_NULL;
	autorun(endpoint_list_finish) struct endpoint_list endpoints = {};
	struct port_row port = { .protocol = IPPROTO_TCP, .container_port = CONTAINER_PORT };

	if (session_begin(bench->container.engine, &session, err) < 0 ||
	    endpoint_list_read(session.database, bench->id, NULL, &endpoints, err) < 0)
		return -1;
	if (endpoints.count == 0)
		return fail(err, LXCRI_E_CONTAINER_NOT_FOUND, "%s is in no network", bench->id);
	for (uint32_t i = 0; i < count; i++) {
		port.host_port = (uint16_t)(port_of(bench, 0) + i);
		session_change_port(&session, change, &port, &endpoints.items[0]);
	}
	return ruleset_commit(session.rules, err);
}

static int publish(struct bench *bench, struct lxcri_error *err)
{
	return change(bench, RULESET_ADD, 1, err);
}

static int withdraw(struct bench *bench, struct lxcri_error *err)
{
	return change(bench, RULESET_REMOVE, 1, err);
}

static int put_ports(struct bench *bench, struct database *database, struct lxcri_error *err)
{
	struct port_row port = { .container = bench->container.home.id,
				 .protocol = IPPROTO_TCP,
				 .container_port = CONTAINER_PORT };

	for (uint32_t i = 0; i < bench->arguments[1]; i++) {
		port.host_port = (uint16_t)(port_of(bench, 0) + i);
		if (ports_put(database, &port, err) < 0)
			return -1;
	}
	return 0;
}

static int fill(struct bench *bench, struct lxcri_error *err)
{
	struct database *database = engine_database(bench->container.engine, err);

	if (!database || database_begin(database, err) < 0 || put_ports(bench, database, err) < 0 ||
	    database_commit(database, err) < 0)
		return -1;
	return change(bench, RULESET_ADD, bench->arguments[1], err);
}

static const struct verb {
	const char *name;
	int (*run)(struct bench *bench, struct lxcri_error *err);
	int arguments;
} verbs[] = {
	{ "setup", set_up, 2 },  { "place", place, 2 },     { "release", take_back, 1 },
	{ "unplug", unplug, 1 }, { "publish", publish, 1 }, { "withdraw", withdraw, 1 },
	{ "fill", fill, 2 },
};

static int run(const struct verb *verb, struct bench *bench, struct lxcri_error *err)
{
	int r;

	if (home_open(bench->container.engine, bench->id, &bench->container.home, err) < 0)
		return -1;
	bench->container.record.networked = true;
	r = home_lock(&bench->container.home, HOME_WAIT, err);
	if (r >= 0)
		r = verb->run(bench, err);
	home_unlock(&bench->container.home);
	home_finish(&bench->container.home);
	return r;
}

/* Finds the verb and reads its arguments; NULL for what is none. */
static const struct verb *read_words(int argc, char **argv, struct bench *bench)
{
	for (size_t i = 0; argc > 5 && i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, argv[1]) != 0 || argc != 5 + verbs[i].arguments)
			continue;
		for (int k = 0; k < verbs[i].arguments; k++) {
			uint64_t number;

			if (text_parse_u64(argv[5 + k], 1, INT32_MAX, &number) < 0)
				return NULL;
			bench->arguments[k] = (uint32_t)number;
		}
		bench->id = argv[4];
		return &verbs[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct bench bench = { .container.home = HOME_NULL };
	const struct verb *verb = read_words(argc, argv, &bench);
	struct lxcri_config *config = lxcri_config_create();
	struct lxcri_error err = {};
	int r = -1;

	if (!verb) {
		(void)fprintf(stderr, "bench: not such words\n");
		return 2;
	}
	lxcri_config_set_paths(config, argv[2], argv[3]);
	if (lxcri_engine_open(config, &bench.container.engine, &err) == 0)
		r = run(verb, &bench, &err);
	if (r < 0)
		(void)fprintf(stderr, "bench: %s: %s\n", argv[1], err.text);
	lxcri_engine_free(bench.container.engine);
	lxcri_config_free(config);
	return r < 0;
}
