/* SPDX-License-Identifier: MIT */
/* Metrics for Prometheus. A connection brings one request and gets one answer; who is slow is hung
 * up on. */

#include "serve/metrics.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/service/health.h"
#include "lxcri/limits.h"
#include "net/dns/dns_counters.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define CLIENTS_MAX 8
#define REQUEST_MAX 4096
#define PATIENCE_US 5000000ull

struct client {
	struct metrics *metrics;
	int fd;
	size_t size;
	char request[REQUEST_MAX + 1];
	struct text answer;
	size_t done;
	sd_event_source *io;
	sd_event_source *timer;
};

struct metrics {
	const struct serve_part *part;
	struct metrics_source source;
	int listener;
	sd_event_source *io;
	struct client clients[CLIENTS_MAX];
};

static void hang_up(struct client *client)
{
	client->io = sd_event_source_disable_unref(client->io);
	client->timer = sd_event_source_disable_unref(client->timer);
	closep(&client->fd);
	text_finish(&client->answer);
	client->size = client->done = 0;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		hang_up(&metrics->clients[i]);
	(void)sd_event_source_disable_unref(metrics->io);
	closep(&metrics->listener);
	free(metrics);
}

/* The metrics of containers: each is one line for each container that has it. */
enum family {
	FAMILY_UP,
	FAMILY_RESTARTS,
	FAMILY_HEALTHY,
	FAMILY_CPU,
	FAMILY_MEMORY,
	FAMILY_PIDS,
	FAMILIES,
};

static const struct {
	const char *name;
	const char *type;
	const char *help;
} families[FAMILIES] = {
	[FAMILY_UP] = { "lxcri_container_up", "gauge", "Whether the container runs." },
	[FAMILY_RESTARTS] = { "lxcri_container_restarts_total", "counter",
			      "Starts by the container's restart policy." },
	[FAMILY_HEALTHY] = { "lxcri_container_healthy", "gauge",
			     "Whether the container's last health check was good." },
	[FAMILY_CPU] = { "lxcri_container_cpu_seconds_total", "counter", "CPU time used." },
	[FAMILY_MEMORY] = { "lxcri_container_memory_bytes", "gauge", "Memory used." },
	[FAMILY_PIDS] = { "lxcri_container_pids", "gauge", "Processes and threads." },
};

struct report {
	const struct metrics *metrics;
	struct text lines[FAMILIES];
	unsigned int n_containers;
};

static void add_value(struct report *report, enum family family, const char *id, double value)
{
	/* An id has no character that would have to be escaped. */
	text_addf(&report->lines[family], "%s{id=\"%s\"} %.15g\n", families[family].name, id,
		  value);
}

static void add_usage(struct report *report, const char *id)
{
	autoptr(lxcri_container) container = NULL;
	struct lxcri_error ignored = {};
	struct lxcri_stats stats;

	if (lxcri_container_open(report->metrics->part->engine, id, &container, &ignored) < 0 ||
	    lxcri_container_stats(container, &stats, &ignored) < 0)
		return;
	if (stats.has_cpu)
		add_value(report, FAMILY_CPU, id, (double)stats.cpu_total_ns / NS_IN_SECOND);
	if (stats.has_memory)
		add_value(report, FAMILY_MEMORY, id, (double)stats.memory_usage);
	if (stats.has_pids)
		add_value(report, FAMILY_PIDS, id, (double)stats.pids);
}

static void report_container(void *userdata, struct guarded *guarded)
{
	struct report *report = userdata;
	const bool is_up =
		guarded->status == LXCRI_STATUS_RUNNING || guarded->status == LXCRI_STATUS_PAUSED;

	report->n_containers++;
	add_value(report, FAMILY_UP, guarded->id, is_up);
	add_value(report, FAMILY_RESTARTS, guarded->id, (double)guarded->restarts);
	if (!is_up)
		return;
	if (guarded->has_check && guarded->health.status > HEALTH_STARTING)
		add_value(report, FAMILY_HEALTHY, guarded->id,
			  guarded->health.status == HEALTH_WELL);
	add_usage(report, guarded->id);
}

