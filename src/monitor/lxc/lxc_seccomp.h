/* SPDX-License-Identifier: MIT */
#pragma once

/* The system call filter of a specification, compiled where libseccomp is, loaded where it is not.
 * Compiling costs more than everything else of a start, so the result is cached by content. */

#include "base/fail.h"
#include "oci/runtime_spec.h"
#include "runtime/lxc/lxc_plan.h"

/* Compiles the filter of @spec, if it has one, into process->seccomp and seccomp_flags, or takes it
 * from @cache, a directory (NULL: no cache), where it is also put. Rules with system calls that
 * this libseccomp does not know are left out, as the specification asks. A cache that cannot be
 * read or written is as good as none. */
[[nodiscard]] int lxc_seccomp_compile(const struct runtime_spec *spec, const char *cache,
				      struct lxc_plan_process *process, struct lxcri_error *err);

/* Keeps the filter of @process below @run_dir; without one it does nothing. */
[[nodiscard]] int lxc_seccomp_save(const struct lxc_plan_process *process, const char *run_dir,
				   struct lxcri_error *err);

/* Takes the filter that was kept below @run_dir into @process; there may be none. */
[[nodiscard]] int lxc_seccomp_load(const char *run_dir, struct lxc_plan_process *process,
				   struct lxcri_error *err);
