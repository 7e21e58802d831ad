/* SPDX-License-Identifier: MIT */
/* The monitor's loop, and the end of the container.
 *
 * When the container's first process has ended: the backend removes the container, which ends
 * whatever is left of its processes; then the streams are read to their end, so that the log is
 * complete; then the end is recorded; then everyone who waits is told. */

#include "monitor/event.h"
#include "monitor/supervisor.h"

#include "base/moment.h"
#include "base/scope.h"
#include "os/cgroup/cgroup_file.h"
#include "os/process.h"
#include "os/socket.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* While the container runs it waits for a client that is slow. Its end does not. */
#define PATIENCE_MS 10000

#define POLLS_MAX (6 + LEASES_MAX + CLIENTS_MAX)

/* One round of waiting. Entries that are not asked for have the descriptor -1. */
struct round {
	struct pollfd signals;
	struct pollfd listener;
	struct pollfd output[2];
	struct pollfd input;
	struct pollfd journal;
	struct pollfd leases[LEASES_MAX];
	struct pollfd clients[CLIENTS_MAX];
};

_Static_assert(sizeof(struct round) == POLLS_MAX * sizeof(struct pollfd), "polled as one array");

static void prepare(const struct supervisor *supervisor, struct round *round)
{
	const struct clients *clients = &supervisor->clients;
	const struct streams *streams = &supervisor->streams;
	bool owe_log = streams_owe_log(streams);
	bool may_read = !owe_log && !clients_owe_chunk(clients);

	round->signals = (struct pollfd){ supervisor->signals, POLLIN, 0 };
	round->listener = (struct pollfd){ clients->listener, POLLIN, 0 };
	if (!clients_have_room(clients))
		round->listener.fd = -1;
	for (int i = 0; i < 2; i++)
		round->output[i] = (struct pollfd){ may_read ? streams->output[i] : -1, POLLIN, 0 };
	round->input =
		(struct pollfd){ streams_input_is_free(streams) ? -1 : streams->input, POLLOUT, 0 };
	round->journal = (struct pollfd){ owe_log ? streams->journal.fd : -1, POLLOUT, 0 };
	for (size_t i = 0; i < LEASES_MAX; i++)
		round->leases[i] =
			(struct pollfd){ lease_fd(&supervisor->leases.items[i]), POLLIN, 0 };
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		const struct client *client = &clients->slots[i];
		short events = client_is_owed(client) ? POLLIN | POLLOUT : POLLIN;

		round->clients[i] = (struct pollfd){ client->fd, events, 0 };
	}
}

/* Polls those of @polls that have a descriptor. The kernel refuses an array that is longer than the
 * limit of open files, which the creator chose, and then this would turn without end. */
static int poll_used(struct pollfd *polls, size_t count, int timeout_ms)
{
	struct pollfd used[POLLS_MAX];
	nfds_t n_used = 0;
	int r;

	for (size_t i = 0; i < count; i++)
		if (polls[i].fd >= 0)
			used[n_used++] = polls[i];
	r = poll(used, n_used, timeout_ms);
	while (r > 0 && count-- > 0)
		if (polls[count].fd >= 0)
			polls[count].revents = used[--n_used].revents;
	return r;
}

static void reap(struct supervisor *supervisor)
{
	struct runtime_container *container = &supervisor->container;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == container->keeper) {
			supervisor->record.exit_code = process_exit_code(status);
			supervisor->ended = true;
		} else {
			request_exec_ended(supervisor, pid, status);
		}
	}
}

/* Ends the container's first process; the keeper follows. */
static void kill_container(struct supervisor *supervisor)
{
	struct runtime_container *container = &supervisor->container;
	struct lxcri_error ignored = {}; /* the kill below is what counts */

	if (supervisor->record.phase == MONITOR_PAUSED)
		(void)container->ops->resume(container, &ignored);
	(void)kill(container->init == container->keeper ? container->init : container->keeper,
		   SIGKILL);
	if (container->init != container->keeper)
		(void)process_signal(container->init, supervisor->record.pid_start_time, SIGKILL);
}

static void take_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(supervisor);
		else if (!supervisor->ended)
			kill_container(supervisor);
	}
}

static void accept_client(struct clients *clients)
{
	int fd = socket_accept(clients->listener);

	if (fd >= 0)
		(void)clients_add_consume(clients, fd);
}

