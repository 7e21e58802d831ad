/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_SERVICE_H
#define LXCRI_SERVICE_H

/* What `proxmox-lxcri serve` does for a container: starts it again, and asks whether it is well. A
 * container that wants any of that has it started where it does not run; none depends on it to go
 * on. */

#include <lxcri/error.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct lxcri_container;

/* What is done with a container that is not well. */
enum lxcri_health_action {
	LXCRI_HEALTH_NONE,    /* it is told */
	LXCRI_HEALTH_KILL,    /* it is killed, and its restart policy holds */
	LXCRI_HEALTH_RESTART, /* it is stopped and started again */
	LXCRI_HEALTH_STOP,    /* it is stopped */
};

/* How a container's health is found out. Zeroed means: as its image says, or not at all. Texts are
 * borrowed for the call. */
struct lxcri_healthcheck {
	bool off;                /* not at all, whatever the image says */
	const char *const *test; /* "CMD", a program and its arguments, or "CMD-SHELL" and a line
				  * for its shell; ended by NULL */
	int64_t interval_ns;     /* between two tests; 30 s */
	int64_t timeout_ns;      /* of a test, which has failed then; 30 s */
	int64_t start_period_ns; /* after the start, in which failures do not count; 0 s */
	unsigned int retries;    /* failures in a row until it is not well; 3 */
	enum lxcri_health_action action;
};

/* How a probe asks. */
enum lxcri_probe_by { LXCRI_PROBE_EXEC, LXCRI_PROBE_TCP, LXCRI_PROBE_HTTP, LXCRI_PROBE_HTTPS };

/* One question that is asked again and again. Zeroed numbers mean: as Kubernetes has them. Texts
 * are borrowed for the call. */
struct lxcri_probe {
	enum lxcri_probe_by by;
	const char *const *command; /* exec: succeeds by ending with 0 */
	const char *address;        /* else: asked from the host; NULL: the container's own */
	unsigned short port;
	const char *path;           /* HTTP: succeeds by a status from 200 to 399; NULL: "/" */
	const char *const *headers; /* HTTP: "NAME: VALUE" */
	unsigned int delay_seconds; /* after the start; 0 */
	unsigned int period_seconds, timeout_seconds; /* 10, 1 */
	unsigned int successes, failures;             /* in a row, until it counts; 1, 3 */
	const unsigned int *grace_seconds; /* of an end because of it; NULL: the container's */
};

/* What is asked instead of a health check. Each may be NULL. */
struct lxcri_probes {
	const struct lxcri_probe *startup;   /* until it has succeeded no other is asked */
	const struct lxcri_probe *liveness;  /* what fails it, or startup, is ended; the restart
					      * policy holds */
	const struct lxcri_probe *readiness; /* whether it is to be talked to */
	unsigned int grace_seconds;          /* of such an end */
};

/* What is done once, at a moment of a container's life: one of the three. Before it is told to end
 * it has the time of the grace. After each start whoever starts the container waits for it; what
 * fails it is ended, and its restart policy holds. Texts are borrowed for the call. */
struct lxcri_hook {
	const char *const *command; /* run in it; fails unless it ends with 0 */
	const struct lxcri_probe
		*get; /* a request by HTTP(S), of which the numbers count for nothing */
	unsigned int sleep_seconds;
	unsigned int
		grace_seconds; /* of the end of a container that fails what follows its start */
};

/* Reads "none", "kill", "restart" or "stop"; LXCRI_E_INVALID_ARGUMENT. */
int lxcri_health_action_parse(const char *text, enum lxcri_health_action *ret_action,
			      struct lxcri_error *err);

/* Stops the container, and starts it again, also one that has stopped already. Fails as
 * lxcri_container_stop() and lxcri_container_start(). */
int lxcri_container_restart(struct lxcri_container *container, unsigned int grace_seconds,
			    struct lxcri_error *err);

/* Stops the container as lxcri_container_stop() does, because the host goes down: its restart
 * policy holds again after the next boot. */
int lxcri_container_shut_down(struct lxcri_container *container, unsigned int grace_seconds,
			      struct lxcri_error *err);

/* Gives a container of an image another restart policy: "no", "on-failure", "on-failure:N",
 * "always" or "unless-stopped". LXCRI_E_INVALID_ARGUMENT; LXCRI_E_INVALID_STATE for one that goes
 * when it ends, LXCRI_E_UNSUPPORTED_OPERATION for one of a bundle. */
int lxcri_container_set_restart(struct lxcri_container *container, const char *policy,
				struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
