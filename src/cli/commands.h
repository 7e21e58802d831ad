/* SPDX-License-Identifier: MIT */
#pragma once

/* The verbs, each in its cmd_*.c; those about the command itself are in help.h. */

#include "cli/cli.h"

extern const struct verb verb_apply;
extern const struct verb verb_config;
extern const struct verb verb_cp;
extern const struct verb verb_create;
extern const struct verb verb_delete;
extern const struct verb verb_describe;
extern const struct verb verb_diff;
extern const struct verb verb_doctor;
extern const struct verb verb_events;
extern const struct verb verb_exec;
extern const struct verb verb_forward;
extern const struct verb verb_get;
extern const struct verb verb_history;
extern const struct verb verb_image;
extern const struct verb verb_layer;
extern const struct verb verb_info;
extern const struct verb verb_inspect;
extern const struct verb verb_kill;
extern const struct verb verb_list;
extern const struct verb verb_login;
extern const struct verb verb_logout;
extern const struct verb verb_logs;
extern const struct verb verb_network;
extern const struct verb verb_pause;
extern const struct verb verb_pod;
extern const struct verb verb_port;
extern const struct verb verb_ps;
extern const struct verb verb_rename;
extern const struct verb verb_restart;
extern const struct verb verb_resume;
extern const struct verb verb_rollback;
extern const struct verb verb_rollout;
extern const struct verb verb_run;
extern const struct verb verb_scale;
extern const struct verb verb_serve;
extern const struct verb verb_spec;
extern const struct verb verb_start;
extern const struct verb verb_state;
extern const struct verb verb_stats;
extern const struct verb verb_stop;
extern const struct verb verb_system;
extern const struct verb verb_top;
extern const struct verb verb_update;
extern const struct verb verb_volume;
extern const struct verb verb_wait;
