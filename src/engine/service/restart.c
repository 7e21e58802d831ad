/* SPDX-License-Identifier: MIT */
/* Restart policies. */

#include "engine/service/restart.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/moment.h"
#include "base/text.h"
#include "engine/ct/ct.h"
#include "engine/event.h"
#include "engine/lifecycle.h"
#include "engine/pod/first.h"
#include "engine/service/demand.h"
#include "engine/service/hook.h"
#include "lxcri/service.h"
#include "os/file.h"

#include <fcntl.h>
#include <string.h>

#define BOOT_ID_BYTES 64

static const char *const kind_names[] = {
	[RESTART_NO] = "no",
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_ALWAYS] = "always",
	[RESTART_UNLESS_STOPPED] = "unless-stopped",
};

int restart_policy_parse(const char *text, struct restart_policy *ret_policy,
			 struct lxcri_error *err)
{
	static const char limited[] = "on-failure:";
	uint64_t max;

	if (!text) {
		*ret_policy = (struct restart_policy){ .kind = RESTART_NO };
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(kind_names); i++) {
		if (strcmp(text, kind_names[i]) != 0)
			continue;
		*ret_policy = (struct restart_policy){ .kind = (enum restart_kind)i };
		return 0;
	}
	if (text_starts_with(text, limited) &&
	    text_parse_u64(text + strlen(limited), 1, 1000000, &max) == 0) {
		*ret_policy = (struct restart_policy){ .kind = RESTART_ON_FAILURE,
						       .max = (unsigned int)max };
		return 0;
	}
	return fail(err, LXCRI_E_INVALID_ARGUMENT,
		    "restart policy \"%.60s\": expected no, on-failure, on-failure:N, always or "
		    "unless-stopped",
		    text);
}

int restart_choose(const struct lxcri_create_options *options, struct record *record,
		   struct lxcri_error *err)
{
	struct restart_policy policy;

	if (restart_policy_parse(options->restart, &policy, err) < 0)
		return -1;
	if (policy.kind == RESTART_NO)
		return 0;
	if (!options->image)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "what is made from a bundle cannot be started again");
	if (options->remove)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "what goes when it ends cannot be started again: a restart policy and "
			    "remove exclude each other");
	record->restart = xstrdup(options->restart);
	return 0;
}

/* Returns the name of this boot, borrowed for ever; "" where the kernel has none. */
static const char *this_boot(void)
{
	static char id[BOOT_ID_BYTES];
	autofree char *text = NULL;
	size_t size;

	if (!*id && file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", BOOT_ID_BYTES - 1, &text,
			      &size) == 0) {
		memcpy(id, text, size);
		id[strcspn(id, "\n")] = '\0';
	}
	return id;
}

/* Returns how long to wait from the end of the last run on. */
static int64_t wait_ns(const struct record *record)
{
	int64_t wait_ms = RESTART_WAIT_MS;

	for (int64_t i = 0; i < record->failures && wait_ms < RESTART_WAIT_MAX_MS; i++)
		wait_ms *= 2;
	return NS_IN_MS * (wait_ms < RESTART_WAIT_MAX_MS ? wait_ms : RESTART_WAIT_MAX_MS);
}

static bool is_good_run(const struct restart_facts *facts)
{
	return facts->started_ns > 0 &&
	       facts->finished_ns - facts->started_ns >= RESTART_GOOD_SECONDS * NS_IN_SECOND;
}

bool restart_decide(const struct record *record, const struct restart_facts *facts,
		    int64_t *ret_wait_ns)
{
	struct restart_policy policy;
	struct lxcri_error ignored;
	const bool is_held = record->stopped_boot != NULL;
	const bool same_boot = is_held && strcmp(record->stopped_boot, facts->boot_id) == 0;

	*ret_wait_ns = 0;
	if (restart_policy_parse(record->restart, &policy, &ignored) < 0 ||
	    policy.kind == RESTART_NO || same_boot)
		return false;
	/* It was up, or as good as, when the host went down. */
	if (is_held)
		return record->wanted || policy.kind == RESTART_ALWAYS;
	if (!record->wanted)
		return false;
	if (policy.kind == RESTART_ON_FAILURE &&
	    (facts->exit_code == 0 ||
	     (policy.max > 0 && record->failures >= policy.max && !is_good_run(facts))))
		return false;
	/* Of another boot, or gone on by hand: no reason to wait. */
	if (facts->finished_ns == 0 && record->attempted_ns == 0)
		return true;

	struct record counted = *record;
	int64_t last = facts->finished_ns > record->attempted_ns ? facts->finished_ns
								 : record->attempted_ns;

	if (is_good_run(facts))
		counted.failures = 0;

	int64_t whole = wait_ns(&counted);
	int64_t left = last + whole - facts->now_ns;

	/* Somebody may have set the clock. */
	*ret_wait_ns = left < 0 ? 0 : left > whole ? whole : left;
	return true;
}

