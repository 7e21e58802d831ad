/* SPDX-License-Identifier: MIT */
#ifndef LXCRI_EVENT_H
#define LXCRI_EVENT_H

/* What happened on this host: each command and each monitor records it as it happens, in a file of
 * the run-time state that keeps the last megabytes until the next boot. */

#include <lxcri/container.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* One event. Texts belong to the call. */
struct lxcri_event {
	int64_t time_ns;  /* since the epoch */
	const char *type; /* "container", "pod", "image", "volume" */
	const char *name; /* "create", "start", "die", … */
	const char *id;   /* of the container or pod, or the name of the image or volume */
	/* Further names and values by turns, ended by NULL: "exitCode", "0", NULL. */
	const char *const *attributes;
	const char *json; /* all of it, on one line */
};

/* Called for each event, in order. A value < 0 ends the reading. */
typedef int (*lxcri_event_fn)(void *userdata, const struct lxcri_event *event);

struct lxcri_event_options {
	int64_t since_ns; /* 0: all that are kept; with `follow` and no `until_ns` those to come */
	int64_t until_ns; /* 0: no end */
	bool follow;      /* wait for more */
	/* With `follow`: ends when nobody reads this pipe or terminal any more; -1: none. */
	int output_fd;
	/* "type=", "event=", "container=", "pod=", "image=" or "volume=" and a value, ended by
	 * NULL; or NULL. Of those with the same key one must hold, of all keys each. */
	const char *const *filters;
};

/* Calls @each for the events that @options choose. LXCRI_E_INVALID_ARGUMENT for a filter that is
 * none. Returns 0, or what @each returned. */
int lxcri_events(struct lxcri_engine *engine, const struct lxcri_event_options *options,
		 lxcri_event_fn each, void *userdata, struct lxcri_error *err);

/* Returns what @container uses in the form that runc's "events --stats" prints, on one line, owned
 * by the caller (free()). LXCRI_E_INVALID_STATE unless it is created, running or paused. */
int lxcri_container_stats_event(struct lxcri_container *container, char **ret_json,
				struct lxcri_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
