/* SPDX-License-Identifier: MIT */
/* The table of verbs: dispatch, help and completion come from it. */

#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/help.h"

const struct verb *const verbs[] = {
	&verb_run,     &verb_create, &verb_start,      &verb_stop,     &verb_kill, &verb_pause,
	&verb_resume,  &verb_exec,   &verb_delete,     &verb_list,     &verb_ps,   &verb_state,
	&verb_inspect, &verb_logs,   &verb_wait,       &verb_image,    &verb_spec, &verb_config,
	&verb_version, &verb_help,   &verb_completion, &verb_complete, NULL,
};
