/* SPDX-License-Identifier: MIT */
#pragma once

/* The options of run and create about what `serve` does for the container. */

#include "base/strings.h"
#include "cli/options.h"
#include "lxcri/container.h"

struct service_options {
	const char *restart;
	const char *health_command;
	const char *health_interval;
	const char *health_timeout;
	const char *health_start_period;
	const char *health_retries;
	const char *health_on_failure;
	bool no_health;
};

/* Rows of a table of options whose struct_ has a struct service_options called member_. */
#define SERVICE_OPTION(struct_, member_, form_, field_, name_, kind_, value_, help_)               \
	{                                                                                          \
		name_, 0, OPTION_##kind_, offsetof(struct struct_, member_.field_), value_, help_, \
			form_                                                                      \
	}
/* clang-format off */
#define SERVICE_OPTIONS(s_, m_, f_) \
	SERVICE_OPTION(s_, m_, f_, restart, "restart", TEXT, "POLICY", \
		       "no, on-failure[:N], always or unless-stopped (no)"), \
	SERVICE_OPTION(s_, m_, f_, health_command, "health-cmd", TEXT, "COMMAND", \
		       "is run in it now and then: 0 is well; none is no check"), \
	SERVICE_OPTION(s_, m_, f_, health_interval, "health-interval", TEXT, "TIME", \
		       "between two checks (30s)"), \
	SERVICE_OPTION(s_, m_, f_, health_timeout, "health-timeout", TEXT, "TIME", \
		       "a check that takes longer has failed (30s)"), \
	SERVICE_OPTION(s_, m_, f_, health_start_period, "health-start-period", TEXT, "TIME", \
		       "after the start, in which failures do not count (0s)"), \
	SERVICE_OPTION(s_, m_, f_, health_retries, "health-retries", TEXT, "N", \
		       "failures in a row until it is unhealthy (3)"), \
	SERVICE_OPTION(s_, m_, f_, health_on_failure, "health-on-failure", TEXT, \
		       "none|kill|restart|stop", "what is done then (none)"), \
	SERVICE_OPTION(s_, m_, f_, no_health, "no-healthcheck", FLAG, NULL, \
		       "no check, whatever the image says")
/* clang-format on */

/* What the engine gets of it. Zeroed is empty. */
struct service_request {
	struct lxcri_healthcheck health; /* points into `test` */
	struct strings test;
};

/* Fills @ret_request, which the caller ends, also after a failure. A malformed value is
 * LXCRI_E_INVALID_ARGUMENT naming its option. */
[[nodiscard]] int service_options_fill(const struct service_options *options,
				       struct service_request *ret_request,
				       struct lxcri_error *err);

/* Frees what @request holds. Safe to repeat. */
void service_request_finish(struct service_request *request);
