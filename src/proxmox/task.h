/* SPDX-License-Identifier: MIT */
#pragma once

/* Tasks: what a method of the API has begun when it answers, and what is done only once the task
 * says so. */

#include "proxmox/pve.h"

/* Asks for something that is a task, and waits until that has ended well. Where it has not, the
 * error has what its log says. @request as for pve_call(); it fails as that does, with
 * LXCRI_E_TIMEOUT after @seconds, and with the code that the task's last words mean. */
[[nodiscard]] int task_run(struct pve *pve, const struct pve_request *request, unsigned int seconds,
			   struct lxcri_error *err);

/* Waits the same for the task @upid. */
[[nodiscard]] int task_await(struct pve *pve, const char *upid, unsigned int seconds,
			     struct lxcri_error *err);
