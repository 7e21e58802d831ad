/* SPDX-License-Identifier: MIT */
/* How pods are replaced: numbers alone. */

#include "engine/workload/rolling.h"

#include "base/mem.h"
#include "base/scope.h"
#include "base/text.h"

#include <string.h>

#define COUNT_MAX        1000
#define PERCENT_MAX      10000
#define SECONDS_MAX      86400
#define DEFAULT_PERCENT  "25%"
#define DEFAULT_DEADLINE 600

int rolling_count(const char *text, int64_t replicas, enum rolling_rounding rounding, int64_t *ret,
		  struct lxcri_error *err)
{
	bool is_percent = text_ends_with(text, "%");
	autofree char *digits = is_percent ? xstrndup(text, strlen(text) - 1) : xstrdup(text);
	uint64_t number;

	if (text_parse_u64(digits, 0, is_percent ? PERCENT_MAX : COUNT_MAX, &number) < 0)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "\"%.40s\" is no number from 0 to %d, and no percentage", text,
			    COUNT_MAX);
	if (!is_percent) {
		*ret = (int64_t)number;
		return 0;
	}
	*ret = (int64_t)number * replicas;
	*ret = (*ret + (rounding == ROLLING_UP ? 99 : 0)) / 100;
	return 0;
}

static int read_numbers(const struct object_set *set, struct rolling *ret, struct lxcri_error *err)
{
	const struct object_rolling *given = set->strategy ? set->strategy->rolling : NULL;
	const char *surge = given && given->max_surge ? given->max_surge : DEFAULT_PERCENT;
	const char *unavailable =
		given && given->max_unavailable ? given->max_unavailable : DEFAULT_PERCENT;

	if (rolling_count(surge, set->replicas, ROLLING_UP, &ret->surge, err) < 0)
		return fail_while(err, "strategy.rollingUpdate.maxSurge");
	if (rolling_count(unavailable, set->replicas, ROLLING_DOWN, &ret->unavailable, err) < 0)
		return fail_while(err, "strategy.rollingUpdate.maxUnavailable");
	if (ret->unavailable > set->replicas)
		ret->unavailable = set->replicas;
	if (ret->surge > 0 || ret->unavailable > 0)
		return 0;
	/* A percentage may have become 0; who says so of both asks for what cannot be. */
	if (strcmp(surge, "0") == 0 && strcmp(unavailable, "0") == 0 && set->replicas > 0)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "strategy.rollingUpdate: maxSurge and maxUnavailable cannot both be 0");
	ret->unavailable = 1;
	return 0;
}

/* Reads one of two words; NULL is the first. */
static int read_word(const char *field, const char *text, const char *const words[static 2],
		     bool *ret, struct lxcri_error *err)
{
	*ret = text && strcmp(text, words[1]) == 0;
	if (!text || *ret || strcmp(text, words[0]) == 0)
		return 0;
	return fail(err, LXCRI_E_INVALID_MANIFEST, "%s: \"%.40s\": expected %s or %s", field, text,
		    words[0], words[1]);
}

static int read_set(const struct object_set *set, struct rolling *ret, struct lxcri_error *err)
{
	static const char *const orders[] = { "OrderedReady", "Parallel" };
	static const char *const ends[] = { "Retain", "Delete" };
	static const struct object_retention usual;
	const struct object_retention *retention = set->retention ? set->retention : &usual;

	if (set->strategy && set->strategy->rolling)
		ret->partition = set->strategy->rolling->partition;
	if (ret->partition < 0 || ret->partition > COUNT_MAX)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "updateStrategy.rollingUpdate.partition: expected 0 to %d", COUNT_MAX);
	if (read_word("podManagementPolicy", set->management, orders, &ret->parallel, err) < 0 ||
	    read_word("persistentVolumeClaimRetentionPolicy.whenDeleted", retention->when_deleted,
		      ends, &ret->drops_when_deleted, err) < 0)
		return -1;
	return read_word("persistentVolumeClaimRetentionPolicy.whenScaled", retention->when_scaled,
			 ends, &ret->drops_when_scaled, err);
}

int rolling_read(const struct object_set *set, enum object_kind kind, struct rolling *ret,
		 struct lxcri_error *err)
{
	const char *type =
		set->strategy && set->strategy->type ? set->strategy->type : "RollingUpdate";
	bool is_set = kind == OBJECT_STATEFUL_SET;

	*ret = (struct rolling){ .recreate = strcmp(type, "Recreate") == 0,
				 .min_ready_seconds = set->min_ready_seconds,
				 .deadline_seconds = set->deadline_seconds > 0
							     ? set->deadline_seconds
							     : DEFAULT_DEADLINE };
	ret->on_delete = is_set && strcmp(type, "OnDelete") == 0;
	if (strcmp(type, "RollingUpdate") != 0 && (is_set ? !ret->on_delete : !ret->recreate))
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "%s.type: \"%.40s\": expected RollingUpdate or %s",
			    is_set ? "updateStrategy" : "strategy", type,
			    is_set ? "OnDelete" : "Recreate");
	if (set->min_ready_seconds < 0 || set->min_ready_seconds > SECONDS_MAX ||
	    set->deadline_seconds < 0 || set->deadline_seconds > SECONDS_MAX ||
	    set->min_ready_seconds >= ret->deadline_seconds)
		return fail(
			err, LXCRI_E_INVALID_MANIFEST,
			"minReadySeconds %jd, progressDeadlineSeconds %jd: expected 0 to %d, the "
			"first below the second",
			(intmax_t)set->min_ready_seconds, (intmax_t)ret->deadline_seconds,
			SECONDS_MAX);
	if ((ret->recreate || ret->on_delete) && set->strategy->rolling)
		return fail(err, LXCRI_E_INVALID_MANIFEST, "rollingUpdate: does not go with %s",
			    type);
	return is_set ? read_set(set, ret, err) : read_numbers(set, ret, err);
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t positive(int64_t value)
{
	return value > 0 ? value : 0;
}

struct rolling_step rolling_next(const struct rolling *rolling, const struct rolling_pods *pods)
{
	struct rolling_step step = {};
	const int64_t total = pods->fresh + pods->former;
	const int64_t least = pods->wanted - rolling->unavailable;
	const int64_t available = pods->fresh_available + pods->former_available;

	if (rolling->recreate) {
		step.remove_available = pods->former_available;
		step.remove_unavailable = pods->former - pods->former_available;
		step.make = pods->former == 0 ? pods->wanted - pods->fresh : 0;
		return step;
	}
	step.make = positive(
		smaller(pods->wanted + rolling->surge - total, pods->wanted - pods->fresh));
	/* What is not available anyway is no loss, but what is being made may become none. */
	step.remove_unavailable =
		smaller(pods->former - pods->former_available,
			positive(total - least - (pods->fresh - pods->fresh_available)));
	step.remove_available = smaller(pods->former_available, positive(available - least));
	return step;
}
