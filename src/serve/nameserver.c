/* SPDX-License-Identifier: MIT */
/* The name server's process. */

#include "serve/nameserver.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/dns/dns_control.h"
#include "os/helper.h"
#include "os/process.h"
#include "os/socket.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define BACKLOG 128
/* Before the next one when one has died. */
#define RESPAWN_US 100000

struct place {
	char *name;
	char *bridge;
	char *zone;
	char *guests;
	uint64_t sum; /* of what it was made from */
	struct strings gateways;
	struct strings subnets;
	unsigned int index; /* of the bridge when the sockets were bound to it */
	int fds[DNS_LISTENERS_MAX];
	size_t n_fds;
	bool is_told; /* the process knows of the sockets */
	bool seen;    /* in this round */
};

struct nameserver {
	const struct serve_part *part;
	int counters_fd;
	struct dns_counters *counters;
	int control; /* -1: no process */
	pid_t pid;
	sd_event_source *child;
	sd_event_source *respawn;
	struct strings resolvers;
	struct place *places;
	size_t n_places;
};

static void close_sockets(struct place *place)
{
	for (size_t i = 0; i < place->n_fds; i++)
		closep(&place->fds[i]);
	place->n_fds = 0;
	place->is_told = false;
}

static void place_finish(struct place *place)
{
	close_sockets(place);
	free(place->name);
	free(place->bridge);
	free(place->zone);
	free(place->guests);
	strings_finish(&place->gateways);
	strings_finish(&place->subnets);
	*place = (struct place){};
}

/* Lets the process end, which it does with its socket. */
static void let_go(struct nameserver *nameserver)
{
	closep(&nameserver->control);
	nameserver->respawn = sd_event_source_disable_unref(nameserver->respawn);
	if (!nameserver->child)
		return;
	(void)sd_event_source_set_userdata(nameserver->child, NULL);
	(void)sd_event_source_set_floating(nameserver->child, true);
	nameserver->child = sd_event_source_unref(nameserver->child);
}

void nameserver_free(struct nameserver *nameserver)
{
	if (!nameserver)
		return;
	let_go(nameserver);
	for (size_t i = 0; i < nameserver->n_places; i++)
		place_finish(&nameserver->places[i]);
	free(nameserver->places);
	strings_finish(&nameserver->resolvers);
	if (nameserver->counters)
		(void)munmap(nameserver->counters, sizeof(*nameserver->counters));
	closep(&nameserver->counters_fd);
	free(nameserver);
}

int nameserver_create(const struct serve_part *part, struct nameserver **ret,
		      struct lxcri_error *err)
{
	autoptr(nameserver) nameserver = xnew(struct nameserver);
	void *memory;

	nameserver->part = part;
	nameserver->control = -1;
	nameserver->counters_fd = memfd_create("dns-counters", MFD_CLOEXEC);
	if (nameserver->counters_fd < 0 ||
	    ftruncate(nameserver->counters_fd, sizeof(struct dns_counters)) < 0)
		return fail_errno(err, errno, "make the counters of the name server");
	memory = mmap(NULL, sizeof(struct dns_counters), PROT_READ, MAP_SHARED,
		      nameserver->counters_fd, 0);
	if (memory == MAP_FAILED)
		return fail_errno(err, errno, "map the counters of the name server");
	nameserver->counters = memory;
	*ret = steal(nameserver);
	return 0;
}

const struct dns_counters *nameserver_counters(const struct nameserver *nameserver)
{
	return nameserver->counters;
}

static int start_process(struct nameserver *nameserver);

static int on_respawn(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct nameserver *nameserver = userdata;

	if (!nameserver->child) /* else a round was quicker */
		(void)start_process(nameserver);
	return 0;
}

