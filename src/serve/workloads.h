/* SPDX-License-Identifier: MIT */
#pragma once

/* What was applied from manifests is made true again: by a command beside the loop, some time after
 * something has happened to a pod, and with pauses that grow while that fails. */

#include "serve/serve.h"

struct workloads;

/* @settled is called when it may have become needed, or not. The caller owns *@ret. */
void workloads_create(const struct serve_part *part, void (*settled)(void *userdata),
		      void *userdata, struct workloads **ret);

/* Frees it; NULL is fine. A command that runs goes on. */
void workloads_free(struct workloads *workloads);

/* Looks whether there is anything to be kept true, and has it looked at soon. */
void workloads_refresh(struct workloads *workloads);

/* Tells whether there is. */
bool workloads_are_needed(const struct workloads *workloads);
