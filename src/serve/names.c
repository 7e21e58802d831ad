/* SPDX-License-Identifier: MIT */
/* The names of networks, and networks that are put right. */

#include "serve/names.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/database/name_sums.h"
#include "serve/guest_places.h"
#include "serve/job.h"
#include "serve/netwatch.h"
#include "os/path.h"
#include "serve/resolvers.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

/* Changes that come together are looked at together. */
#define SETTLE_US 20000ull
/* A loss is looked at when it has had time to be part of something: who removes a container removes
 * its interface. */
#define REPAIR_US         300000ull
#define REPAIR_TIMEOUT_US 60000000ull
#define DATA_MODE         0711
/* When a bridge was not there to listen at; where guests ask, longer each time. */
#define RETRY_US     500000ull
#define RETRY_US_MAX 5000000ull

struct names {
	const struct serve_part *part;
	struct names_owner owner;
	int database; /* an inotify descriptor */
	uint64_t version;
	sd_event_source *database_source;
	struct nameserver *nameserver;
	struct resolvers *resolvers;
	struct netwatch *netwatch;
	struct guest_places guests;
	uint64_t guests_us; /* until they are looked at again, if they have to be */
	sd_event_source *refresh;
	sd_event_source *guests_refresh;
	sd_event_source *repair;
	struct job *repairing;
	size_t n_networks;
	bool has_failed; /* something of a network could not be done */
};

void names_free(struct names *names)
{
	if (!names)
		return;
	(void)sd_event_source_disable_unref(names->refresh);
	(void)sd_event_source_disable_unref(names->guests_refresh);
	(void)sd_event_source_disable_unref(names->repair);
	(void)sd_event_source_disable_unref(names->database_source);
	closep(&names->database);
	job_free(names->repairing);
	netwatch_free(names->netwatch);
	guest_places_finish(&names->guests);
	resolvers_free(names->resolvers);
	nameserver_free(names->nameserver);
	free(names);
}

static void describe(const struct network_row *row, struct nameserver_network *network)
{
	for (int i = 0; i < (int)ARRAY_LEN(row->subnets); i++) {
		struct address gateway = network_gateway(row, i);
		char text[ADDRESS_TEXT_MAX];

		if (gateway.family == 0)
			continue;
		strings_add(&network->gateways, address_format(&gateway, text));
		strings_add(&network->subnets, subnet_format(&row->subnets[i], text));
	}
}

/* A zone is made where one of its rows is another than before, or who is ready matters: with many
 * networks most are as they were. */
static int put_network(struct names *names, const struct network_row *row,
		       const struct name_sum *sum, struct lxcri_error *err)
{
	struct nameserver_network network = { .name = row->name,
					      .bridge = sum->has_endpoints ? row->bridge : NULL,
					      .sum = sum->sum };
	const struct names_judge judge = { names->owner.is_ready, names->owner.userdata };
	autorun(text_finish) struct text zone = {};
	int r = 0;

	if (sum->has_members || !nameserver_has(names->nameserver, row->name, sum->sum)) {
		if (names_format_zone(names->part->engine, row, &judge, &zone, err) < 0)
			return -1;
		network.zone = zone.data;
	}
	if (sum->has_endpoints)
		describe(row, &network);
	r = nameserver_put(names->nameserver, &network);
	strings_finish(&network.gateways);
	strings_finish(&network.subnets);
	return r < 0 ? fail_errno(err, r, "answer for the names of %s", row->name) : 0;
}

static void set_timer(struct names *names, sd_event_source **timer, uint64_t us,
		      sd_event_time_handler_t handler)
{
	int enabled = SD_EVENT_OFF;
	int r = 0;

	if (*timer)
		(void)sd_event_source_get_enabled(*timer, &enabled);
	if (enabled != SD_EVENT_OFF)
		return; /* it comes soon enough */
	if (!*timer)
		r = sd_event_add_time_relative(names->part->event, timer, CLOCK_MONOTONIC, us, 1,
					       handler, names);
	else if ((r = sd_event_source_set_time_relative(*timer, us)) >= 0)
		r = sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("set a timer: %s", strerror(-r));
}

static int on_refresh(sd_event_source *source, uint64_t usec, void *userdata);

/* The networks that guests are of come first. */
static int put_guests(struct names *names, struct lxcri_error *err)
{
	int r = guest_places_put(&names->guests, names->part->engine, names->nameserver, err);

	if (r > 0)
		names->guests_us = RETRY_US;
	if (r != 0)
		return r < 0 ? -1 : 0;
	set_timer(names, &names->guests_refresh, names->guests_us, on_refresh);
	names->guests_us =
		names->guests_us < RETRY_US_MAX / 2 ? names->guests_us * 2 : RETRY_US_MAX;
	return 0;
}

