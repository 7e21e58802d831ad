/* SPDX-License-Identifier: MIT */
/* lxcri-scope: what we ask of systemd, in a program of its own, for libsystemd would cost every
 * other one its time to load.
 *
 *     lxcri-scope start SCOPE SLICE PID [NAME=VALUE]...   puts a process into a new scope
 *     lxcri-scope set SCOPE [NAME=VALUE]...               changes its properties
 *
 * It speaks to systemd itself where it can, as systemctl does, and needs no message bus then. What
 * goes wrong is one line on standard output, and the exit code 1. */

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define PRIVATE_SOCKET "unix:path=/run/systemd/private"
#define SERVICE        "org.freedesktop.systemd1"
#define MANAGER        "/org/freedesktop/systemd1", SERVICE ".Manager"

/* A scope of the same name goes in its own time once it is empty. */
#define EXISTS_TRIES   100
#define EXISTS_STEP_MS 20

#define JOB_TIMEOUT_US (UINT64_C(30) * 1000000)

static void bus_freep(sd_bus **bus)
{
	sd_bus_flush_close_unref(*bus);
}

static void message_freep(sd_bus_message **message)
{
	sd_bus_message_unref(*message);
}

#define autobus     autorun(bus_freep) sd_bus *
#define automessage autorun(message_freep) sd_bus_message *
#define autobuserr  autorun(sd_bus_error_free) sd_bus_error

static int explain(int r, const sd_bus_error *error, const char *doing)
{
	(void)printf("%s: %s\n", doing, error && error->message ? error->message : strerror(-r));
	return 1;
}

static int connect_to_systemd(sd_bus **ret)
{
	sd_bus *bus = NULL;
	int r = sd_bus_new(&bus);

	if (r >= 0)
		r = sd_bus_set_address(bus, PRIVATE_SOCKET);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0) {
		sd_bus_unref(bus);
		bus = NULL;
		r = sd_bus_open_system(&bus);
	}
	*ret = bus;
	return r;
}

/* Appends "NAME=NUMBER". */
static int append_property(sd_bus_message *message, const char *text)
{
	const char *equals = strchr(text, '=');
	autofree char *name = xstrndup(text, equals ? (size_t)(equals - text) : 0);
	uint64_t value;

	if (!*name || text_parse_u64(equals + 1, 0, UINT64_MAX, &value) < 0)
		return -EINVAL;
	return sd_bus_message_append(message, "(sv)", name, "t", value);
}

static int append_properties(sd_bus_message *message, char **texts)
{
	int r = 0;

	for (; *texts && r >= 0; texts++)
		r = append_property(message, *texts);
	return r;
}

/* Waits until systemd says that @job is over. */
static int await_job(sd_bus *bus, const char *job)
{
	for (;;) {
		automessage message = NULL;
		const char *path;
		const char *unit;
		const char *result;
		uint32_t id;
		int r = sd_bus_process(bus, &message);

		if (r < 0)
			return r;
		if (r == 0) {
			r = sd_bus_wait(bus, JOB_TIMEOUT_US);
			if (r <= 0)
				return r < 0 ? r : -ETIMEDOUT;
			continue;
		}
		if (!message ||
		    sd_bus_message_is_signal(message, SERVICE ".Manager", "JobRemoved") <= 0 ||
		    sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0 ||
		    strcmp(path, job) != 0)
			continue;
		return strcmp(result, "done") == 0 ? 0 : -ECANCELED;
	}
}

static int fill_start(sd_bus_message *message, char **argv)
{
	uint64_t pid;
	int r = text_parse_u64(argv[2], 1, INT32_MAX, &pid);

	if (r >= 0)
		r = sd_bus_message_append(message, "ss", argv[0], "fail");
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'a', "(sv)");
	/* Delegated: what is below the scope is ours alone, and systemd does not touch it. */
	if (r >= 0)
		r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)", "Description", "s",
					  "container of proxmox-lxcri", "Slice", "s", argv[1],
					  "PIDs", "au", 1, (uint32_t)pid, "Delegate", "b", 1,
					  "CollectMode", "s", "inactive-or-failed");
	if (r >= 0)
		r = append_properties(message, argv + 3);
	if (r >= 0)
		r = sd_bus_message_close_container(message);
	return r < 0 ? r : sd_bus_message_append(message, "a(sa(sv))", 0);
}

static int start_once(sd_bus *bus, char **argv, sd_bus_error *error)
{
	automessage request = NULL;
	automessage reply = NULL;
	const char *job;
	int r = sd_bus_message_new_method_call(bus, &request, SERVICE, MANAGER,
					       "StartTransientUnit");

	if (r >= 0)
		r = fill_start(request, argv);
	if (r >= 0)
		r = sd_bus_call(bus, request, JOB_TIMEOUT_US, error, &reply);
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &job);
	return r < 0 ? r : await_job(bus, job);
}

static int start(sd_bus *bus, char **argv)
{
	const struct timespec step = { .tv_nsec = EXISTS_STEP_MS * 1000000L };
	automessage subscribed = NULL;

	/* Over a message bus, signals come to those who ask for them. */
	(void)sd_bus_match_signal(bus, NULL, SERVICE, "/org/freedesktop/systemd1",
				  SERVICE ".Manager", "JobRemoved", NULL, NULL);
	(void)sd_bus_call_method(bus, SERVICE, MANAGER, "Subscribe", NULL, &subscribed, NULL);
	for (int i = 0;; i++) {
		autobuserr error = SD_BUS_ERROR_NULL;
		int r = start_once(bus, argv, &error);

		if (r >= 0)
			return 0;
		if (i == EXISTS_TRIES || !sd_bus_error_has_name(&error, SERVICE ".UnitExists"))
			return explain(r, &error, "start the scope");
		(void)nanosleep(&step, NULL);
	}
}

static int set(sd_bus *bus, char **argv)
{
	autobuserr error = SD_BUS_ERROR_NULL;
	automessage request = NULL;
	int r = sd_bus_message_new_method_call(bus, &request, SERVICE, MANAGER,
					       "SetUnitProperties");

	if (r >= 0)
		r = sd_bus_message_append(request, "sb", argv[0], 1);
	if (r >= 0)
		r = sd_bus_message_open_container(request, 'a', "(sv)");
	if (r >= 0)
		r = append_properties(request, argv + 1);
	if (r >= 0)
		r = sd_bus_message_close_container(request);
	if (r >= 0)
		r = sd_bus_call(bus, request, JOB_TIMEOUT_US, &error, NULL);
	return r < 0 ? explain(r, &error, "change the scope") : 0;
}

int main(int argc, char **argv)
{
	bool starting = argc >= 5 && strcmp(argv[1], "start") == 0;
	autobus bus = NULL;
	int r;

	if (!starting && !(argc >= 3 && strcmp(argv[1], "set") == 0))
		return 2;
	r = connect_to_systemd(&bus);
	if (r < 0)
		return explain(r, NULL, "connect to systemd");
	return starting ? start(bus, argv + 2) : set(bus, argv + 2);
}
