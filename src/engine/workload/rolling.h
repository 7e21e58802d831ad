/* SPDX-License-Identifier: MIT */
#pragma once

/* How pods of a Deployment or StatefulSet are replaced by others: numbers alone. */

#include "base/fail.h"
#include "manifest/object.h"

struct rolling {
	bool recreate;       /* the old ones go before any new one comes */
	int64_t surge;       /* how many more than wanted there may be */
	int64_t unavailable; /* how many fewer may be available */
	int64_t min_ready_seconds;
	int64_t deadline_seconds; /* without any progress */

	/* Of a StatefulSet. */
	int64_t partition;      /* the pods below it stay as they are */
	bool on_delete;         /* so do all, until somebody removes them */
	bool parallel;          /* those that are missing are made at once */
	bool drops_when_scaled; /* claims go with their pods */
	bool drops_when_deleted;
};

enum rolling_rounding { ROLLING_UP, ROLLING_DOWN };

/* Reads "3" or "25%", the latter of @replicas. LXCRI_E_INVALID_MANIFEST. */
[[nodiscard]] int rolling_count(const char *text, int64_t replicas, enum rolling_rounding rounding,
				int64_t *ret, struct lxcri_error *err);

/* Reads what @set says, with the defaults of Kubernetes. LXCRI_E_INVALID_MANIFEST,
 * LXCRI_E_UNSUPPORTED_OPERATION. */
[[nodiscard]] int rolling_read(const struct object_set *set, enum object_kind kind,
			       struct rolling *ret, struct lxcri_error *err);

/* The pods at some moment. */
struct rolling_pods {
	int64_t wanted;                   /* replicas */
	int64_t fresh, fresh_available;   /* made from what is wanted now */
	int64_t former, former_available; /* from something else */
};

/* How many may be made now, and how many of the former removed: of those that are not available,
 * and of those that are. */
struct rolling_step {
	int64_t make, remove_unavailable, remove_available;
};

/* Decides the next step. */
struct rolling_step rolling_next(const struct rolling *rolling, const struct rolling_pods *pods);
