/* SPDX-License-Identifier: MIT */
/* What serve does for a container, from the command line. */

#include "cli/request/service_options.h"

#include "base/json.h"
#include "base/moment.h"
#include "base/text.h"

#include <string.h>

#define RETRIES_MAX 1000000

/* A program with its arguments as JSON, or a line for the shell, as docker and podman have it. */
static int fill_test(const char *command, struct service_request *request, struct lxcri_error *err)
{
	autojson words = NULL;

	if (!command)
		return 0;
	if (strcmp(command, "none") == 0) {
		request->health.off = true;
		return 0;
	}
	if (!*command)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "--health-cmd: the command is empty");
	if (*command != '[') {
		strings_add(&request->test, "CMD-SHELL");
		strings_add(&request->test, command);
		request->health.test = (const char *const *)request->test.items;
		return 0;
	}
	if (json_parse(command, strlen(command), &json_limits_config, &words, err) < 0)
		return fail_while(err, "--health-cmd");
	strings_add(&request->test, "CMD");
	for (size_t i = 0; i < json_count(words); i++) {
		struct json_object *word = json_object_array_get_idx(words, i);

		if (!json_object_is_type(word, json_type_string))
			return fail(err, LXCRI_E_INVALID_ARGUMENT,
				    "--health-cmd: \"%s\": expected a list of strings", command);
		strings_add(&request->test, json_object_get_string(word));
	}
	request->health.test = (const char *const *)request->test.items;
	return 0;
}

static int fill_time(const char *option, const char *value, int64_t *ret, struct lxcri_error *err)
{
	if (value && (moment_parse_duration(value, ret) < 0 || *ret < 0))
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "%s: \"%s\" is no time such as 30s or 1m30s", option, value);
	return 0;
}

int service_options_fill(const struct service_options *options, struct service_request *ret_request,
			 struct lxcri_error *err)
{
	struct lxcri_healthcheck *health = &ret_request->health;
	uint64_t retries = 0;

	*ret_request = (struct service_request){ .health.off = options->no_health };
	if (fill_test(options->health_command, ret_request, err) < 0 ||
	    fill_time("--health-interval", options->health_interval, &health->interval_ns, err) <
		    0 ||
	    fill_time("--health-timeout", options->health_timeout, &health->timeout_ns, err) < 0 ||
	    fill_time("--health-start-period", options->health_start_period,
		      &health->start_period_ns, err) < 0)
		return -1;
	if (options->health_retries &&
	    text_parse_u64(options->health_retries, 1, RETRIES_MAX, &retries) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "--health-retries: \"%s\": expected a number from 1",
			    options->health_retries);
	health->retries = (unsigned int)retries;
	if (options->health_on_failure &&
	    lxcri_health_action_parse(options->health_on_failure, &health->action, err) < 0)
		return fail_while(err, "--health-on-failure");
	return 0;
}

void service_request_finish(struct service_request *request)
{
	strings_finish(&request->test);
	*request = (struct service_request){};
}
