/* SPDX-License-Identifier: MIT */
/* What a client asks for. */

#include "monitor/event.h"

#include "base/mem.h"
#include "base/moment.h"
#include "base/scope.h"
#include "os/process.h"
#include "os/terminal.h"

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>

/* One message, as a handler gets it. */
struct request {
	struct supervisor *supervisor;
	struct client *client;
	const char *body;
	size_t size;
	const int *fds;
	size_t n_fds;
};

static int change_phase(struct supervisor *supervisor, enum monitor_phase phase,
			struct lxcri_error *err)
{
	supervisor->record.phase = phase;
	return record_write(&supervisor->record, supervisor->run_dirfd, -1, &supervisor->state_lock,
			    err);
}

static int require_alive(const struct supervisor *supervisor, struct lxcri_error *err)
{
	if (supervisor->ended)
		return fail(err, LXCRI_E_INVALID_STATE, "container %s has stopped",
			    supervisor->arguments.id);
	return 0;
}

static int handle_commit(const struct request *request, struct lxcri_error *err)
{
	request->supervisor->committed = true;
	return 0;
}

static int handle_start(const struct request *request, struct lxcri_error *err)
{
	struct supervisor *supervisor = request->supervisor;
	struct runtime_container *container = &supervisor->container;

	if (require_alive(supervisor, err) < 0)
		return -1;
	if (supervisor->record.phase != MONITOR_CREATED)
		return fail(err, LXCRI_E_INVALID_STATE, "container %s has been started already",
			    container->id);
	/* Recorded first: a program that runs cannot be called back when the record fails. */
	supervisor->record.started_ns = moment_now();
	if (change_phase(supervisor, MONITOR_RUNNING, err) == 0 &&
	    container->ops->start(container, err) == 0) {
		event_tell(supervisor, "start", NULL, NULL);
		return 0;
	}

	struct lxcri_error ignored = {};

	supervisor->record.started_ns = 0;
	(void)change_phase(supervisor, MONITOR_CREATED, &ignored);
	return fail_as(err, LXCRI_E_CONTAINER_START_FAILED, "start container %s", container->id);
}

/* A frozen process may not die before it is thawed. What was killed may have thawed or died by
 * itself by now, which makes a failure here no news: whoever waits for the end sees whether it
 * comes. */
static void thaw_to_die(struct supervisor *supervisor)
{
	struct lxcri_error ignored = {};

	if (supervisor->record.phase == MONITOR_PAUSED)
		(void)supervisor->container.ops->resume(&supervisor->container, &ignored);
}

static int send_signal(const struct supervisor *supervisor, int signal)
{
	const struct record *record = &supervisor->record;

	return process_signal(record->pid, record->pid_start_time, signal);
}

/* Signals all processes. Where somebody has removed the cgroup by which they are found, that
 * reaches nobody; but those that are to die do so with the first one. */
static int send_to_all(struct supervisor *supervisor, int signal, struct lxcri_error *err)
{
	struct runtime_container *container = &supervisor->container;

	int r = container->ops->kill_all(container, signal, err);
	bool hit_first = signal == SIGKILL && send_signal(supervisor, SIGKILL) == 0;

	if (r < 0 && !hit_first)
		return fail_as(err, LXCRI_E_CONTAINER_KILL_FAILED, "signal container %s",
			       container->id);
	*err = (struct lxcri_error){};
	return 0;
}

static int handle_kill(const struct request *request, struct lxcri_error *err)
{
	struct supervisor *supervisor = request->supervisor;
	struct runtime_container *container = &supervisor->container;
	struct wire_kill kill;

	if (request->size != sizeof(kill))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "malformed request");
	memcpy(&kill, request->body, sizeof(kill));
	if (kill.signal < 1 || kill.signal > 64)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "%d is no signal", (int)kill.signal);
	if (require_alive(supervisor, err) < 0)
		return -1;
	request->client->kills = true;
	if (kill.all) {
		if (send_to_all(supervisor, kill.signal, err) < 0)
			return -1;
	} else {
		int r = send_signal(supervisor, kill.signal);

		if (r == -ESRCH)
			return fail(err, LXCRI_E_INVALID_STATE, "container %s has stopped",
				    container->id);
		if (r < 0)
			return fail_code_errno(err, LXCRI_E_CONTAINER_KILL_FAILED, r,
					       "signal container %s", container->id);
	}
	if (kill.signal == SIGKILL)
		thaw_to_die(supervisor);
	event_tell_number(supervisor, "kill", "signal", kill.signal);
	return 0;
}