/* Reads one message of @client. Whoever speaks another language is not one of ours. */
static void serve(struct supervisor *supervisor, struct client *client)
{
	static struct {
		struct wire_header header;
		char body[WIRE_DATA_MAX];
	} message;
	int fds[SOCKET_FDS_MAX];
	size_t n_fds = 0;
	ssize_t got =
		socket_receive(client->fd, &message, sizeof(message), fds, &n_fds, MSG_DONTWAIT);

	/* Short of memory it is still there for the next turn. */
	if (got == -EAGAIN || got == -ENOMEM || got == -ENOBUFS)
		return;
	if (got < (ssize_t)sizeof(message.header) ||
	    message.header.size != (size_t)got - sizeof(message.header))
		client_close(client);
	else
		request_handle(supervisor, client, &message.header, message.body, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++)
		(void)close(fds[i]);
}

static void serve_clients(struct supervisor *supervisor, const struct round *round)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &supervisor->clients.slots[i];
		short events = round->clients[i].revents;

		if (client->fd < 0 || client->fd != round->clients[i].fd)
			continue;
		if (events & POLLOUT)
			client_pay(client, &supervisor->streams.chunk, NULL);
		if (client->fd >= 0 && (events & (POLLIN | POLLHUP | POLLERR)))
			serve(supervisor, client);
	}
}

static void write_input(struct supervisor *supervisor)
{
	struct clients *clients = &supervisor->clients;

	streams_flush_input(&supervisor->streams);
	if (!streams_input_is_free(&supervisor->streams))
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (clients->slots[i].wants_stdin) {
			clients->slots[i].owed_taken = true;
			client_pay(&clients->slots[i], &supervisor->streams.chunk, NULL);
		}
}

/* Carries one chunk, if an output has one. */
static bool pump(struct supervisor *supervisor, int which)
{
	if (supervisor->streams.output[which] < 0 || streams_owe_log(&supervisor->streams) ||
	    clients_owe_chunk(&supervisor->clients))
		return false;
	if (!streams_read(&supervisor->streams, which))
		return false;
	clients_send_chunk(&supervisor->clients, &supervisor->streams.chunk);
	return true;
}

static void turn(struct supervisor *supervisor)
{
	struct round round;

	prepare(supervisor, &round);
	if (poll_used((struct pollfd *)&round, POLLS_MAX, leases_due_ms(&supervisor->leases)) < 0)
		return;
	if (round.signals.revents)
		take_signals(supervisor);
	for (int i = 0; i < 2; i++)
		if (round.output[i].revents)
			(void)pump(supervisor, i);
	if (round.input.revents)
		write_input(supervisor);
	if (round.journal.revents)
		streams_pay_log(&supervisor->streams);
	leases_turn(&supervisor->leases, supervisor->run_dirfd);
	serve_clients(supervisor, &round);
	if (round.listener.revents)
		accept_client(&supervisor->clients);
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until a client takes something. Those that still have not by @deadline are closed. */
static void wait_for_clients(struct supervisor *supervisor, const struct wire_exited *exited,
			     int64_t deadline)
{
	struct clients *clients = &supervisor->clients;
	struct pollfd polls[CLIENTS_MAX];
	int64_t left = deadline - now_ms();

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &clients->slots[i];

		if (client_is_owed(client) && left <= 0)
			client_close(client);
		polls[i] = (struct pollfd){ client_is_owed(client) ? client->fd : -1, POLLOUT, 0 };
	}
	if (left <= 0 || poll_used(polls, CLIENTS_MAX, (int)left) <= 0)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (polls[i].revents)
			client_pay(&clients->slots[i], &supervisor->streams.chunk, exited);
}

/* Waits until the journal has the chunk. */
static void wait_for_log(struct streams *streams, int64_t deadline)
{
	int64_t left;

	while (streams_owe_log(streams) && (left = deadline - now_ms()) > 0) {
		struct pollfd poller = { streams->journal.fd, POLLOUT, 0 };

		if (poll(&poller, 1, (int)left) > 0)
			streams_pay_log(streams);
	}
}

/* Reads both outputs until they end or nothing is in them: nobody of the container is left to
 * write, but who else holds a pipe may keep it open, or write, for ever. */
static void drain(struct supervisor *supervisor, int64_t deadline)
{
	bool more = true;

	while (more && now_ms() < deadline) {
		more = false;
		for (int i = 0; i < 2; i++) {
			wait_for_log(&supervisor->streams, deadline);
			while (clients_owe_chunk(&supervisor->clients))
				wait_for_clients(supervisor, NULL, deadline);
			more = pump(supervisor, i) || more;
		}
	}
	wait_for_log(&supervisor->streams, deadline);
	while (clients_owe_chunk(&supervisor->clients))
		wait_for_clients(supervisor, NULL, deadline);
}

