/* SPDX-License-Identifier: MIT */
#pragma once

/* The labels and annotations of a pod. */

#include "engine/pod/pod.h"

/* Fills @note with @labels and @annotations, words like NAME=VALUE (ended by NULL, or NULL), in the
 * place of others. LXCRI_E_INVALID_ARGUMENT. */
[[nodiscard]] int labels_fill(struct pod_note *note, const char *const *labels,
			      const char *const *annotations, struct lxcri_error *err);

/* Has a pod that is there have these. Returns 1, or 0 when it has them already. */
[[nodiscard]] int labels_change(struct lxcri_pod *pod, const char *const *labels,
				const char *const *annotations, struct lxcri_error *err);