static int handle_pause(const struct request *request, struct lxcri_error *err)
{
	struct supervisor *supervisor = request->supervisor;
	struct runtime_container *container = &supervisor->container;

	if (require_alive(supervisor, err) < 0)
		return -1;
	if (supervisor->record.phase == MONITOR_PAUSED)
		return fail(err, LXCRI_E_ALREADY_PAUSED, "container %s is paused already",
			    container->id);
	if (supervisor->record.phase != MONITOR_RUNNING)
		return fail(err, LXCRI_E_INVALID_STATE, "container %s is not running",
			    container->id);
	if (container->ops->pause(container, err) < 0)
		return fail_while(err, "pause container %s", container->id);
	if (change_phase(supervisor, MONITOR_PAUSED, err) == 0) {
		event_tell(supervisor, "pause", NULL, NULL);
		return 0;
	}

	/* Unrecorded, nobody would thaw it. */
	struct lxcri_error ignored = {};

	if (container->ops->resume(container, &ignored) == 0)
		supervisor->record.phase = MONITOR_RUNNING;
	return fail_while(err, "pause container %s", container->id);
}

static int handle_resume(const struct request *request, struct lxcri_error *err)
{
	struct supervisor *supervisor = request->supervisor;
	struct runtime_container *container = &supervisor->container;

	if (require_alive(supervisor, err) < 0)
		return -1;
	if (supervisor->record.phase != MONITOR_PAUSED)
		return fail(err, LXCRI_E_NOT_PAUSED, "container %s is not paused", container->id);
	if (container->ops->resume(container, err) < 0)
		return fail_while(err, "resume container %s", container->id);
	if (change_phase(supervisor, MONITOR_RUNNING, err) < 0)
		return -1;
	event_tell(supervisor, "resume", NULL, NULL);
	return 0;
}

/* Refuses who would take one of the last free connections for long. */
static int let_stay(const struct request *request, struct lxcri_error *err)
{
	const struct supervisor *supervisor = request->supervisor;

	if (clients_let_stay(&supervisor->clients, request->client))
		return 0;
	return fail(err, LXCRI_E_LIMIT_EXCEEDED,
		    "container %s has %d connections that wait or are attached already",
		    supervisor->arguments.id, CLIENTS_STAYING_MAX);
}

static int handle_wait(const struct request *request, struct lxcri_error *err)
{
	if (let_stay(request, err) < 0)
		return -1;
	request->client->waits = true;
	return 0;
}

static int handle_attach(const struct request *request, struct lxcri_error *err)
{
	struct clients *clients = &request->supervisor->clients;
	struct wire_attach attach;

	if (request->size != sizeof(attach))
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "malformed request");
	memcpy(&attach, request->body, sizeof(attach));
	for (size_t i = 0; attach.want_stdin && i < CLIENTS_MAX; i++)
		if (clients->slots[i].wants_stdin)
			return fail(err, LXCRI_E_INVALID_STATE,
				    "the standard input of container %s is taken",
				    request->supervisor->arguments.id);
	if (let_stay(request, err) < 0)
		return -1;
	request->client->attached = true;
	request->client->wants_stdin = attach.want_stdin != 0;
	return attach.start ? handle_start(request, err) : 0;
}

