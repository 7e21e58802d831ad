/* SPDX-License-Identifier: MIT */
#pragma once

/* A runtime specification as LXC needs it: the plan of the shim, and the items of liblxc's
 * configuration. Neither looks at the host; what this build or liblxc cannot do is refused with
 * LXCRI_E_UNSUPPORTED_OPERATION naming the field. */

#include "base/fail.h"
#include "oci/runtime_spec.h"
#include "runtime/lxc/lxc_plan.h"

/* Fills @process from @spec. @seccomp is not looked at. */
[[nodiscard]] int lxc_spec_process(const struct spec_process *spec,
				   struct lxc_plan_process *process, struct lxcri_error *err);

/* Fills @process from the @size bytes of @text, a process object as a file has it. @has_console
 * tells whether somebody takes a terminal, which LXCRI_E_INVALID_ARGUMENT is without. */
[[nodiscard]] int lxc_spec_process_parse(const char *text, size_t size, bool has_console,
					 struct lxc_plan_process *process, struct lxcri_error *err);

/* Fills one mount from @spec: its options are told apart into attributes, propagation and what is
 * the file system's own. */
[[nodiscard]] int lxc_spec_mount(const struct spec_mount *spec, struct lxc_plan_mount *mount,
				 struct lxcri_error *err);

/* Fills @plan from @spec for the container @id of @bundle. The caller ends it, also on failure. */
[[nodiscard]] int lxc_spec_plan(const struct runtime_spec *spec, const char *id, const char *bundle,
				struct lxc_plan *plan, struct lxcri_error *err);
