/* SPDX-License-Identifier: MIT */
#pragma once

/* What a container of Proxmox VE writes and how it ends, which our init keeps in files of its root
 * file system: to be had on its node alone. */

#include "engine/ct/ct_place.h"
#include "engine/logs.h"

/* Fills container->state of one that has stopped, and container->end_unknown: whether that cannot
 * be told. */
void ct_end_read(struct lxcri_container *container, const struct ct_place *place);

/* Fills container->state.started_ns of one that runs, exactly, where that can be told. */
void ct_start_read(struct lxcri_container *container, const struct ct_place *place);

/* As lxcri_container_logs(). */
[[nodiscard]] int ct_logs(struct lxcri_container *container,
			  const struct lxcri_log_options *options, int fd_out, int fd_err,
			  struct lxcri_error *err);

/* Starts it, which has to be on this host, and copies its output to ours until it ends. Returns its
 * exit code. */
[[nodiscard]] int ct_run_attached(struct lxcri_container *container, bool pass_signals,
				  int (*start)(struct lxcri_container *container,
					       struct lxcri_error *err),
				  struct lxcri_error *err);
