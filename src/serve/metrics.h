/* SPDX-License-Identifier: MIT */
#pragma once

/* Metrics for Prometheus, on a Unix socket in the run-time directory: GET /metrics. */

#include "serve/guarded.h"
#include "serve/serve.h"

#define METRICS_SOCKET "metrics.sock"

struct metrics;

/* What the parts of a service can tell. */
struct metrics_source {
	/* Calls @each for all containers. */
	void (*each)(void *userdata, void (*each)(void *to, struct guarded *guarded), void *to);
	const struct dns_counters *dns; /* or NULL */
	void *userdata;
};

/* Begins to listen. The caller owns *@ret_metrics. */
[[nodiscard]] int metrics_create(const struct serve_part *part, const struct metrics_source *source,
				 struct metrics **ret_metrics, struct lxcri_error *err);

/* Ends it; NULL is fine. */
void metrics_free(struct metrics *metrics);
DEFINE_AUTOPTR(metrics)
