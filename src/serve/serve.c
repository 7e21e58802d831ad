/* SPDX-License-Identifier: MIT */
/* The service.
 *
 * All containers are looked at once, then each when something has happened to it: an event that a
 * command or a monitor recorded, the end of a monitor, the end of a command of ours, a timer. A
 * look reads what the container is and sees to what comes next. */

#include "serve/serve.h"

#include "base/log.h"
#include "base/mem.h"
#include "engine/pod/pod.h"
#include "engine/service/demand.h"
#include "os/helper.h"
#include "os/path.h"
#include "serve/endpoints.h"
#include "serve/guarded.h"
#include "serve/metrics.h"
#include "serve/names.h"
#include "serve/watch.h"
#include "serve/workloads.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define ROOT_MODE 0711
/* How long nothing needs it until it ends. */
#define IDLE_US (2ull * 1000000)
/* Starts by policy at a time; those that are due from the beginning go one by one, in the order in
 * which the containers were made. */
#define STARTS_MAX 4

struct serve {
	struct serve_part part;
	const struct serve_options *options;
	struct lxcri_config *config;
	struct strings command;
	int lock;
	struct watch *watch;
	struct metrics *metrics;
	struct names *names;
	struct workloads *workloads;
	struct endpoints *endpoints;
	sd_event_source *idle;
	struct guarded **guarded; /* ordered by id */
	size_t n_guarded;
	bool is_booting; /* what was due from the beginning is not all started */
};

static void serve_free(struct serve *serve)
{
	if (!serve)
		return;
	metrics_free(serve->metrics);
	names_free(serve->names);
	workloads_free(serve->workloads);
	endpoints_free(serve->endpoints);
	watch_free(serve->watch);
	for (size_t i = 0; i < serve->n_guarded; i++)
		guarded_free(serve->guarded[i]);
	free(serve->guarded);
	(void)sd_event_source_disable_unref(serve->idle);
	(void)sd_event_unref(serve->part.event);
	lxcri_engine_free(serve->part.engine);
	lxcri_config_free(serve->config);
	strings_finish(&serve->command);
	closep(&serve->lock);
	free(serve);
}
DEFINE_AUTOPTR(serve)

/* Finds the place of @id, or where it would be: *@ret_there tells which. */
static size_t find_place(const struct serve *serve, const char *id, bool *ret_there)
{
	size_t low = 0;
	size_t high = serve->n_guarded;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(serve->guarded[middle]->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_there = low < serve->n_guarded && strcmp(serve->guarded[low]->id, id) == 0;
	return low;
}

static void on_look(void *userdata, struct guarded *guarded);

static struct guarded *need(struct serve *serve, const char *id)
{
	bool is_there;
	size_t place = find_place(serve, id, &is_there);

	if (is_there)
		return serve->guarded[place];
	serve->guarded =
		xreallocarray(serve->guarded, serve->n_guarded + 1, sizeof(struct guarded *));
	memmove(&serve->guarded[place + 1], &serve->guarded[place],
		(serve->n_guarded - place) * sizeof(*serve->guarded));
	serve->guarded[place] = guarded_create(&serve->part, id);
	serve->guarded[place]->look = on_look;
	serve->guarded[place]->userdata = serve;
	serve->n_guarded++;
	return serve->guarded[place];
}

static void forget(struct serve *serve, struct guarded *guarded)
{
	bool is_there;
	size_t place = find_place(serve, guarded->id, &is_there);

	serve->n_guarded--;
	memmove(&serve->guarded[place], &serve->guarded[place + 1],
		(serve->n_guarded - place) * sizeof(*serve->guarded));
	guarded_free(guarded);
}

static bool is_waiting(const struct guarded *guarded)
{
	return guarded->is_due && guarded->due_ns <= 0 && !guarded->restart;
}

/* Has those started that wait for room, the oldest first. */
static void start_waiting(struct serve *serve)
{
	unsigned int running = 0;

	for (size_t i = 0; i < serve->n_guarded; i++)
		running += serve->guarded[i]->restart != NULL;
	while (running < (serve->is_booting ? 1 : STARTS_MAX)) {
		struct guarded *next = NULL;

		for (size_t i = 0; i < serve->n_guarded; i++) {
			struct guarded *guarded = serve->guarded[i];

			if (is_waiting(guarded) &&
			    (!next || guarded->created_ns < next->created_ns))
				next = guarded;
		}
		if (!next) {
			serve->is_booting = serve->is_booting && running > 0;
			return;
		}
		guarded_see_to_restart(next, GUARDED_MAY_START);
		if (!next->restart)
			next->is_due = false; /* it could not even be tried: not for ever again */
		running++;
	}
}

static bool is_needed(const struct serve *serve)
{
	for (size_t i = 0; i < serve->n_guarded; i++)
		if (guarded_is_needy(serve->guarded[i]))
			return true;
	return (serve->names && names_are_needed(serve->names)) ||
	       workloads_are_needed(serve->workloads);
}

static int look_at_all(struct serve *serve, struct lxcri_error *err);

/* The lock goes first: who needs us from then on starts another one, and who has needed us before
 * is seen by the last look. */
static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct serve *serve = userdata;
	struct lxcri_error err = {};
	int lock;

	closep(&serve->lock);
	if (look_at_all(serve, &err) < 0)
		log_error("%s", err.text);
	lock = is_needed(serve) ? demand_lock(serve->part.engine) : -ESTALE;
	if (lock < 0)
		return sd_event_exit(serve->part.event, 0);
	serve->lock = lock;
	return 0;
}