/* A client that sends input which it was not allowed to is not one of ours. */
static int handle_stdin(const struct request *request, struct lxcri_error *err)
{
	struct streams *streams = &request->supervisor->streams;
	struct client *client = request->client;

	if (!client->wants_stdin || client->owed_taken || !streams_input_is_free(streams))
		return fail(err, LXCRI_E_INVALID_STATE, "unexpected input");
	streams_input(streams, request->body, request->size);
	client->owed_taken = streams_input_is_free(streams);
	client_pay(client, &streams->chunk, NULL);
	return 0;
}

static int handle_stdin_close(const struct request *request, struct lxcri_error *err)
{
	if (request->client->wants_stdin)
		streams_end_input(&request->supervisor->streams);
	return 0;
}

static int handle_resize(const struct request *request, struct lxcri_error *err)
{
	const struct streams *streams = &request->supervisor->streams;
	struct wire_resize resize;

	if (request->size != sizeof(resize) || !streams->terminal || streams->output[0] < 0)
		return 0;
	memcpy(&resize, request->body, sizeof(resize));
	/* A terminal that has just been closed needs no size. */
	(void)terminal_set_size(streams->output[0], resize.rows, resize.columns);
	return 0;
}

/* The answer comes with the lease. */
static int handle_lease(const struct request *request, struct lxcri_error *err)
{
	struct supervisor *supervisor = request->supervisor;
	struct wire_lease_texts texts;
	struct wire_lease wish;

	if (wire_parse_lease(request->body, request->size, &wish, &texts) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "malformed request");
	if (require_alive(supervisor, err) < 0)
		return -1;
	return leases_begin(&supervisor->leases, supervisor->record.pid, &wish, &texts,
			    request->client, err);
}

static int handle_lease_end(const struct request *request, struct lxcri_error *err)
{
	struct supervisor *supervisor = request->supervisor;

	if (request->size == 0 || request->size > IFNAMSIZ ||
	    memchr(request->body, '\0', request->size) != request->body + request->size - 1)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "malformed request");
	leases_end_one(&supervisor->leases, request->body, supervisor->run_dirfd);
	return 0;
}

static struct exec_slot *find_exec(struct supervisor *supervisor, pid_t pid)
{
	for (size_t i = 0; i < EXECS_MAX; i++)
		if (supervisor->execs[i].pid == pid)
			return &supervisor->execs[i];
	return NULL;
}

static int run_exec(const struct request *request, struct exec_slot *slot, struct lxcri_error *err)
{
	struct supervisor *supervisor = request->supervisor;
	struct runtime_container *container = &supervisor->container;
	struct runtime_exec exec = {};
	struct wire_exec wire;
	const char *name;
	const char *console;

	if (request->n_fds != 3 ||
	    wire_parse_exec(request->body, request->size, &wire, &name, &console) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "malformed request");
	if (!wire.detach && let_stay(request, err) < 0)
		return -1;

	autofree char *path = xformat("%s/%s", supervisor->arguments.run_dir, name);

	exec.process_path = path;
	exec.console_socket = *console ? console : NULL;
	exec.detach = wire.detach != 0;
	memcpy(exec.stdio, request->fds, sizeof(exec.stdio));

	pid_t pid = container->ops->exec(container, &exec, err);

	if (pid < 0 && (err->code == LXCRI_E_SYSTEM || err->code == LXCRI_E_EXEC_FAILED) &&
	    process_is_ending(container->init))
		return fail(err, LXCRI_E_INVALID_STATE, "container %s has stopped", container->id);
	if (pid < 0)
		return fail_as(err, LXCRI_E_EXEC_FAILED, "run a process in container %s",
			       container->id);
	slot->pid = pid;
	slot->client = wire.detach ? NULL : request->client;
	slot->serial = request->client->serial;

	struct wire_created started = { .pid = (int32_t)pid };

	client_send(request->client, WIRE_EXEC_STARTED, &started, sizeof(started));
	event_tell_number(supervisor, "exec", "pid", pid);
	return 0;
}

