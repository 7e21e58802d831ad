/* SPDX-License-Identifier: MIT */
#pragma once

/* Restart policies: when a container that has stopped is started again. What is to be remembered
 * stands in its record, so that the answer is the same for whoever asks:
 *
 *     wanted        its user has started it, and not stopped it since
 *     stoppedBoot   the boot in which it was stopped by its user or by a shutdown; nobody starts
 *                   it again in that one
 *     failures      runs in a row that were short; each doubles the wait
 *     attempted     when it was started last by policy: a start that fails counts as a run */

#include "engine/container.h"

#define RESTART_WAIT_MS      100   /* after the first end */
#define RESTART_WAIT_MAX_MS  60000 /* however often */
#define RESTART_GOOD_SECONDS 10    /* a run that was that long ends the row */

enum restart_kind { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };

struct restart_policy {
	enum restart_kind kind;
	unsigned int max; /* of attempts in a row on failure; 0: no limit */
};

/* Reads a policy; NULL is "no". LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int restart_policy_parse(const char *text, struct restart_policy *ret_policy,
				       struct lxcri_error *err);

/* Takes the policy of a new container into its record. LXCRI_E_INVALID_ARGUMENT,
 * LXCRI_E_UNSUPPORTED_OPERATION for one of a bundle. */
[[nodiscard]] int restart_choose(const struct lxcri_create_options *options, struct record *record,
				 struct lxcri_error *err);

/* What counts besides the record, of a container that has stopped. */
struct restart_facts {
	int exit_code;
	int64_t started_ns;
	int64_t finished_ns; /* 0: unknown, in another boot */
	int64_t now_ns;
	const char *boot_id;
};

/* Tells whether and when the container is to be started again: *@ret_wait_ns is how long from now.
 */
bool restart_decide(const struct record *record, const struct restart_facts *facts,
		    int64_t *ret_wait_ns);

/* What happens to a container otherwise than by its policy. */
enum restart_note { RESTART_STARTED, RESTART_STOPPED, RESTART_SHUT_DOWN };

/* Notes that the user has started the container, or stopped it, or that the host goes down. Nothing
 * is written where there is no policy. The lock must be held. */
[[nodiscard]] int restart_note(struct lxcri_container *container, enum restart_note note,
			       struct lxcri_error *err);

/* Starts the container by its policy, if that still says so under the lock. Returns 1, or 0 when
 * it does not. */
[[nodiscard]] int restart_again(struct lxcri_container *container, struct lxcri_error *err);

/* Tells when it would be started again; false: it would not. *@ret_wait_ns as above. */
bool restart_is_due(const struct lxcri_container *container, int64_t *ret_wait_ns);

/* Tells whether the container @id has stopped and is to be started again, now or later: it is in
 * use. One that can't be opened is not. */
bool restart_is_awaited(struct lxcri_engine *engine, const char *id);
