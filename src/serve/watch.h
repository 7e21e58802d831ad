/* SPDX-License-Identifier: MIT */
#pragma once

/* Hearing of what commands and monitors do, by the events that they record. */

#include "serve/serve.h"

struct watch;

/* Gets the id of a container to which something has happened, or NULL: something was missed, and
 * everything has to be looked at. */
typedef void (*watch_fn)(void *userdata, const char *id);

/* Something has happened to a pod. */
typedef void (*watch_pod_fn)(void *userdata);

/* Begins to listen: what is recorded from here on is told. The caller owns *@ret_watch. */
[[nodiscard]] int watch_create(const struct serve_part *part, watch_fn tell, watch_pod_fn tell_pod,
			       void *userdata, struct watch **ret_watch, struct lxcri_error *err);

/* Ends it; NULL is fine. */
void watch_free(struct watch *watch);
DEFINE_AUTOPTR(watch)