/* Ends us some time after nothing needs us any more. */
static void see_to_end(struct serve *serve)
{
	int r = 0;

	if (!serve->options->on_demand || is_needed(serve) || serve->lock < 0) {
		if (serve->idle)
			(void)sd_event_source_set_enabled(serve->idle, SD_EVENT_OFF);
		return;
	}
	if (!serve->idle)
		r = sd_event_add_time_relative(serve->part.event, &serve->idle, CLOCK_MONOTONIC,
					       IDLE_US, 0, on_idle, serve);
	else if ((r = sd_event_source_set_time_relative(serve->idle, IDLE_US)) >= 0)
		r = sd_event_source_set_enabled(serve->idle, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("set a timer: %s", strerror(-r));
}

/* Most of what happens to a container changes nothing of whether it is ready. */
static void tell_services(struct serve *serve, struct guarded *guarded)
{
	if (guarded->told_run_ns == guarded->run_ns && guarded->told_status == guarded->status &&
	    guarded->told_health == guarded->health.status &&
	    guarded->told_starting == guarded->is_starting)
		return;
	guarded->told_run_ns = guarded->run_ns;
	guarded->told_status = guarded->status;
	guarded->told_health = guarded->health.status;
	guarded->told_starting = guarded->is_starting;
	endpoints_note(serve->endpoints, guarded->id);
}

static void look(struct serve *serve, struct guarded *guarded)
{
	if (guarded_refresh(guarded) == 0) {
		endpoints_note(serve->endpoints, guarded->id);
		forget(serve, guarded);
		return;
	}
	tell_services(serve, guarded);
	/* Who makes copies of it makes it anew. */
	if (guarded->is_lost && !guarded->told_lost)
		workloads_refresh(serve->workloads);
	guarded->told_lost = guarded->is_lost;
	guarded_see_to_restart(guarded, GUARDED_MUST_WAIT);
	guarded_see_to_health(guarded);
}

static void settle(struct serve *serve)
{
	start_waiting(serve);
	see_to_end(serve);
}

static void on_look(void *userdata, struct guarded *guarded)
{
	look(userdata, guarded);
	settle(userdata);
}

static int note_container(void *userdata, const struct lxcri_state *state)
{
	strings_add(userdata, state->id);
	return 0;
}

static int look_at_all(struct serve *serve, struct lxcri_error *err)
{
	autorun(strings_finish) struct strings ids = {};

	if (lxcri_container_list(serve->part.engine, note_container, &ids, err) < 0)
		return fail_while(err, "look at all containers");
	for (size_t i = serve->n_guarded; i-- > 0;)
		if (!strings_has(&ids, serve->guarded[i]->id))
			forget(serve, serve->guarded[i]);
	for (size_t i = 0; i < ids.count; i++)
		look(serve, need(serve, ids.items[i]));
	if (serve->names)
		names_refresh(serve->names);
	workloads_refresh(serve->workloads);
	endpoints_note(serve->endpoints, NULL);
	return 0;
}

static void on_news(void *userdata, const char *id)
{
	struct serve *serve = userdata;
	struct lxcri_error err = {};

	if (id)
		look(serve, need(serve, id));
	else if (look_at_all(serve, &err) < 0)
		log_error("%s", err.text);
	names_refresh(serve->names);
	settle(serve);
}

static void on_pod(void *userdata)
{
	struct serve *serve = userdata;

	workloads_refresh(serve->workloads);
	names_refresh(serve->names);
}

static void on_settled(void *userdata)
{
	see_to_end(userdata);
}

/* What nobody is to be asked about is ready: the rules of networks have it as running. */
static bool is_ready(void *userdata, const char *container)
{
	const struct serve *serve = userdata;
	bool is_there;
	size_t place = find_place(serve, container, &is_there);

	if (is_there)
		return guarded_is_ready(serve->guarded[place]);
	/* A pod, which is what its containers are. */
	for (size_t i = 0; i < serve->n_guarded; i++) {
		const struct guarded *guarded = serve->guarded[i];

		if (guarded->pod_of && !guarded->is_first &&
		    strcmp(guarded->pod_of, container) == 0 && !guarded_is_ready(guarded))
			return false;
	}
	return !pod_is_ending(serve->part.engine, container);
}

static void each_guarded(void *userdata, void (*each)(void *to, struct guarded *guarded), void *to)
{
	struct serve *serve = userdata;

	for (size_t i = 0; i < serve->n_guarded; i++)
		each(to, serve->guarded[i]);
}

/* Looks at everything anew, which is all that a start does as well. */
static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct serve *serve = userdata;

	(void)sd_notify(false, "RELOADING=1");
	on_news(serve, NULL);
	(void)sd_notify(false, "READY=1");
	return 0;
}