static struct restart_facts facts_of(const struct lxcri_container *container)
{
	return (struct restart_facts){
		.exit_code = container->state.exit_code,
		.started_ns = container->state.started_ns,
		.finished_ns = container->state.finished_ns,
		.now_ns = moment_now(),
		.boot_id = this_boot(),
	};
}

bool restart_is_due(const struct lxcri_container *container, int64_t *ret_wait_ns)
{
	const struct restart_facts facts = facts_of(container);

	return container->status == LXCRI_STATUS_STOPPED &&
	       restart_decide(&container->record, &facts, ret_wait_ns);
}

bool restart_is_awaited(struct lxcri_engine *engine, const char *id)
{
	autoptr(lxcri_container) container = NULL;
	struct lxcri_error ignored = {};
	int64_t wait_ns;

	return lxcri_container_open(engine, id, &container, &ignored) == 0 &&
	       restart_is_due(container, &wait_ns);
}

static int save(struct lxcri_container *container, struct lxcri_error *err)
{
	return home_save_record(container->engine, &container->home, &container->record, err);
}

int restart_note(struct lxcri_container *container, enum restart_note note, struct lxcri_error *err)
{
	struct record *record = &container->record;

	if (!record->restart)
		return 0;
	/* What has stopped before is not held by a shutdown. */
	if (note == RESTART_SHUT_DOWN && container->status == LXCRI_STATUS_STOPPED)
		return 0;
	free(record->stopped_boot);
	record->stopped_boot = note == RESTART_STARTED ? NULL : xstrdup(this_boot());
	if (note == RESTART_STOPPED)
		record->wanted = false;
	if (note == RESTART_STARTED)
		record->wanted = true;
	record->failures = 0;
	record->attempted_ns = 0;
	return save(container, err);
}

static int again_locked(struct lxcri_container *container, struct lxcri_error *err)
{
	struct record *record = &container->record;
	const struct restart_facts facts = facts_of(container);
	int64_t wait;

	if (!restart_is_due(container, &wait) || wait > 0)
		return 0;
	if (ct_is(container)) {
		int held = ct_was_stopped(container, err);

		if (held < 0)
			return -1;
		if (held > 0)
			return restart_note(container, RESTART_STOPPED, err);
	}
	record->failures = is_good_run(&facts) ? 1 : record->failures + 1;
	/* A boot is no failure of its containers. */
	if (record->stopped_boot || facts.finished_ns == 0)
		record->failures = 0;
	record->attempted_ns = facts.now_ns;
	record->wanted = true;
	record->restarts++;
	free(steal(record->stopped_boot));
	/* Before the start, which may take us along: it counts all the same. */
	if (save(container, err) < 0 ||
	    (record->pod_of && first_run_again(container->engine, record->pod_of, err) < 0) ||
	    lifecycle_start_locked(container, err) < 0)
		return -1;
	return 1;
}

int restart_again(struct lxcri_container *container, struct lxcri_error *err)
{
	if (container_lock(container, err) < 0)
		return -1;

	int mark = hook_mark_start(container);
	int r = again_locked(container, err);

	home_unlock(&container->home);
	if (r > 0)
		hook_run_started(container, mark);
	else
		closep(&mark);
	return r < 0 ? fail_as(err, LXCRI_E_CONTAINER_START_FAILED, "start %s again",
			       container->home.id)
		     : r;
}

static int set_locked(struct lxcri_container *container, const char *policy,
		      struct lxcri_error *err)
{
	struct record *record = &container->record;
	const bool is_no = strcmp(policy, kind_names[RESTART_NO]) == 0;

	if (record->remove && !is_no)
		return fail(err, LXCRI_E_INVALID_STATE, "it goes when it ends");
	if (!home_is_persistent(&container->home) && !is_no)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "what was made from a bundle cannot be started again");
	free(record->restart);
	record->restart = is_no ? NULL : xstrdup(policy);
	record->wanted = container->status == LXCRI_STATUS_RUNNING ||
			 container->status == LXCRI_STATUS_PAUSED;
	record->failures = 0;
	if (save(container, err) < 0)
		return -1;
	container_event(container, "update", NULL, NULL);
	return 0;
}

int lxcri_container_set_restart(struct lxcri_container *container, const char *policy,
				struct lxcri_error *err)
{
	struct restart_policy parsed;

	if (restart_policy_parse(policy, &parsed, err) < 0 || container_lock(container, err) < 0)
		return -1;

	int r = set_locked(container, policy, err);

	home_unlock(&container->home);
	if (r == 0)
		demand_service_of(container);
	return r < 0 ? fail_while(err, "change the restart policy of %s", container->home.id) : 0;
}
