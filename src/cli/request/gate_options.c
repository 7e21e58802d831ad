/* SPDX-License-Identifier: MIT */
/* The options of update and rollback that both have. */

#include "cli/request/gate_options.h"

bool gate_options_are_given(const struct gate_options *options)
{
	return options->health_cmd || options->health_timeout >= 0 || options->settle >= 0 ||
	       options->grace_seconds >= 0;
}

int gate_options_fill(const struct cli *cli, const struct gate_options *options,
		      struct lxcri_image_update_options *ret, struct lxcri_error *err)
{
	if (options->health_timeout == 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "--health-timeout 0: expected a second or more");
	ret->health_command = options->health_cmd;
	ret->health_seconds =
		options->health_timeout > 0 ? (unsigned int)options->health_timeout : 0;
	ret->settle_seconds = options->settle == 0 ? -1 : options->settle < 0 ? 0 : options->settle;
	ret->grace_seconds = options->grace_seconds >= 0
				     ? (unsigned int)options->grace_seconds
				     : lxcri_config_stop_timeout_seconds(cli->config);
	return 0;
}