static void add_head(struct text *text, const char *name, const char *type, const char *help)
{
	text_addf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_dns(struct text *text, const struct dns_counters *dns)
{
	static const char name[] = "lxcri_dns_total";
	const struct {
		const char *what;
		uint64_t value;
	} values[] = {
		{ "queries", dns->queries },         { "answered", dns->answered },
		{ "absent", dns->absent },           { "forwarded", dns->forwarded },
		{ "cached", dns->cached },           { "failed", dns->failed },
		{ "refused", dns->refused },         { "foreign", dns->foreign },
		{ "connections", dns->connections },
	};

	add_head(text, name, "counter", "What the name server has done.");
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		text_addf(text, "%s{what=\"%s\"} %" PRIu64 "\n", name, values[i].what,
			  values[i].value);
}

static void build_body(const struct metrics *metrics, struct text *body)
{
	struct report report = { .metrics = metrics };

	metrics->source.each(metrics->source.userdata, report_container, &report);
	add_head(body, "lxcri_containers", "gauge", "Containers that there are.");
	text_addf(body, "lxcri_containers %u\n", report.n_containers);
	for (size_t i = 0; i < FAMILIES; i++) {
		add_head(body, families[i].name, families[i].type, families[i].help);
		if (report.lines[i].data)
			text_add(body, report.lines[i].data);
		text_finish(&report.lines[i]);
	}
	if (metrics->source.dns)
		add_dns(body, metrics->source.dns);
}

static void build_answer(struct client *client)
{
	static const char wanted[] = "GET /metrics";
	autorun(text_finish) struct text body = {};
	const char *status = "200 OK";
	const char *end = client->request + strlen(wanted);

	if (!text_starts_with(client->request, "GET "))
		status = "405 Method Not Allowed";
	else if (!text_starts_with(client->request, wanted) || !strchr(" ?\r\n", *end))
		status = "404 Not Found";
	else
		build_body(client->metrics, &body);
	text_addf(&client->answer,
		  "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
		  "Content-Length: %zu\r\nConnection: close\r\n\r\n",
		  status, body.length);
	if (body.data)
		text_append(&client->answer, body.data, body.length);
}

/* Sends what there is. Returns true when nothing more is to be done. */
static bool send_answer(struct client *client)
{
	while (client->done < client->answer.length) {
		ssize_t size = send(client->fd, client->answer.data + client->done,
				    client->answer.length - client->done, MSG_NOSIGNAL);

		if (size < 0 && errno == EAGAIN)
			return false;
		if (size < 0 && errno != EINTR)
			return true;
		client->done += size > 0 ? (size_t)size : 0;
	}
	return true;
}

/* Reads the request. Returns 1 when it is whole, 0 when more is to come, -1: never. */
static int read_request(struct client *client)
{
	ssize_t size =
		recv(client->fd, client->request + client->size, REQUEST_MAX - client->size, 0);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (size <= 0)
		return -1;
	client->size += (size_t)size;
	client->request[client->size] = '\0';
	if (strlen(client->request) < client->size)
		return -1;
	return strstr(client->request, "\r\n\r\n") || strstr(client->request, "\n\n") ? 1
	       : client->size == REQUEST_MAX                                          ? -1
										      : 0;
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct client *client = userdata;

	if (!client->answer.data) {
		int r = read_request(client);

		if (r < 0)
			hang_up(client);
		if (r <= 0)
			return 0;
		build_answer(client);
	}
	if (send_answer(client))
		hang_up(client);
	else
		(void)sd_event_source_set_io_events(source, EPOLLOUT);
	return 0;
}

static int on_impatience(sd_event_source *source, uint64_t usec, void *userdata)
{
	hang_up(userdata);
	return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct metrics *metrics = userdata;
	autoclose int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client = NULL;

	for (size_t i = 0; i < CLIENTS_MAX && !client; i++)
		if (metrics->clients[i].fd < 0)
			client = &metrics->clients[i];
	if (accepted < 0 || !client)
		return 0;
	client->fd = steal_fd(&accepted);
	if (sd_event_add_io(metrics->part->event, &client->io, client->fd, EPOLLIN, on_client,
			    client) < 0 ||
	    sd_event_add_time_relative(metrics->part->event, &client->timer, CLOCK_MONOTONIC,
				       PATIENCE_US, 0, on_impatience, client) < 0)
		hang_up(client);
	return 0;
}

/* Makes the socket, for its owner alone. A name that is left of another one goes: who holds the
 * service's lock is the only one. */
static int listen_at(const char *root)
{
	autoclose int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int r;

	if (dir < 0 || fd < 0)
		return -errno;
	/* By the descriptor: the path may be longer than an address. */
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir,
		       METRICS_SOCKET);
	if (unlinkat(dir, METRICS_SOCKET, 0) < 0 && errno != ENOENT)
		return -errno;
	mask = umask(0177);
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	(void)umask(mask);
	if (r == 0 && listen(fd, CLIENTS_MAX) < 0)
		r = -errno;
	return r < 0 ? r : steal_fd(&fd);
}

int metrics_create(const struct serve_part *part, const struct metrics_source *source,
		   struct metrics **ret_metrics, struct lxcri_error *err)
{
	autoptr(metrics) metrics = xnew(struct metrics);
	int r;

	metrics->part = part;
	metrics->source = *source;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		metrics->clients[i].metrics = metrics;
		metrics->clients[i].fd = -1;
	}
	metrics->listener = listen_at(part->engine->root);
	r = metrics->listener;
	if (r >= 0)
		r = sd_event_add_io(part->event, &metrics->io, metrics->listener, EPOLLIN,
				    on_connection, metrics);
	if (r < 0)
		return fail_errno(err, r, "listen at %s/" METRICS_SOCKET, part->engine->root);
	*ret_metrics = steal(metrics);
	return 0;
}
