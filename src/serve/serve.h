/* SPDX-License-Identifier: MIT */
#pragma once

/* The service: one loop that keeps true what was asked for. It only looks and decides; whatever
 * changes a container is a command that it starts, so that nothing it does takes long and nothing
 * is lost with it: what it knows, it knows from records, and a kill at any moment is as good as an
 * end.
 */

#include "base/fail.h"
#include "base/scope.h"
#include "base/strings.h"
#include "engine/engine.h"

#include <systemd/sd-event.h>

struct serve_options {
	const char *config_path; /* or NULL: as configured */
	const char *root_path;
	const char *data_path;
	bool on_demand; /* end when nothing needs it */
};

/* Runs it until it is told to end, or is not needed any more. LXCRI_E_INVALID_STATE when another
 * one runs. */
[[nodiscard]] int serve_run(const struct serve_options *options, struct lxcri_error *err);

/* What the parts of a service share. All of it is borrowed from it. */
struct serve_part {
	sd_event *event;
	struct lxcri_engine *engine;
	const struct strings *command; /* that begins each call of the command: path and options */
};