/* Networks without a container that runs, or a guest, have nobody who could ask. */
static int put_all(struct names *names, struct lxcri_error *err)
{
	struct lxcri_engine *engine = names->part->engine;
	autorun(name_sum_list_finish) struct name_sum_list sums = {};
	struct database *database;

	if (!database_exists(engine->data))
		return 0;
	database = engine_database(engine, err);
	if (!database || name_sum_list_read(database, &sums, err) < 0)
		return -1;
	for (size_t i = 0; i < sums.count; i++) {
		struct network_row row = {};
		int r;

		if (!sums.items[i].has_endpoints && !sums.items[i].has_guests)
			continue;
		r = network_get(engine, sums.items[i].network, &row, err);
		if (r == 0)
			r = put_network(names, &row, &sums.items[i], err);
		network_row_finish(&row);
		if (r < 0) {
			log_debug("%s", err->text);
			*err = (struct lxcri_error){};
			names->has_failed = true;
		}
	}
	return put_guests(names, err);
}

static int on_refresh(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct names *names = userdata;
	struct lxcri_error err = {};

	names->has_failed = false;
	nameserver_begin_round(names->nameserver);
	if (put_all(names, &err) < 0) {
		/* What was known is better than nothing. */
		log_error("read the networks: %s", err.text);
		return 0;
	}
	names->n_networks = nameserver_end_round(names->nameserver);
	if (names->has_failed)
		set_timer(names, &names->refresh, RETRY_US, on_refresh);
	names->owner.settled(names->owner.userdata);
	return 0;
}

void names_refresh(struct names *names)
{
	set_timer(names, &names->refresh, SETTLE_US, on_refresh);
}

/* Whatever other processes commit ends up in the database's log. */
static int on_database(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct names *names = userdata;
	struct lxcri_error ignored = {};
	uint64_t version;
	char bytes[4096];

	while (read(fd, bytes, sizeof(bytes)) > 0)
		continue; /* which file it was does not matter */
	/* What we hold is of the past then; to the others, what they make is not there for us. */
	if (names->part->engine->database && database_has_moved(names->part->engine->database)) {
		log_error("the database in %s was taken away; a service begins anew with what is "
			  "there",
			  names->part->engine->data);
		return sd_event_exit(names->part->event, -ESTALE);
	}
	if (!database_exists(names->part->engine->data) ||
	    network_version(names->part->engine, &version, &ignored) < 0 ||
	    version == names->version)
		return 0;
	names->version = version;
	names_refresh(names);
	return 0;
}

static int watch_database(struct names *names, struct lxcri_error *err)
{
	/* Others see what is committed once its index says so, which is memory, and so tells
	 * nothing, and comes after the log was written and flushed. Who commits closes the log some
	 * time. */
	const uint32_t changes = IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE |
				 IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
	const char *data = names->part->engine->data;
	int r = path_make_dirs(data, DATA_MODE);

	if (r == 0) {
		names->database = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (names->database < 0 || inotify_add_watch(names->database, data, changes) < 0)
			r = -errno;
	}
	if (r == 0)
		r = sd_event_add_io(names->part->event, &names->database_source, names->database,
				    EPOLLIN, on_database, names);
	return r < 0 ? fail_errno(err, r, "watch %s", data) : 0;
}

static void on_repaired(void *userdata, const struct job_end *end)
{
	struct names *names = userdata;

	if (end->exit_code != 0)
		log_warning("the networks could not be put right (%d)", end->exit_code);
	job_free(steal(names->repairing));
	names_refresh(names);
}

static int on_repair(sd_event_source *source, uint64_t usec, void *userdata)
{
	static const char *const words[] = { "network", "reload", NULL };
	struct names *names = userdata;
	const struct job_options options = {
		.words = words,
		.timeout_us = REPAIR_TIMEOUT_US,
		.ended = on_repaired,
		.userdata = names,
	};
	int r;

	if (names->n_networks == 0)
		return 0;
	if (names->repairing) {
		set_timer(names, &names->repair, REPAIR_US, on_repair);
		return 0;
	}
	r = job_start(names->part, &options, &names->repairing);
	if (r < 0)
		log_error("put the networks right: %s", strerror(-r));
	return 0;
}

static void on_loss(void *userdata)
{
	struct names *names = userdata;

	if (names->n_networks == 0)
		return;
	set_timer(names, &names->repair, REPAIR_US, on_repair);
}

static void on_other_resolvers(void *userdata)
{
	struct names *names = userdata;
	autorun(strings_finish) struct strings addresses = {};

	resolvers_read(names->resolvers, &addresses);
	nameserver_set_resolvers(names->nameserver, &addresses);
}

int names_create(const struct serve_part *part, const struct names_owner *owner,
		 struct names **ret_names, struct lxcri_error *err)
{
	autoptr(names) names = xnew(struct names);

	names->part = part;
	names->owner = *owner;
	names->database = -1;
	names->guests_us = RETRY_US;
	if (watch_database(names, err) < 0 ||
	    nameserver_create(part, &names->nameserver, err) < 0 ||
	    resolvers_create(part, on_other_resolvers, names, &names->resolvers, err) < 0 ||
	    netwatch_create(part, on_loss, names, &names->netwatch, err) < 0)
		return -1;
	on_other_resolvers(names);
	names_refresh(names);
	*ret_names = steal(names);
	return 0;
}

bool names_are_needed(const struct names *names)
{
	return names->n_networks > 0;
}

const struct dns_counters *names_counters(const struct names *names)
{
	return nameserver_counters(names->nameserver);
}