static int handle_exec(const struct request *request, struct lxcri_error *err)
{
	struct supervisor *supervisor = request->supervisor;
	struct exec_slot *slot = find_exec(supervisor, 0);

	if (require_alive(supervisor, err) < 0)
		return -1;
	if (supervisor->record.phase != MONITOR_RUNNING)
		return fail(err, LXCRI_E_INVALID_STATE, "container %s is not running",
			    supervisor->arguments.id);
	if (!slot)
		return fail(err, LXCRI_E_LIMIT_EXCEEDED,
			    "container %s has %d further processes already",
			    supervisor->arguments.id, EXECS_MAX);
	return run_exec(request, slot, err);
}

void request_exec_ended(struct supervisor *supervisor, pid_t pid, int wait_status)
{
	struct exec_slot *slot = pid > 0 ? find_exec(supervisor, pid) : NULL;
	struct wire_exited exited = { .exit_code = process_exit_code(wait_status),
				      .finished_ns = moment_now() };

	if (!slot)
		return;
	if (slot->client && slot->client->serial == slot->serial)
		client_send(slot->client, WIRE_EXEC_EXITED, &exited, sizeof(exited));
	*slot = (struct exec_slot){};
}

/* How a request ends when it succeeds; every failure is answered by WIRE_ERROR. */
enum answer {
	ANSWER_OK,
	ANSWER_OWN, /* by the handler, or later, or none */
};

static const struct handler {
	int (*handle)(const struct request *request, struct lxcri_error *err);
	enum answer answer;
	bool has_body;
} handlers[] = {
	[WIRE_COMMIT] = { handle_commit, ANSWER_OK },
	[WIRE_START] = { handle_start, ANSWER_OK },
	[WIRE_KILL] = { handle_kill, ANSWER_OK, .has_body = true },
	[WIRE_PAUSE] = { handle_pause, ANSWER_OK },
	[WIRE_RESUME] = { handle_resume, ANSWER_OK },
	[WIRE_WAIT] = { handle_wait, ANSWER_OWN },
	[WIRE_ATTACH] = { handle_attach, ANSWER_OK, .has_body = true },
	[WIRE_STDIN] = { handle_stdin, ANSWER_OWN, .has_body = true },
	[WIRE_STDIN_CLOSE] = { handle_stdin_close, ANSWER_OWN },
	[WIRE_RESIZE] = { handle_resize, ANSWER_OWN, .has_body = true },
	[WIRE_EXEC] = { handle_exec, ANSWER_OWN, .has_body = true },
	[WIRE_LEASE] = { handle_lease, ANSWER_OWN, .has_body = true },
	[WIRE_LEASE_END] = { handle_lease_end, ANSWER_OK, .has_body = true },
};

void request_handle(struct supervisor *supervisor, struct client *client,
		    const struct wire_header *header, const char *body, const int *fds,
		    size_t n_fds)
{
	const struct request request = { .supervisor = supervisor,
					 .client = client,
					 .body = body,
					 .size = header->size,
					 .fds = fds,
					 .n_fds = n_fds };
	struct lxcri_error err = {};

	if (header->version > wire_version || header->type >= ARRAY_LEN(handlers) ||
	    !handlers[header->type].handle) {
		(void)fail(&err, LXCRI_E_UNSUPPORTED_OPERATION,
			   "container %s was started by an earlier version of this program, whose "
			   "monitor does not know how to do that (request %u of version %u, it "
			   "knows %u); stop the container and start it again",
			   supervisor->arguments.id, (unsigned int)header->type,
			   (unsigned int)header->version, (unsigned int)wire_version);
		client_send_error(client, &err);
		return;
	}

	const struct handler *handler = &handlers[header->type];

	if (request.size > 0 && !handler->has_body) {
		(void)fail(&err, LXCRI_E_INVALID_ARGUMENT, "malformed request");
		client_send_error(client, &err);
		return;
	}
	if (handler->handle(&request, &err) < 0)
		client_send_error(client, &err);
	else if (handler->answer == ANSWER_OK)
		client_send(client, WIRE_OK, NULL, 0);
}
