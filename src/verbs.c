/* SPDX-License-Identifier: MIT */
/* The table of verbs: dispatch, help and completion come from it. */

#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/help.h"

const struct verb *const verbs[] = {
	&verb_run,     &verb_create,  &verb_start,      &verb_stop,     &verb_restart,
	&verb_kill,    &verb_pause,   &verb_resume,     &verb_exec,     &verb_delete,
	&verb_rename,  &verb_list,    &verb_ps,         &verb_top,      &verb_state,
	&verb_stats,   &verb_update,  &verb_rollback,   &verb_history,  &verb_inspect,
	&verb_logs,    &verb_events,  &verb_wait,       &verb_cp,       &verb_diff,
	&verb_apply,   &verb_get,     &verb_describe,   &verb_scale,    &verb_rollout,
	&verb_pod,     &verb_image,   &verb_layer,      &verb_volume,   &verb_network,
	&verb_port,    &verb_forward, &verb_login,      &verb_logout,   &verb_spec,
	&verb_config,  &verb_doctor,  &verb_info,       &verb_serve,    &verb_system,
	&verb_version, &verb_help,    &verb_completion, &verb_complete, NULL,
};
