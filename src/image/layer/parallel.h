/* SPDX-License-Identifier: MIT */
#pragma once

/* The same work on many things, several at a time. */

#include "base/fail.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct parallel {
	size_t count;             /* of things */
	unsigned int workers;     /* at a time; 0 is one for each CPU */
	unsigned int workers_max; /* never more than this; 0 is as many as this module starts */
	int (*each)(void *userdata, size_t number, struct lxcri_error *err);
	void *userdata;
	atomic_bool *cancelled; /* set with the first failure: whoever works looks at it */
};

/* Calls @each for every number below count and returns once all calls have. The first failure is
 * returned, and nothing is begun after it. This thread works as well, so all goes on, slower, where
 * no other can be started. */
[[nodiscard]] int parallel_run(const struct parallel *parallel, struct lxcri_error *err);