static void respawn_later(struct nameserver *nameserver)
{
	int r;

	if (!nameserver->respawn)
		r = sd_event_add_time_relative(nameserver->part->event, &nameserver->respawn,
					       CLOCK_MONOTONIC, RESPAWN_US, 0, on_respawn,
					       nameserver);
	else if ((r = sd_event_source_set_time_relative(nameserver->respawn, RESPAWN_US)) >= 0)
		r = sd_event_source_set_enabled(nameserver->respawn, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("set a timer: %s", strerror(-r));
}

static int on_death(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct nameserver *nameserver = userdata;

	if (!nameserver) {
		/* It was let go: so is the source, with its descriptor. */
		(void)sd_event_source_set_floating(source, false);
		return 0;
	}
	log_warning("the name server has ended (%d); another one goes on", info->si_status);
	nameserver->child = sd_event_source_unref(nameserver->child);
	closep(&nameserver->control);
	respawn_later(nameserver);
	return 0;
}

static pid_t spawn(const struct nameserver *nameserver, int control)
{
	autofree char *path = helper_path("lxcri-dns");
	char *argv[] = { "lxcri-dns", NULL };
	const int fds[] = { -1, -1, STDERR_FILENO, control, nameserver->counters_fd };
	const struct spawn spawn = { .path = path,
				     .argv = argv,
				     .env = environ,
				     .fds = fds,
				     .n_fds = ARRAY_LEN(fds),
				     .dies_with_us = true };

	return process_spawn(&spawn);
}

/* Tells the process of one network, as far as it does not know. */
static int tell_place(const struct nameserver *nameserver, struct place *place)
{
	int r = 0;

	if (!place->is_told)
		r = dns_control_send_network(nameserver->control, place->name,
					     (const char *const *)place->subnets.items,
					     place->subnets.count, place->fds, place->n_fds);
	if (r == 0 && place->zone)
		r = dns_control_send_zone(nameserver->control, place->name, place->zone,
					  strlen(place->zone));
	if (r == 0 && place->guests)
		r = dns_control_send_guests(nameserver->control, place->name, place->guests,
					    strlen(place->guests));
	place->is_told = r == 0;
	return r;
}

static int tell_resolvers(const struct nameserver *nameserver)
{
	return dns_control_send_resolvers(nameserver->control,
					  (const char *const *)nameserver->resolvers.items,
					  nameserver->resolvers.count);
}

static int start_process(struct nameserver *nameserver)
{
	int pair[2];
	int r = socket_pair(pair);

	if (r < 0)
		return r;
	nameserver->control = pair[0];
	nameserver->pid = spawn(nameserver, pair[1]);
	(void)close(pair[1]);
	r = nameserver->pid;
	if (r >= 0)
		r = sd_event_add_child(nameserver->part->event, &nameserver->child, nameserver->pid,
				       WEXITED, on_death, nameserver);
	if (r >= 0)
		r = tell_resolvers(nameserver);
	for (size_t i = 0; r >= 0 && i < nameserver->n_places; i++) {
		nameserver->places[i].is_told = false;
		r = tell_place(nameserver, &nameserver->places[i]);
	}
	if (r >= 0)
		return 0;
	log_error("start the name server: %s", strerror(-r));
	closep(&nameserver->control);
	respawn_later(nameserver);
	return r;
}

static int parse_gateway(const char *text, union dns_address *ret)
{
	return dns_address_parse(text, ret);
}

/* Binds one socket. The address may be there only in a moment, and others of the host may have the
 * port at all addresses; but where @is_shared it is one of the owner's, whose own name servers come
 * first. Datagrams are told apart by SO_REUSEADDR, which is given later then: for those who come
 * after us. Returns it, or -errno. */
static int open_socket(const union dns_address *address, int type, const char *bridge,
		       bool is_shared)
{
	static const int on = 1;
	const bool is_careful = is_shared && type == SOCK_DGRAM;
	autoclose int fd = socket(address->any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if ((!is_careful && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) ||
	    setsockopt(fd, SOL_IP, IP_FREEBIND, &on, sizeof(on)) < 0 ||
	    (bridge &&
	     setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bridge, (socklen_t)strlen(bridge)) < 0) ||
	    (address->any.sa_family == AF_INET6 &&
	     setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    bind(fd, &address->any, dns_address_size(address)) < 0 ||
	    (is_careful && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) < 0))
		return -errno;
	return steal_fd(&fd);
}

static int open_sockets(struct place *place)
{
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };

	for (size_t i = 0; i < place->gateways.count; i++) {
		union dns_address address;
		int r = parse_gateway(place->gateways.items[i], &address);

		for (size_t j = 0; r >= 0 && j < ARRAY_LEN(types); j++) {
			r = place->n_fds < DNS_LISTENERS_MAX
				    ? open_socket(&address, types[j], place->bridge,
						  place->guests != NULL)
				    : -E2BIG;
			if (r >= 0)
				place->fds[place->n_fds++] = r;
		}
		if (r < 0) {
			close_sockets(place);
			return r;
		}
	}
	return 0;
}