static int handle_signals(struct serve *serve)
{
	static const int ending[] = { SIGTERM, SIGINT };
	sigset_t blocked;
	int r = 0;

	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigaddset(&blocked, SIGINT);
	(void)sigaddset(&blocked, SIGHUP);
	(void)sigaddset(&blocked, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &blocked, NULL) < 0)
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(ending); i++)
		r = sd_event_add_signal(serve->part.event, NULL, ending[i], NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(serve->part.event, NULL, SIGHUP, on_reload, serve);
	return r;
}

/* Makes the words with which commands begin that work for the same engine. */
static void make_command(struct serve *serve)
{
	strings_add_consume(&serve->command, helper_command_path());
	if (serve->options->config_path) {
		strings_add(&serve->command, "--config");
		strings_add(&serve->command, serve->options->config_path);
	}
	strings_add(&serve->command, "--root");
	strings_add(&serve->command, serve->part.engine->root);
	strings_add(&serve->command, "--data");
	strings_add(&serve->command, serve->part.engine->data);
	serve->part.command = &serve->command;
}

static int open_all(struct serve *serve, struct lxcri_error *err)
{
	const struct serve_options *options = serve->options;
	int r;

	if (lxcri_config_load(options->config_path, &serve->config, err) < 0)
		return -1;
	lxcri_config_set_paths(serve->config, options->root_path, options->data_path);
	if (lxcri_engine_open(serve->config, &serve->part.engine, err) < 0)
		return -1;
	r = path_make_dirs(serve->part.engine->root, ROOT_MODE);
	if (r < 0)
		return fail_errno(err, r, "make %s", serve->part.engine->root);
	serve->lock = demand_lock(serve->part.engine);
	if (serve->lock == -EWOULDBLOCK)
		return fail(err, LXCRI_E_INVALID_STATE, "another one serves %s already",
			    serve->part.engine->root);
	if (serve->lock < 0)
		return fail_errno(err, serve->lock, "lock %s/" DEMAND_LOCK_FILE,
				  serve->part.engine->root);
	r = sd_event_default(&serve->part.event);
	if (r >= 0)
		r = handle_signals(serve);
	if (r >= 0)
		r = sd_event_set_watchdog(serve->part.event, true);
	return r < 0 ? fail_errno(err, r, "make a loop of events") : 0;
}

int serve_run(const struct serve_options *options, struct lxcri_error *err)
{
	autoptr(serve) serve = xnew(struct serve);
	struct metrics_source source = { .each = each_guarded, .userdata = serve };
	const struct names_owner owner = { on_settled, is_ready, serve };
	int r;

	serve->options = options;
	serve->lock = -1;
	serve->is_booting = true;
	if (open_all(serve, err) < 0) {
		if (serve->lock != -EWOULDBLOCK || !options->on_demand)
			return -1;
		/* Who only wanted that there is one has what he wanted; a unit has been started. */
		(void)sd_notify(false, "READY=1");
		return 0;
	}
	make_command(serve);
	/* Listening begins before the look, so that nothing is missed in between. */
	workloads_create(&serve->part, on_settled, serve, &serve->workloads);
	endpoints_create(&serve->part, &serve->endpoints);
	if (watch_create(&serve->part, on_news, on_pod, serve, &serve->watch, err) < 0 ||
	    names_create(&serve->part, &owner, &serve->names, err) < 0)
		return -1;
	source.dns = names_counters(serve->names);
	if (metrics_create(&serve->part, &source, &serve->metrics, err) < 0 ||
	    look_at_all(serve, err) < 0)
		return -1;
	settle(serve);
	(void)sd_notify(false, "READY=1");
	r = sd_event_loop(serve->part.event);
	(void)sd_notify(false, "STOPPING=1");
	return r < 0 ? fail_errno(err, r, "wait for events") : 0;
}
