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
	if (is_set && strcmp(type, "OnDelete") == 0)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "updateStrategy.type: OnDelete cannot be done here");
	if (strcmp(type, "RollingUpdate") != 0 && (is_set || !ret->recreate))
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "strategy.type: \"%.40s\": expected RollingUpdate%s", type,
			    is_set ? "" : " or Recreate");
	if (set->min_ready_seconds < 0 || set->min_ready_seconds > SECONDS_MAX ||
	    set->deadline_seconds < 0 || set->deadline_seconds > SECONDS_MAX ||
	    set->min_ready_seconds >= ret->deadline_seconds)
		return fail(
			err, LXCRI_E_INVALID_MANIFEST,
			"minReadySeconds %jd, progressDeadlineSeconds %jd: expected 0 to %d, the "
			"first below the second",
			(intmax_t)set->min_ready_seconds, (intmax_t)ret->deadline_seconds,
			SECONDS_MAX);
	if (ret->recreate && set->strategy->rolling)
		return fail(err, LXCRI_E_INVALID_MANIFEST,
			    "strategy.rollingUpdate: does not go with Recreate");
	return is_set ? 0 : read_numbers(set, ret, err);
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