void nameserver_begin_round(struct nameserver *nameserver)
{
	for (size_t i = 0; i < nameserver->n_places; i++)
		nameserver->places[i].seen = false;
}

static struct place *find_place(const struct nameserver *nameserver, const char *name)
{
	for (size_t i = 0; i < nameserver->n_places; i++)
		if (strcmp(nameserver->places[i].name, name) == 0)
			return &nameserver->places[i];
	return NULL;
}

bool nameserver_has(const struct nameserver *nameserver, const char *name, uint64_t sum)
{
	const struct place *place = find_place(nameserver, name);

	return place && place->zone && place->sum == sum;
}

static struct place *need_place(struct nameserver *nameserver, const char *name)
{
	struct place *place = find_place(nameserver, name);

	if (place)
		return place;
	nameserver->places = xreallocarray(nameserver->places, nameserver->n_places + 1,
					   sizeof(*nameserver->places));
	nameserver->places[nameserver->n_places] = (struct place){ .name = xstrdup(name) };
	return &nameserver->places[nameserver->n_places++];
}

static bool is_equal(const struct strings *a, const struct strings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

/* Opens the sockets where they are not there, or those of a bridge or addresses that are others by
 * now. */
static int see_to_sockets(struct place *place, const struct nameserver_network *network)
{
	const unsigned int index = network->bridge ? if_nametoindex(network->bridge) : 0;
	int r;

	if ((place->n_fds > 0 || network->gateways.count == 0) && place->index == index &&
	    is_equal(&place->gateways, &network->gateways) &&
	    is_equal(&place->subnets, &network->subnets))
		return 0;
	close_sockets(place);
	free(place->bridge);
	place->bridge = xstrdup(network->bridge);
	strings_finish(&place->gateways);
	strings_finish(&place->subnets);
	strings_add_all(&place->gateways, &network->gateways);
	strings_add_all(&place->subnets, &network->subnets);
	r = open_sockets(place);
	place->index = index;
	return r;
}

/* Has *@kept be a copy of @text, unless that is NULL. Returns whether it is another one. */
static bool take_text(const char *text, char **kept)
{
	if (!text || (*kept && strcmp(*kept, text) == 0))
		return false;
	free(*kept);
	*kept = xstrdup(text);
	return true;
}

int nameserver_put(struct nameserver *nameserver, const struct nameserver_network *network)
{
	struct place *place = need_place(nameserver, network->name);
	const bool has_zone = take_text(network->zone, &place->zone);
	const bool is_new = take_text(network->guests, &place->guests) || has_zone;
	const bool had_sockets = place->n_fds > 0;
	int r = see_to_sockets(place, network);

	place->seen = true;
	place->sum = network->sum;
	/* The process gives up those of an interface that is gone as well. */
	if (r < 0 && had_sockets && nameserver->control >= 0)
		(void)tell_place(nameserver, place);
	if (r < 0)
		return r;
	if (!nameserver->child)
		return start_process(nameserver);
	if (nameserver->control >= 0 && (is_new || !place->is_told))
		return tell_place(nameserver, place);
	return 0;
}

size_t nameserver_end_round(struct nameserver *nameserver)
{
	for (size_t i = nameserver->n_places; i-- > 0;) {
		struct place *place = &nameserver->places[i];

		if (place->seen)
			continue;
		if (nameserver->control >= 0)
			(void)dns_control_send_drop(nameserver->control, place->name);
		place_finish(place);
		*place = nameserver->places[--nameserver->n_places];
	}
	if (nameserver->n_places == 0)
		let_go(nameserver);
	return nameserver->n_places;
}

void nameserver_set_resolvers(struct nameserver *nameserver, const struct strings *resolvers)
{
	if (is_equal(resolvers, &nameserver->resolvers))
		return;
	strings_finish(&nameserver->resolvers);
	strings_add_all(&nameserver->resolvers, resolvers);
	if (nameserver->control >= 0)
		(void)tell_resolvers(nameserver); /* one that has died is told by its successor */
}