static bool owe_anything(const struct clients *clients)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (client_is_owed(&clients->slots[i]))
			return true;
	return false;
}

static void tell_everyone(struct supervisor *supervisor, int64_t deadline)
{
	struct clients *clients = &supervisor->clients;
	const struct wire_exited exited = { .exit_code = supervisor->record.exit_code,
					    .finished_ns = supervisor->record.finished_ns };

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &clients->slots[i];

		if (client->attached || client->waits) {
			client->owed_exited = true;
			client_pay(client, &supervisor->streams.chunk, &exited);
		}
	}
	while (owe_anything(clients))
		wait_for_clients(supervisor, &exited, deadline);
}

/* Gives back the run directory, which may have another monitor from then on, and the mount on the
 * root file system, whose directories may be removed. */
static void release_places(struct supervisor *supervisor)
{
	static const char *const names[] = { WIRE_STATE, WIRE_BUNDLE, WIRE_LOCK };

	if (supervisor->rootfs_mounted)
		(void)umount2(supervisor->arguments.rootfs, MNT_DETACH);
	supervisor->rootfs_mounted = false;
	if (supervisor->clients.listener >= 0)
		(void)unlinkat(supervisor->run_dirfd, WIRE_SOCKET, 0);
	closep(&supervisor->clients.listener);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (supervisor->lock >= 0 && !supervisor->committed)
			(void)unlinkat(supervisor->run_dirfd, names[i], 0);
	closep(&supervisor->state_lock);
	closep(&supervisor->lock);
}

/* What cannot be removed or written is for the next command to find: there is no one to tell. */
static void conclude(struct supervisor *supervisor)
{
	struct runtime_container *container = &supervisor->container;
	struct record *record = &supervisor->record;
	const struct cgroup_host host = cgroup_host_get();
	int64_t deadline = now_ms() + PATIENCE_MS;
	struct lxcri_error ignored = {};

	record->finished_ns = moment_now();
	leases_end(&supervisor->leases);
	/* The count goes with the cgroup. */
	record->oom_kills = cgroup_oom_kills(&host, &record->cgroups);
	if (container->ops->remove(container, &ignored) == 0)
		strings_finish(&record->cgroups);
	supervisor->created = false;
	reap(supervisor);
	drain(supervisor, deadline);
	/* Whoever hears of the end may remove the log, to have its room at once. */
	streams_finish(&supervisor->streams);
	if (record->oom_kills > 0)
		event_tell_number(supervisor, "oom", "kills", (int64_t)record->oom_kills);
	event_tell_number(supervisor, "die", "exitCode", record->exit_code);
	record->phase = MONITOR_STOPPED;
	record->pid = record->keeper = 0;
	record->pid_start_time = record->keeper_start_time = 0;
	(void)record_write(record, supervisor->run_dirfd, supervisor->exit_dirfd,
			   &supervisor->state_lock, &ignored);
	release_places(supervisor);
	tell_everyone(supervisor, deadline);
	supervisor->concluded = supervisor->committed;
}

void supervisor_run(struct supervisor *supervisor)
{
	/* Looked at before the first turn too: the creator may have gone while we created. */
	while (!supervisor->ended && !supervisor->abandoned) {
		supervisor->abandoned =
			!supervisor->committed && !clients_have_creator(&supervisor->clients);
		if (!supervisor->abandoned)
			turn(supervisor);
	}
	if (supervisor->ended)
		conclude(supervisor);
}

void supervisor_finish(struct supervisor *supervisor)
{
	struct runtime_container *container = &supervisor->container;
	struct lxcri_error ignored = {};

	if (supervisor->created) {
		kill_container(supervisor);
		(void)process_wait(container->keeper);
		(void)container->ops->remove(container, &ignored);
		supervisor->created = false;
	}
	leases_end(&supervisor->leases);
	release_places(supervisor);
	streams_finish(&supervisor->streams);
	record_finish(&supervisor->record);
	freep(&supervisor->console_path);
	strings_finish(&supervisor->arguments.lowers);
	strings_finish(&supervisor->arguments.scope_properties);
	closep(&supervisor->signals);
	closep(&supervisor->exit_dirfd);
	closep(&supervisor->run_dirfd);
}
