/* SPDX-License-Identifier: MIT */
#pragma once

/* Jobs that are done side by side, each by one of some processes that are as this one is. What they
 * do is on the disk and in the kernel, and known to the others by that alone.
 *
 * They are killed with the process that wants the jobs done. One that has threads starts none, for
 * what a thread has locked stays locked in a copy: it does the jobs itself, one after the other. */

#include "engine/engine.h"

struct crew {
	struct lxcri_engine *engine; /* each process opens its database anew */
	size_t count;

	/* Does the job @job. A result >= 0 is passed on. */
	int (*work)(void *userdata, size_t job, struct lxcri_error *err);

	/* Is told here what came of each, in the order of their numbers; or NULL. Nothing is told
	 * of one that has failed, nor, unless @goes_on, of those behind it. */
	void (*done)(void *userdata, size_t job, int result);
	void *userdata;
	bool goes_on; /* past a failure; else none is begun after that */
};

/* Does all jobs; the database is another one then. Fails as the first one, by its number, of those
 * that have failed; all that were begun have ended by then. */
[[nodiscard]] int crew_run(const struct crew *crew, struct lxcri_error *err);
